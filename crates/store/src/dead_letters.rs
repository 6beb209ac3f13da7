//! Dead letters: messages that could not be processed, kept for a person.

use bytes::Bytes;
use domain::id::{DeadLetterId, DeliveryId, EndpointId, EventId, Id, TenantId};
use time::OffsetDateTime;
use tokio_postgres::Row;

use crate::error::StoreError;
use crate::page::{Cursor, Page, PageRequest};
use crate::pool::Store;
use crate::sql::{execute, get, id, named, optional_id, row, rows, storable};

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
    /// The message's content type.
    pub content_type: Option<String>,
    /// The message's `type` property.
    pub message_kind: Option<String>,
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

/// The end of a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// When.
    pub at: OffsetDateTime,
    /// What was done: `replayed`, `discarded`, …
    pub resolution: String,
}

/// Which dead letters to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeadLetterFilter {
    /// Those that nobody has resolved.
    Open,
    /// All of them.
    All,
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
                                      headers)
            select u.id, u.kind, u.reason, u.detail, u.origin, u.tenant_id, u.event_id,
                   u.delivery_id, u.endpoint_id, u.content_type, u.message_kind, u.body, u.headers
            from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[],
                        $7::uuid[], $8::uuid[], $9::uuid[], $10::text[], $11::text[], $12::bytea[],
                        $13::text[])
                 as u (id, kind, reason, detail, origin, tenant_id, event_id, delivery_id,
                       endpoint_id, content_type, message_kind, body, headers)
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
                ],
            )
            .await?;
            Ok(())
        })
        .await
    }

    /// Dead letters, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn dead_letters(
        &self,
        filter: DeadLetterFilter,
        page: PageRequest,
    ) -> Result<Page<DeadLetter>, StoreError> {
        const LIST_OPEN: &str = "-- dead_letters_list_open
            select id, kind, reason, detail, origin, tenant_id, event_id, delivery_id, endpoint_id,
                   content_type, message_kind, body, headers, created_at, resolved_at, resolution
            from dead_letters
            where resolved_at is null and (created_at, id) < ($1, $2)
            order by created_at desc, id desc limit $3";
        const LIST_ALL: &str = "-- dead_letters_list
            select id, kind, reason, detail, origin, tenant_id, event_id, delivery_id, endpoint_id,
                   content_type, message_kind, body, headers, created_at, resolved_at, resolution
            from dead_letters
            where (created_at, id) < ($1, $2)
            order by created_at desc, id desc limit $3";
        let list = match filter {
            DeadLetterFilter::Open => LIST_OPEN,
            DeadLetterFilter::All => LIST_ALL,
        };
        self.bounded(async {
            let client = self.client().await?;
            let after = page.below();
            let found = rows(&client, list, &[&after.at, &after.id, &page.limit()]).await?;
            let found: Result<_, _> = found.iter().map(dead_letter).collect();
            Ok(Page::new(found?, page, |one| Cursor {
                at: one.created_at,
                id: one.letter.id.uuid(),
            }))
        })
        .await
    }

    /// The dead letter of this id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    pub async fn dead_letter(&self, letter: DeadLetterId) -> Result<DeadLetter, StoreError> {
        const GET: &str = "-- dead_letter_get
            select id, kind, reason, detail, origin, tenant_id, event_id, delivery_id, endpoint_id,
                   content_type, message_kind, body, headers, created_at, resolved_at, resolution
            from dead_letters where id = $1";
        self.bounded(async {
            let client = self.client().await?;
            let found = row(&client, GET, &[&letter.uuid()]).await?;
            dead_letter(&found.ok_or(StoreError::NotFound)?)
        })
        .await
    }

    /// Says how a dead letter ended.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none; [`StoreError::Conflict`] when it ended
    /// before.
    pub async fn resolve_dead_letter(
        &self,
        letter: DeadLetterId,
        resolution: &str,
    ) -> Result<(), StoreError> {
        const RESOLVE: &str = "-- dead_letter_resolve
            update dead_letters set resolved_at = now(), resolution = $2
            where id = $1 and resolved_at is null";
        let resolved = self
            .bounded(async {
                let client = self.client().await?;
                execute(&client, RESOLVE, &[&letter.uuid(), &resolution]).await
            })
            .await?;
        if resolved == 0 {
            self.dead_letter(letter).await?;
            return Err(StoreError::Conflict);
        }
        Ok(())
    }
}

fn dead_letter(row: &Row) -> Result<DeadLetter, StoreError> {
    let at: Option<OffsetDateTime> = get(row, "resolved_at")?;
    let resolution: Option<String> = get(row, "resolution")?;
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
            content_type: get(row, "content_type")?,
            message_kind: get(row, "message_kind")?,
            body: Bytes::copy_from_slice(get(row, "body")?),
            headers: get(row, "headers")?,
        },
        created_at: get(row, "created_at")?,
        resolved: at
            .zip(resolution)
            .map(|(at, resolution)| Resolved { at, resolution }),
    })
}
