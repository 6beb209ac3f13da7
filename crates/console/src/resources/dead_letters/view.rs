//! What a dead letter looks like.

use serde::Serialize;
use store::dead_letters::{DeadLetter, DeadLetterSummary};
use utoipa::ToSchema;

use crate::resources::text::{self, Foreign};

/// A dead letter, its body apart.
#[derive(Serialize, ToSchema)]
pub(crate) struct Letter {
    pub(crate) id: String,
    /// `delivery`, `poison` or `rejected`.
    pub(crate) kind: &'static str,
    /// In one word, such as `exhausted` or `undecodable`.
    pub(crate) reason: String,
    /// The same for a person.
    pub(crate) detail: String,
    /// The queue that it came from.
    pub(crate) origin: String,
    pub(crate) tenant: Option<String>,
    pub(crate) event: Option<String>,
    pub(crate) event_type: Option<String>,
    pub(crate) delivery: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) created_at: String,
    /// What was done about it, if anything was: `replayed` or `discarded`.
    pub(crate) resolution: Option<String>,
    pub(crate) resolved_at: Option<String>,
}

/// A dead letter with the bytes of its message.
#[derive(Serialize, ToSchema)]
pub(crate) struct WithBody {
    #[serde(flatten)]
    pub(crate) letter: Letter,
    pub(crate) content_type: Option<String>,
    pub(crate) message_type: Option<String>,
    pub(crate) message_id: Option<String>,
    pub(crate) body: Foreign,
}

impl From<DeadLetterSummary> for Letter {
    fn from(found: DeadLetterSummary) -> Self {
        let (resolved_at, resolution) = found
            .resolved
            .map(|resolved| (text::instant(resolved.at), resolved.resolution))
            .unzip();
        Self {
            id: found.id.to_string(),
            kind: found.kind.as_str(),
            reason: found.reason,
            detail: found.detail,
            origin: found.origin,
            tenant: found.tenant.map(|id| id.to_string()),
            event: found.event.map(|id| id.to_string()),
            event_type: found.event_type.map(|one| one.to_string()),
            delivery: found.delivery.map(|id| id.to_string()),
            endpoint: found.endpoint.map(|id| id.to_string()),
            created_at: text::instant(found.created_at),
            resolution,
            resolved_at,
        }
    }
}

impl From<DeadLetter> for WithBody {
    fn from(found: DeadLetter) -> Self {
        let (created_at, resolved, letter) = (found.created_at, found.resolved, found.letter);
        Self {
            content_type: letter.content_type,
            message_type: letter.message_kind,
            message_id: letter.message_id,
            body: Foreign::of(&letter.body),
            letter: Letter::from(DeadLetterSummary {
                id: letter.id,
                kind: letter.kind,
                reason: letter.reason,
                detail: letter.detail,
                origin: letter.origin,
                tenant: letter.tenant,
                event: letter.event,
                event_type: letter.event_type,
                delivery: letter.delivery,
                endpoint: letter.endpoint,
                created_at,
                resolved,
            }),
        }
    }
}
