//! Endpoints in trouble, of all tenants: those that are failing, and those that are left alone.

use domain::breaker::KEPT;
use domain::endpoint::EndpointState;
use domain::health::Health;
use domain::id::{EndpointId, TenantId};
use time::OffsetDateTime;
use tokio_postgres::Row;
use url::Url;

use crate::error::StoreError;
use crate::health::health;
use crate::page::{Cursor, Page, PageRequest};
use crate::pool::Store;
use crate::sql::{get, id, named, parsed, rows};

/// An endpoint, with whose it is and what its attempts say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Troubled {
    /// The endpoint.
    pub id: EndpointId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What people call whose it is.
    pub tenant_name: String,
    /// Where deliveries are posted. It may carry a token.
    pub url: Url,
    /// What people call it.
    pub description: String,
    /// Whether deliveries are made.
    pub state: EndpointState,
    /// Why it is not enabled.
    pub state_reason: Option<String>,
    /// What its attempts say.
    pub health: Health,
}

impl Store {
    /// The endpoints of all tenants that have given nothing but failures since their last success,
    /// whatever their state; the longest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn failing_endpoints(&self, page: PageRequest) -> Result<Page<Troubled>, StoreError> {
        const LIST: &str = "-- endpoints_failing
            select e.id, e.tenant_id, t.name as tenant_name, e.url, e.description, e.state,
                   e.state_reason, h.failing_since, h.failures, h.last_success_at,
                   h.last_failure_at, h.last_failure, h.last_status
            from endpoint_health h
            join endpoints e on e.id = h.endpoint_id
            join tenants t on t.id = e.tenant_id
            where h.failing_since is not null and (h.failing_since, h.endpoint_id) > ($1, $2)
              and e.deleted_at is null and t.deleted_at is null
            order by h.failing_since, h.endpoint_id limit $3";
        self.bounded(async {
            let client = self.client().await?;
            let after = page.beyond();
            let found = rows(&client, LIST, &[&after.at, &after.id, &page.limit()]).await?;
            let found: Result<_, _> = found.iter().map(troubled).collect();
            Ok(Page::new(found?, page, |one| Cursor {
                at: one
                    .health
                    .failing_since
                    .unwrap_or(OffsetDateTime::UNIX_EPOCH),
                id: one.id.uuid(),
            }))
        })
        .await
    }

    /// The endpoints of all tenants whose circuit breaker is open in any dispatcher, by id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn left_alone(
        &self,
        now: OffsetDateTime,
        page: PageRequest,
    ) -> Result<Page<Troubled>, StoreError> {
        const LIST: &str = "-- endpoints_left_alone
            select e.id, e.tenant_id, t.name as tenant_name, e.url, e.description, e.state,
                   e.state_reason, h.failing_since, coalesce(h.failures, 0) as failures,
                   h.last_success_at, h.last_failure_at, h.last_failure, h.last_status
            from breakers b
            join endpoints e on e.id = b.endpoint_id
            join tenants t on t.id = e.tenant_id
            left join endpoint_health h on h.endpoint_id = e.id
            where b.endpoint_id > $1 and b.state = 'open' and b.retry_at > $2
              and not exists (
                  select from breakers o
                  where o.endpoint_id = b.endpoint_id and o.dispatcher_id < b.dispatcher_id
                    and o.state = 'open' and o.retry_at > $2
              )
              and e.deleted_at is null and t.deleted_at is null
            order by b.endpoint_id limit $3";
        self.bounded(async {
            let client = self.client().await?;
            let counts_from = now - KEPT;
            let limit = page.limit();
            let found = rows(&client, LIST, &[&page.above(), &counts_from, &limit]).await?;
            let found: Result<_, _> = found.iter().map(troubled).collect();
            Ok(Page::new(found?, page, |one| Cursor {
                at: OffsetDateTime::UNIX_EPOCH,
                id: one.id.uuid(),
            }))
        })
        .await
    }
}

fn troubled(row: &Row) -> Result<Troubled, StoreError> {
    Ok(Troubled {
        id: id(row, "id")?,
        tenant: id(row, "tenant_id")?,
        tenant_name: get(row, "tenant_name")?,
        url: parsed(row, "url")?,
        description: get(row, "description")?,
        state: named(row, "state", EndpointState::from_name)?,
        state_reason: get(row, "state_reason")?,
        health: health(row)?,
    })
}
