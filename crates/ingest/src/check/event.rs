//! The judgement of a draft.

use domain::event::{Channel, Event, Identity};
use domain::id::{EventId, IngestId, TenantId};
use domain::limits;
use store::AccessDirectory;
use store::api_keys::Reach;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};
use uuid::Uuid;

use super::draft::Draft;
use super::nesting;
use super::refusal::{Reason, Refusal};

/// Who publishes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Publisher {
    /// The bearer of an API key.
    Key(Reach),
    /// The platform, over a queue that only it can publish to.
    Inbox,
}

/// Makes an event of a tenant's draft. `fresh` are two random ids, used where the publisher gave none.
pub(crate) fn check(
    draft: Draft,
    tenant: TenantId,
    fresh: (EventId, IngestId),
    now: OffsetDateTime,
) -> Result<Event, Refusal> {
    let event_type = draft
        .event
        .parse()
        .map_err(|e| Refusal::invalid("#/event", e))?;
    if nesting::depth(&draft.data) > limits::NESTING {
        let detail = format!("nested deeper than {} arrays and objects", limits::NESTING);
        return Err(Refusal::invalid("#/data", detail));
    }
    let timestamp = draft.timestamp.as_deref().map_or(Ok(now), timestamp)?;
    let channels = channels(&draft.channels)?;
    let (id, identity) = match draft.id.as_deref() {
        None => (fresh.0, Identity::Minted),
        Some(key) => {
            key_is_sound(key)?;
            let identity = Identity::keyed(&event_type, &draft.data);
            (EventId::keyed(tenant, key), identity)
        }
    };
    Ok(Event {
        id,
        ingest_id: fresh.1,
        tenant,
        event_type,
        data: draft.data,
        timestamp,
        accepted_at: now,
        channels,
        identity,
        violations: Vec::new(),
        trace: draft.trace,
    })
}

/// Two ids that nobody else has.
pub(crate) fn fresh_ids() -> (EventId, IngestId) {
    (
        EventId::from_uuid(Uuid::now_v7()),
        IngestId::from_uuid(Uuid::new_v4()),
    )
}

/// The tenant that a draft names, or the only one that its publisher has.
pub(crate) fn tenant(
    named: Option<&str>,
    publisher: Publisher,
    directory: &AccessDirectory,
) -> Result<TenantId, Refusal> {
    let unknown = || {
        let detail = "there is no such tenant: create it, or use its id or external id";
        Refusal::new(Reason::UnknownTenant, "#/tenant", detail)
    };
    let reach = match publisher {
        Publisher::Key(reach) => reach,
        Publisher::Inbox => Reach::Platform,
    };
    let tenant = match (named, reach) {
        (None, Reach::Tenant(own)) => own,
        (None, Reach::Platform) => {
            return Err(Refusal::invalid("#/tenant", "missing: name the tenant"));
        }
        (Some(name), _) => name
            .parse()
            .ok()
            .filter(|id| directory.has_tenant(*id))
            .or_else(|| directory.tenant_by_external_id(name))
            .ok_or_else(unknown)?,
    };
    // The platform's own events are Posthaste's word, which nobody else can give.
    let is_open = tenant != TenantId::PLATFORM && directory.has_tenant(tenant);
    if reach.covers(tenant) && is_open {
        Ok(tenant)
    } else {
        Err(unknown())
    }
}

/// RFC 3339, in UTC and to the microsecond, as the record keeps it.
fn timestamp(text: &str) -> Result<OffsetDateTime, Refusal> {
    let wrong = || {
        let detail = "not an RFC 3339 time, such as 2024-01-15T10:30:00Z";
        Refusal::invalid("#/timestamp", detail)
    };
    let at = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| wrong())?;
    let at = at.checked_to_offset(UtcOffset::UTC).ok_or_else(wrong)?;
    // What can't be written again must not be taken.
    if !(0..=9999).contains(&at.year()) {
        return Err(wrong());
    }
    at.replace_microsecond(at.microsecond())
        .map_err(|_| wrong())
}

fn channels(texts: &[String]) -> Result<Vec<Channel>, Refusal> {
    if texts.len() > limits::CHANNELS {
        let detail = format!("an event has at most {} channels", limits::CHANNELS);
        return Err(Refusal::invalid("#/channels", detail));
    }
    let channels = texts.iter().map(|text| text.parse());
    channels
        .collect::<Result<_, _>>()
        .map_err(|e| Refusal::invalid("#/channels", e))
}

fn key_is_sound(key: &str) -> Result<(), Refusal> {
    let bytes = limits::IDEMPOTENCY_KEY_BYTES;
    if key.is_empty() || key.len() > bytes || key.chars().any(char::is_control) {
        let detail = format!("an id is 1 to {bytes} bytes without control characters");
        return Err(Refusal::invalid("#/id", detail));
    }
    Ok(())
}
