//! The audit: who did what, and when.
//!
//! An entry is written in the transaction of its deed where the deed is one of the record's, and
//! right after it where it is not. Nothing changes or removes an entry.

use deadpool_postgres::GenericClient;
use domain::id::{ApiKeyId, AuditId, Id, TenantId};
use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::error::StoreError;
use crate::page::{Cursor, Page, PageRequest};
use crate::pool::Store;
use crate::sql::{execute, get, id, optional_id, rows};

/// What is written down of a deed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// The key that asked for it.
    pub by: ApiKeyId,
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
    /// An endpoint was paused.
    EndpointPaused,
    /// An endpoint was resumed.
    EndpointResumed,
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
            Self::EndpointPaused => "endpoint.paused",
            Self::EndpointResumed => "endpoint.resumed",
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
    /// The key that asked for it.
    pub key: ApiKeyId,
    /// As the key was called then.
    pub key_name: String,
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
            select id, at, tenant_id, key_id, key_name, action, subject, detail
            from audit where (at, id) < ($1, $2)
            order by at desc, id desc limit $3";
        self.bounded(async {
            let client = self.client().await?;
            let after = page.below();
            let found = rows(&client, LIST, &[&after.at, &after.id, &page.limit()]).await?;
            let found: Result<_, _> = found.iter().map(entry).collect();
            Ok(Page::new(found?, page, |one| Cursor {
                at: one.at,
                id: one.id.uuid(),
            }))
        })
        .await
    }
}

/// Writes a deed down beside what it did.
pub(crate) async fn write<C: GenericClient>(client: &C, deed: &Deed) -> Result<(), StoreError> {
    const INSERT: &str = "-- audit_insert
        insert into audit (id, tenant_id, key_id, key_name, action, subject, detail)
        select $1, $2, $3, coalesce((select name from api_keys where id = $3), ''), $4, $5, $6";
    let tenant = deed.tenant.map(Id::uuid);
    execute(
        client,
        INSERT,
        &[
            &Uuid::now_v7(),
            &tenant,
            &deed.by.uuid(),
            &deed.action.as_str(),
            &deed.subject,
            &deed.detail,
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
        key: id(row, "key_id")?,
        key_name: get(row, "key_name")?,
        action: get(row, "action")?,
        subject: get(row, "subject")?,
        detail: get(row, "detail")?,
    })
}
