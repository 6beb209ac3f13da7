//! Looking for deliveries by where they go and how they stand, the latest change first.
//!
//! **Invariant:** a page looks at [`LOOKED_AT`] rows at most, by the index of the endpoint, or of the
//! tenant and the state. A page of a search that few rows satisfy may be short, or empty, and still
//! name the next one.

use domain::delivery::State;
use domain::event_type::EventType;
use domain::id::{EndpointId, TenantId};
use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{DeliveryRecord, delivery_record};
use crate::error::StoreError;
use crate::fence::fence;
use crate::page::{BEGINNING, Cursor, LOOKED_AT, Page, PageRequest};
use crate::pool::Store;
use crate::sql::{get, row, rows};

/// Which of a tenant's deliveries; what is none selects all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Where they go, or how they stand.
    pub by: By,
    /// The type of their event.
    pub event_type: Option<EventType>,
    /// Last changed at this instant or later.
    pub since: Option<OffsetDateTime>,
    /// Last changed before this instant.
    pub until: Option<OffsetDateTime>,
}

/// What an index is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Those that go there, and stand so, where that is asked for.
    Endpoint(EndpointId, Option<State>),
    /// Those that stand so.
    State(State),
}

impl Search {
    /// All that this selects, of any type and time.
    #[must_use]
    pub const fn by(by: By) -> Self {
        Self {
            by,
            event_type: None,
            since: None,
            until: None,
        }
    }

    /// The condition that an index is there for, what it compares with, and what is left to ask.
    fn narrow(&self, tenant: TenantId) -> (String, Uuid, Option<&'static str>) {
        match self.by {
            By::Endpoint(endpoint, state) => {
                let state = state.map(State::as_str);
                ("endpoint_id = $4".to_owned(), endpoint.uuid(), state)
            }
            By::State(state) => {
                let narrow = format!("tenant_id = $4 and state = '{}'", state.as_str());
                (narrow, tenant.uuid(), None)
            }
        }
    }
}

impl Store {
    /// A tenant's deliveries, the latest change first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn deliveries(
        &self,
        tenant: TenantId,
        search: &Search,
        page: PageRequest,
    ) -> Result<Page<DeliveryRecord>, StoreError> {
        let (by, owner, state) = search.narrow(tenant);
        let list = format!(
            "-- deliveries_search
            select d.day, d.id, d.tenant_id, d.event_id, d.endpoint_id, d.event_type, d.state,
                   d.attempt, d.next_attempt_at, d.dead_reason, d.trigger, d.replay_of,
                   d.updated_at, a.attempt as last_attempt, a.started_at, a.status, a.outcome
            from (
                select day, id, tenant_id, event_id, endpoint_id, event_type, state, attempt,
                       next_attempt_at, dead_reason, trigger, replay_of, updated_at
                from deliveries
                where {by} and (updated_at, id) < ($1, $2) and updated_at >= $3
                order by updated_at desc, id desc limit $9
            ) d
            left join lateral (
                select attempt, started_at, status, outcome from attempts
                where delivery_id = d.id and day = d.day order by attempt desc limit 1
            ) a on true
            where d.tenant_id = $5
              and ($6::text is null or d.state = $6)
              and ($7::text is null or d.event_type = $7)
            order by d.updated_at desc, d.id desc limit $8"
        );
        let end = format!(
            "-- deliveries_search_end
            select id, updated_at, tenant_id from deliveries
            where {by} and (updated_at, id) < ($1, $2) and updated_at >= $3
            order by updated_at desc, id desc limit 1 offset $5"
        );
        let Cursor { at, id } = page.below().before(search.until);
        let since = search.since.unwrap_or(BEGINNING);
        let event_type = search.event_type.as_ref().map(EventType::as_str);
        let (of, most) = (tenant.uuid(), page.limit());
        self.bounded(async {
            let mut client = self.client().await?;
            let fenced = fence(&mut client, tenant).await?;
            let found = rows(
                &fenced,
                &list,
                &[
                    &at,
                    &id,
                    &since,
                    &owner,
                    &of,
                    &state,
                    &event_type,
                    &most,
                    &LOOKED_AT,
                ],
            )
            .await?;
            let is_full = i64::try_from(found.len()).is_ok_and(|found| found >= most);
            let end = if is_full {
                None
            } else {
                let last = LOOKED_AT - 1;
                row(&fenced, &end, &[&at, &id, &since, &owner, &last]).await?
            };
            let found: Result<_, _> = found.iter().map(delivery_record).collect();
            let mut page = Page::new(found?, page, |one| Cursor {
                at: one.updated_at,
                id: one.delivery.id.uuid(),
            });
            let end = end.as_ref().map(|row| cursor(row, of)).transpose()?;
            page.next = page.next.or(end.flatten());
            Ok(page)
        })
        .await
    }
}

/// The place of the last row that was looked at. Nothing is told of another tenant's.
fn cursor(row: &Row, tenant: Uuid) -> Result<Option<Cursor>, StoreError> {
    let place = Cursor {
        at: get(row, "updated_at")?,
        id: get(row, "id")?,
    };
    Ok((get::<Uuid>(row, "tenant_id")? == tenant).then_some(place))
}
