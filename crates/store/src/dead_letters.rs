//! Dead letters: messages that could not be processed, kept for a person.

use bytes::Bytes;
use domain::event_type::EventType;
use domain::id::{DeadLetterId, DeliveryId, EndpointId, EventId, Id, TenantId};
use time::{Date, OffsetDateTime};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::audit::{self, Deed};
use crate::error::StoreError;
use crate::fence::fence;
use crate::pool::Store;
use crate::sql::{execute, get, id, named, optional_id, row, storable, uuids};

pub use search::{Found, Search, Which};

mod search;

/// What kind of message died.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeadLetterKind {
    /// A delivery that was given up.
    Delivery,
    /// A message that every attempt to process it failed on, alone.
    Poison,
    /// An inbox message that is no event.
    Rejected,
}

impl DeadLetterKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Delivery, Self::Poison, Self::Rejected];

    /// The name in the record and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivery => "delivery",
            Self::Poison => "poison",
            Self::Rejected => "rejected",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A dead letter to be kept. Its texts may come from a stranger: U+0000 in them is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDeadLetter {
    /// Its id, the same when its message comes again: a second insertion changes nothing.
    pub id: DeadLetterId,
    /// What kind of message it was.
    pub kind: DeadLetterKind,
    /// Why, in a word that programs can tell.
    pub reason: String,
    /// Why, for people.
    pub detail: String,
    /// The queue that it came from.
    pub origin: String,
    /// Whose it is, where that is known.
    pub tenant: Option<TenantId>,
    /// Its event, where that is known.
    pub event: Option<EventId>,
    /// Its delivery, where that is known.
    pub delivery: Option<DeliveryId>,
    /// Its endpoint, where that is known.
    pub endpoint: Option<EndpointId>,
    /// The type of its event, where that is known.
    pub event_type: Option<EventType>,
    /// The UTC day of its event's acceptance, where that is known: the partition of its rows.
    pub event_day: Option<Date>,
    /// The message's content type.
    pub content_type: Option<String>,
    /// The message's `type` property.
    pub message_kind: Option<String>,
    /// The message's id: its publisher's own, where it came from one.
    pub message_id: Option<String>,
    /// The message's body, as it came.
    pub body: Bytes,
    /// The message's headers, a JSON object.
    pub headers: String,
}

/// A dead letter as the record has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// What was kept.
    pub letter: NewDeadLetter,
    /// When it was kept.
    pub created_at: OffsetDateTime,
    /// How it ended, if it did.
    pub resolved: Option<Resolved>,
}

/// A dead letter without its message, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterSummary {
    /// The letter.
    pub id: DeadLetterId,
    /// What kind of message it was.
    pub kind: DeadLetterKind,
    /// Why, in a word that programs can tell.
    pub reason: String,
    /// Why, for people.
    pub detail: String,
    /// The queue that it came from.
    pub origin: String,
    /// Whose it is, where that is known.
    pub tenant: Option<TenantId>,
    /// Its event, where that is known.
    pub event: Option<EventId>,
    /// The type of its event, where that is known.
    pub event_type: Option<EventType>,
    /// Its delivery, where that is known.
    pub delivery: Option<DeliveryId>,
    /// Its endpoint, where that is known.
    pub endpoint: Option<EndpointId>,
    /// When it was kept.
    pub created_at: OffsetDateTime,
    /// How it ended, if it did.
    pub resolved: Option<Resolved>,
}

/// The end of a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// When.
    pub at: OffsetDateTime,
    /// The name of a [`Resolution`]; a later version may know more of them.
    pub resolution: String,
}

/// What was done about a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resolution {
    /// It was sent on its way again.
    Replayed,
    /// Somebody gave it up.
    Discarded,
}

impl Resolution {
    /// The name in the record and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Replayed => "replayed",
            Self::Discarded => "discarded",
        }
    }
}

/// Who looks at dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Viewer {
    /// The platform sees all.
    Platform,
    /// A tenant sees its own deliveries.
    Tenant(TenantId),
}

impl Store {
    /// Keeps dead letters; those whose id is known already stay as they are.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is: none of them is kept then.
    pub async fn insert_dead_letters(&self, letters: &[NewDeadLetter]) -> Result<(), StoreError> {
        const INSERT: &str = "-- dead_letters_insert
            insert into dead_letters (id, kind, reason, detail, origin, tenant_id, event_id,
                                      delivery_id, endpoint_id, content_type, message_kind, body,
                                      headers, event_type, event_day, message_id)
            select u.id, u.kind, u.reason, u.detail, u.origin, u.tenant_id, u.event_id,
                   u.delivery_id, u.endpoint_id, u.content_type, u.message_kind, u.body, u.headers,
                   u.event_type, u.event_day, u.message_id
            from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[],
                        $7::uuid[], $8::uuid[], $9::uuid[], $10::text[], $11::text[], $12::bytea[],
                        $13::text[], $14::text[], $15::date[], $16::text[])
                 as u (id, kind, reason, detail, origin, tenant_id, event_id, delivery_id,
                       endpoint_id, content_type, message_kind, body, headers, event_type,
                       event_day, message_id)
            order by u.id
            on conflict (id) do nothing";
        fn column<'a, T>(
            letters: &'a [NewDeadLetter],
            of: impl Fn(&'a NewDeadLetter) -> T,
        ) -> Vec<T> {
            letters.iter().map(of).collect()
        }
        self.bounded(async {
            let client = self.client().await?;
            execute(
                &client,
                INSERT,
                &[
                    &column(letters, |one| one.id.uuid()),
                    &column(letters, |one| one.kind.as_str()),
                    &column(letters, |one| storable(&one.reason)),
                    &column(letters, |one| storable(&one.detail)),
                    &column(letters, |one| storable(&one.origin)),
                    &column(letters, |one| one.tenant.map(Id::uuid)),
                    &column(letters, |one| one.event.map(Id::uuid)),
                    &column(letters, |one| one.delivery.map(Id::uuid)),
                    &column(letters, |one| one.endpoint.map(Id::uuid)),
                    &column(letters, |one| one.content_type.as_deref().map(storable)),
                    &column(letters, |one| one.message_kind.as_deref().map(storable)),
                    &column(letters, |one| &*one.body),
                    &column(letters, |one| storable(&one.headers)),
                    &column(letters, |one| {
                        one.event_type.as_ref().map(EventType::as_str)
                    }),
                    &column(letters, |one| one.event_day),
                    &column(letters, |one| one.message_id.as_deref().map(storable)),
                ],
            )
            .await?;
            Ok(())
        })
        .await
    }

    /// The dead letter of this id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none, or none for this viewer.
    pub async fn dead_letter(
        &self,
        viewer: Viewer,
        letter: DeadLetterId,
    ) -> Result<DeadLetter, StoreError> {
        const GET: &str = "-- dead_letter_get
            select id, kind, reason, detail, origin, tenant_id, event_id, delivery_id, endpoint_id,
                   event_type, event_day, content_type, message_kind, message_id, body, headers,
                   created_at, resolved_at, resolution
            from dead_letters
            where id = $1 and ($2::uuid is null or (tenant_id = $2 and kind = 'delivery'))";
        self.bounded(async {
            let mut client = self.client().await?;
            let (letter, of) = (letter.uuid(), viewer.tenant());
            let found = match viewer {
                Viewer::Platform => row(&client, GET, &[&letter, &of]).await?,
                Viewer::Tenant(tenant) => {
                    let fenced = fence(&mut client, tenant).await?;
                    row(&fenced, GET, &[&letter, &of]).await?
                }
            };
            dead_letter(&found.ok_or(StoreError::NotFound)?)
        })
        .await
    }

    /// Says how a dead letter ended, and who saw to it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none, or none for this viewer;
    /// [`StoreError::Conflict`] when it ended before.
    pub async fn resolve_dead_letter(
        &self,
        viewer: Viewer,
        letter: DeadLetterId,
        resolution: Resolution,
        by: &Deed,
    ) -> Result<(), StoreError> {
        const RESOLVE: &str = "-- dead_letter_resolve
            update dead_letters set resolved_at = now(), resolution = $3
            where id = $1 and resolved_at is null
              and ($2::uuid is null or (tenant_id = $2 and kind = 'delivery'))";
        let resolved = self
            .bounded(async {
                let mut client = self.client().await?;
                let transaction = client.transaction().await?;
                let (letter, resolution) = (letter.uuid(), resolution.as_str());
                let resolved = execute(
                    &transaction,
                    RESOLVE,
                    &[&letter, &viewer.tenant(), &resolution],
                )
                .await?;
                if resolved > 0 {
                    audit::write(&transaction, by).await?;
                    transaction.commit().await?;
                }
                Ok(resolved)
            })
            .await?;
        if resolved == 0 {
            self.dead_letter(viewer, letter).await?;
            return Err(StoreError::Conflict);
        }
        Ok(())
    }

    /// Says how many dead letters ended; gives how many of them were open.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn resolve_dead_letters(
        &self,
        letters: &[DeadLetterId],
        resolution: Resolution,
    ) -> Result<u64, StoreError> {
        const RESOLVE: &str = "-- dead_letters_resolve
            update dead_letters set resolved_at = now(), resolution = $2
            where id = any($1) and resolved_at is null";
        self.bounded(async {
            let client = self.client().await?;
            let letters = uuids(letters.iter().copied());
            execute(&client, RESOLVE, &[&letters, &resolution.as_str()]).await
        })
        .await
    }

    /// Says that the dead letters of a delivery, if it has any, were dealt with by a replay.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn resolve_letters_of(&self, delivery: DeliveryId) -> Result<(), StoreError> {
        const RESOLVE: &str = "-- dead_letters_resolve_delivery
            update dead_letters set resolved_at = now(), resolution = 'replayed'
            where delivery_id = $1 and resolved_at is null and kind = 'delivery'";
        self.bounded(async {
            let client = self.client().await?;
            execute(&client, RESOLVE, &[&delivery.uuid()]).await?;
            Ok(())
        })
        .await
    }
}

impl Viewer {
    pub(crate) fn tenant(self) -> Option<Uuid> {
        match self {
            Self::Platform => None,
            Self::Tenant(tenant) => Some(tenant.uuid()),
        }
    }
}

fn dead_letter(row: &Row) -> Result<DeadLetter, StoreError> {
    Ok(DeadLetter {
        letter: NewDeadLetter {
            id: id(row, "id")?,
            kind: named(row, "kind", DeadLetterKind::from_name)?,
            reason: get(row, "reason")?,
            detail: get(row, "detail")?,
            origin: get(row, "origin")?,
            tenant: optional_id(row, "tenant_id")?,
            event: optional_id(row, "event_id")?,
            delivery: optional_id(row, "delivery_id")?,
            endpoint: optional_id(row, "endpoint_id")?,
            event_type: event_type(row)?,
            event_day: get(row, "event_day")?,
            content_type: get(row, "content_type")?,
            message_kind: get(row, "message_kind")?,
            message_id: get(row, "message_id")?,
            body: Bytes::copy_from_slice(get(row, "body")?),
            headers: get(row, "headers")?,
        },
        created_at: get(row, "created_at")?,
        resolved: resolved(row)?,
    })
}

fn event_type(row: &Row) -> Result<Option<EventType>, StoreError> {
    let text: Option<&str> = get(row, "event_type")?;
    let parsed = text.map(str::parse).transpose();
    parsed.map_err(|_| StoreError::unreadable("event_type"))
}

fn resolved(row: &Row) -> Result<Option<Resolved>, StoreError> {
    let at: Option<OffsetDateTime> = get(row, "resolved_at")?;
    let resolution: Option<String> = get(row, "resolution")?;
    Ok(at
        .zip(resolution)
        .map(|(at, resolution)| Resolved { at, resolution }))
}
