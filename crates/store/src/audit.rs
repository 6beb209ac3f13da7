//! The audit: who did what, and when.
//!
//! An entry is written in the transaction of its deed where the deed is one of the record's, and
//! right after it where it is not. Nothing changes or removes an entry.

use deadpool_postgres::GenericClient;
use domain::id::{ApiKeyId, AuditId, Id, PersonId, SessionId, TenantId};
use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::error::StoreError;
use crate::page::{Cursor, Page, PageRequest};
use crate::pool::Store;
use crate::sql::{execute, get, id, optional_id, rows};

/// Who does something, by a call of the API or in a session of the dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actor {
    /// On whose behalf.
    pub who: Who,
    /// The session, where it is done in one.
    pub session: Option<SessionId>,
}

/// On whose behalf something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// A key: the one that asks, that opened the session, or that made the link which did.
    Key(ApiKeyId),
    /// Somebody who signed in by the identity provider.
    Person(PersonId),
}

impl Actor {
    /// A key itself.
    #[must_use]
    pub const fn key(key: ApiKeyId) -> Self {
        let who = Who::Key(key);
        Self { who, session: None }
    }
}

impl Who {
    /// The key, where it is one.
    #[must_use]
    pub const fn key(self) -> Option<ApiKeyId> {
        match self {
            Self::Key(key) => Some(key),
            Self::Person(_) => None,
        }
    }

    /// The person, where it is one.
    #[must_use]
    pub const fn person(self) -> Option<PersonId> {
        match self {
            Self::Key(_) => None,
            Self::Person(person) => Some(person),
        }
    }
}

/// What is written down of a deed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// Who asked for it.
    pub by: Actor,
    /// Whose data it was done to; none: the platform's.
    pub tenant: Option<TenantId>,
    /// What was done.
    pub action: Action,
    /// What it was done to.
    pub subject: String,
    /// More about it: a JSON object, without payloads and secrets.
    pub detail: String,
}

/// What is written down when it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A replay of many deliveries was made.
    ReplayCreated,
    /// It was paused.
    ReplayPaused,
    /// It was resumed.
    ReplayResumed,
    /// It was cancelled.
    ReplayCancelled,
    /// Its rate was changed.
    ReplayRateChanged,
    /// One delivery was replayed.
    DeliveryReplayed,
    /// One dead letter was replayed.
    DeadLetterReplayed,
    /// Many dead letters were replayed.
    DeadLettersReplayed,
    /// One dead letter was discarded.
    DeadLetterDiscarded,
    /// Many dead letters were discarded.
    DeadLettersDiscarded,
    /// A tenant was made.
    TenantCreated,
    /// A tenant was deleted, with all that is its own.
    TenantDeleted,
    /// An endpoint was registered.
    EndpointCreated,
    /// An endpoint's settings were changed.
    EndpointChanged,
    /// An endpoint was deleted.
    EndpointDeleted,
    /// An endpoint was given a new secret.
    EndpointSecretRotated,
    /// An endpoint was paused.
    EndpointPaused,
    /// An endpoint was resumed.
    EndpointResumed,
    /// A test event was sent to an endpoint.
    EndpointTested,
    /// A link to a tenant's part of the dashboard was made.
    PortalLinkCreated,
    /// A tenant's links were revoked, and the sessions that links had opened.
    PortalLinksRevoked,
    /// A session in the dashboard was opened.
    SessionOpened,
    /// Somebody whom the identity provider vouched for was not let in.
    SignInRefused,
    /// Somebody was signed out everywhere by somebody else.
    PersonSignedOut,
    /// An API key was made.
    ApiKeyCreated,
    /// An API key was revoked.
    ApiKeyRevoked,
    /// An event type was described, anew or otherwise than before.
    EventTypeSaved,
    /// An event type was archived.
    EventTypeArchived,
    /// The platform's settings were changed.
    SettingsChanged,
    /// What customers see of the platform was changed, all but the logo.
    BrandingChanged,
    /// The platform's logo was set or removed.
    BrandingLogoChanged,
}

impl Action {
    /// The name in the record and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReplayCreated => "replay.created",
            Self::ReplayPaused => "replay.paused",
            Self::ReplayResumed => "replay.resumed",
            Self::ReplayCancelled => "replay.cancelled",
            Self::ReplayRateChanged => "replay.rate_changed",
            Self::DeliveryReplayed => "delivery.replayed",
            Self::DeadLetterReplayed => "dead_letter.replayed",
            Self::DeadLettersReplayed => "dead_letters.replayed",
            Self::DeadLetterDiscarded => "dead_letter.discarded",
            Self::DeadLettersDiscarded => "dead_letters.discarded",
            Self::TenantCreated => "tenant.created",
            Self::TenantDeleted => "tenant.deleted",
            Self::EndpointCreated => "endpoint.created",
            Self::EndpointChanged => "endpoint.changed",
            Self::EndpointDeleted => "endpoint.deleted",
            Self::EndpointSecretRotated => "endpoint.secret_rotated",
            Self::EndpointPaused => "endpoint.paused",
            Self::EndpointResumed => "endpoint.resumed",
            Self::EndpointTested => "endpoint.tested",
            Self::PortalLinkCreated => "portal_link.created",
            Self::PortalLinksRevoked => "portal_links.revoked",
            Self::SessionOpened => "session.opened",
            Self::SignInRefused => "sign_in.refused",
            Self::PersonSignedOut => "person.signed_out",
            Self::ApiKeyCreated => "api_key.created",
            Self::ApiKeyRevoked => "api_key.revoked",
            Self::EventTypeSaved => "event_type.saved",
            Self::EventTypeArchived => "event_type.archived",
            Self::SettingsChanged => "settings.changed",
            Self::BrandingChanged => "branding.changed",
            Self::BrandingLogoChanged => "branding.logo_changed",
        }
    }
}

/// An entry of the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The entry.
    pub id: AuditId,
    /// When it was done.
    pub at: OffsetDateTime,
    /// Whose data it was done to; none: the platform's.
    pub tenant: Option<TenantId>,
    /// Who asked for it.
    pub by: Actor,
    /// As the key or the person was called then.
    pub name: String,
    /// The name of an [`Action`]; a later version may know more of them.
    pub action: String,
    /// What it was done to.
    pub subject: String,
    /// More about it: a JSON object.
    pub detail: String,
}

impl Store {
    /// Writes a deed down that is none of the record's own.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn audit(&self, deed: &Deed) -> Result<(), StoreError> {
        self.bounded(async { write(&self.client().await?, deed).await })
            .await
    }

    /// The entries, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn audit_entries(&self, page: PageRequest) -> Result<Page<Entry>, StoreError> {
        const LIST: &str = "-- audit_list
            select id, at, tenant_id, key_id, person_id, coalesce(key_name, person_name, '') as name,
                   session_id, action, subject, detail
            from audit where (at, id) < ($1, $2)
            order by at desc, id desc limit $3";
        self.bounded(async {
            let client = self.client().await?;
            let after = page.below();
            let found = rows(&client, LIST, &[&after.at, &after.id, &page.limit()]).await?;
            entries(&found, page)
        })
        .await
    }

    /// What was done to a tenant's data, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn audit_entries_of(
        &self,
        tenant: TenantId,
        page: PageRequest,
    ) -> Result<Page<Entry>, StoreError> {
        const LIST: &str = "-- audit_of_tenant
            select id, at, tenant_id, key_id, person_id, coalesce(key_name, person_name, '') as name,
                   session_id, action, subject, detail
            from audit where tenant_id = $1 and (at, id) < ($2, $3)
            order by at desc, id desc limit $4";
        self.bounded(async {
            let client = self.client().await?;
            let after = page.below();
            let found = rows(
                &client,
                LIST,
                &[&tenant.uuid(), &after.at, &after.id, &page.limit()],
            )
            .await?;
            entries(&found, page)
        })
        .await
    }
}

fn entries(found: &[Row], page: PageRequest) -> Result<Page<Entry>, StoreError> {
    let found: Result<_, _> = found.iter().map(entry).collect();
    Ok(Page::new(found?, page, |one| Cursor {
        at: one.at,
        id: one.id.uuid(),
    }))
}

/// Writes a deed down beside what it did.
pub(crate) async fn write<C: GenericClient>(client: &C, deed: &Deed) -> Result<(), StoreError> {
    const INSERT: &str = "-- audit_insert
        insert into audit (id, tenant_id, key_id, key_name, person_id, person_name, action, subject,
                           detail, session_id)
        select $1, $2, $3,
               case when $3::uuid is not null
                   then coalesce((select name from api_keys where id = $3), '') end,
               $8, (select name from people where id = $8), $4, $5, $6, $7";
    let tenant = deed.tenant.map(Id::uuid);
    execute(
        client,
        INSERT,
        &[
            &Uuid::now_v7(),
            &tenant,
            &deed.by.who.key().map(Id::uuid),
            &deed.action.as_str(),
            &deed.subject,
            &deed.detail,
            &deed.by.session.map(Id::uuid),
            &deed.by.who.person().map(Id::uuid),
        ],
    )
    .await?;
    Ok(())
}

fn entry(row: &Row) -> Result<Entry, StoreError> {
    Ok(Entry {
        id: id(row, "id")?,
        at: get(row, "at")?,
        tenant: optional_id(row, "tenant_id")?,
        by: Actor {
            who: who(row)?,
            session: optional_id(row, "session_id")?,
        },
        name: get(row, "name")?,
        action: get(row, "action")?,
        subject: get(row, "subject")?,
        detail: get(row, "detail")?,
    })
}

/// On whose behalf something was or is done: one of the two columns is null.
pub(crate) fn who(row: &Row) -> Result<Who, StoreError> {
    match optional_id(row, "key_id")? {
        Some(key) => Ok(Who::Key(key)),
        None => Ok(Who::Person(id(row, "person_id")?)),
    }
}
