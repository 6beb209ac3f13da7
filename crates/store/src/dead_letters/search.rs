//! Looking for dead letters, the newest first.
//!
//! **Invariant:** a page looks at [`LOOKED_AT`] rows at most, by an index on the narrowest of what
//! is asked for. A page of a search that few rows satisfy may be short, or empty, and still name
//! the next one.

use deadpool_postgres::GenericClient;
use domain::event_type::EventType;
use domain::id::{DeadLetterId, EndpointId, Id, TenantId};
use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{DeadLetterKind, DeadLetterSummary, event_type, resolved};
use crate::error::StoreError;
use crate::fence::fence;
use crate::page::{BEGINNING, Cursor, LOOKED_AT, Page, PageRequest};
use crate::pool::Store;
use crate::sql::{get, id, named, optional_id, row, rows};

/// Which dead letters; what is none selects all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Whether they have ended.
    pub which: Which,
    /// Whose they are. A tenant's own view names [`DeadLetterKind::Delivery`] as well.
    pub tenant: Option<TenantId>,
    /// What kind of message they were.
    pub kind: Option<DeadLetterKind>,
    /// Why, in a word.
    pub reason: Option<String>,
    /// Where they were to go.
    pub endpoint: Option<EndpointId>,
    /// The type of their event.
    pub event_type: Option<EventType>,
    /// Kept at this instant or later.
    pub since: Option<OffsetDateTime>,
    /// Kept before this instant.
    pub until: Option<OffsetDateTime>,
}

/// Whether dead letters have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Which {
    /// Those that nobody has resolved.
    Open,
    /// All of them.
    All,
}

impl Search {
    /// Everything, open or not.
    #[must_use]
    pub const fn of(which: Which) -> Self {
        Self {
            which,
            tenant: None,
            kind: None,
            reason: None,
            endpoint: None,
            event_type: None,
            since: None,
            until: None,
        }
    }

    /// The tenant that sees all that is sought; none where only the platform does.
    fn for_tenant(&self) -> Option<TenantId> {
        self.tenant
            .filter(|_| self.kind == Some(DeadLetterKind::Delivery))
    }

    /// The condition that an index is there for, and what it compares with.
    fn narrow(&self) -> (&'static str, Option<Uuid>) {
        let owner = |endpoint: EndpointId| Some(endpoint.uuid());
        match (self.endpoint, self.tenant, self.which) {
            (Some(one), _, Which::Open) => ("endpoint_id = $4 and resolved_at is null", owner(one)),
            (Some(one), _, Which::All) => ("endpoint_id = $4", owner(one)),
            (None, Some(one), Which::Open) => {
                ("tenant_id = $4 and resolved_at is null", Some(one.uuid()))
            }
            (None, Some(one), Which::All) => ("tenant_id = $4", Some(one.uuid())),
            (None, None, Which::Open) => ("$4::uuid is null and resolved_at is null", None),
            (None, None, Which::All) => ("$4::uuid is null", None),
        }
    }
}

/// What a look came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The letters, the newest first.
    pub letters: Vec<DeadLetterId>,
    /// Where the next look begins; none when there is nothing more.
    pub next: Option<Cursor>,
}

impl Store {
    /// Dead letters, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn dead_letters(
        &self,
        search: &Search,
        page: PageRequest,
    ) -> Result<Page<DeadLetterSummary>, StoreError> {
        self.bounded(async {
            let mut client = self.client().await?;
            let after = page.below().before(search.until);
            let (found, end) = match search.for_tenant() {
                None => look(&client, search, after, page.limit()).await?,
                Some(tenant) => {
                    let fenced = fence(&mut client, tenant).await?;
                    look(&fenced, search, after, page.limit()).await?
                }
            };
            let found: Result<_, _> = found.iter().map(summary).collect();
            let mut page = Page::new(found?, page, |one: &DeadLetterSummary| Cursor {
                at: one.created_at,
                id: one.id.uuid(),
            });
            page.next = page.next.or(end);
            Ok(page)
        })
        .await
    }

    /// The ids of dead letters, at most so many, the newest first: for what is done to many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn dead_letter_ids(
        &self,
        search: &Search,
        after: Option<Cursor>,
        most: u16,
    ) -> Result<Found, StoreError> {
        let after = PageRequest { after, rows: most };
        self.bounded(async {
            let client = self.client().await?;
            let after = after.below().before(search.until);
            let most = i64::from(most.max(1));
            let (found, end) = look(&client, search, after, most).await?;
            let is_full = i64::try_from(found.len()).is_ok_and(|found| found >= most);
            let next = if is_full {
                found.last().map(cursor).transpose()?
            } else {
                end
            };
            let letters = found.iter().map(|row| id(row, "id"));
            Ok(Found {
                letters: letters.collect::<Result<_, _>>()?,
                next,
            })
        })
        .await
    }
}

/// At most so many letters, and, where there are fewer, the place of the last row that was looked
/// at, if there may be more behind it.
async fn look<C: GenericClient>(
    client: &C,
    search: &Search,
    after: Cursor,
    most: i64,
) -> Result<(Vec<Row>, Option<Cursor>), StoreError> {
    let (narrow, owner) = search.narrow();
    let list = format!(
        "-- dead_letters_search
        select s.id, s.kind, s.reason, s.detail, s.origin, s.tenant_id, s.event_id, s.delivery_id,
               s.endpoint_id, s.event_type, s.created_at, s.resolved_at, s.resolution
        from (
            select id, kind, reason, detail, origin, tenant_id, event_id, delivery_id, endpoint_id,
                   event_type, created_at, resolved_at, resolution
            from dead_letters
            where {narrow} and (created_at, id) < ($1, $2) and created_at >= $3
            order by created_at desc, id desc limit $10
        ) s
        where ($5::uuid is null or s.tenant_id = $5)
          and ($6::text is null or s.kind = $6)
          and ($7::text is null or s.reason = $7)
          and ($8::text is null or s.event_type = $8)
        order by s.created_at desc, s.id desc limit $9"
    );
    let end = format!(
        "-- dead_letters_search_end
        select id, created_at, tenant_id from dead_letters
        where {narrow} and (created_at, id) < ($1, $2) and created_at >= $3
        order by created_at desc, id desc limit 1 offset $5"
    );
    let Cursor { at, id: place } = after;
    let since = search.since.unwrap_or(BEGINNING);
    let tenant = search.tenant.map(Id::uuid);
    let kind = search.kind.map(DeadLetterKind::as_str);
    let event_type = search.event_type.as_ref().map(EventType::as_str);
    let found = rows(
        client,
        &list,
        &[
            &at,
            &place,
            &since,
            &owner,
            &tenant,
            &kind,
            &search.reason,
            &event_type,
            &most,
            &LOOKED_AT,
        ],
    )
    .await?;
    if i64::try_from(found.len()).is_ok_and(|found| found >= most) {
        return Ok((found, None));
    }
    let last = LOOKED_AT - 1;
    let end = row(client, &end, &[&at, &place, &since, &owner, &last]).await?;
    let Some(end) = end else {
        return Ok((found, None));
    };
    // Nothing is told of another tenant's, not even where the last that was looked at lies.
    let is_within = tenant.is_none() || tenant == get::<Option<Uuid>>(&end, "tenant_id")?;
    let end = is_within.then(|| cursor(&end)).transpose()?;
    Ok((found, end))
}

fn cursor(row: &Row) -> Result<Cursor, StoreError> {
    Ok(Cursor {
        at: get(row, "created_at")?,
        id: get(row, "id")?,
    })
}

fn summary(row: &Row) -> Result<DeadLetterSummary, StoreError> {
    Ok(DeadLetterSummary {
        id: id(row, "id")?,
        kind: named(row, "kind", DeadLetterKind::from_name)?,
        reason: get(row, "reason")?,
        detail: get(row, "detail")?,
        origin: get(row, "origin")?,
        tenant: optional_id(row, "tenant_id")?,
        event: optional_id(row, "event_id")?,
        event_type: event_type(row)?,
        delivery: optional_id(row, "delivery_id")?,
        endpoint: optional_id(row, "endpoint_id")?,
        created_at: get(row, "created_at")?,
        resolved: resolved(row)?,
    })
}
