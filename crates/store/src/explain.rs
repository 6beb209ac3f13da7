//! What explains an event: the endpoints of its tenant, those that were deleted among them, and
//! its latest delivery to each.

use domain::endpoint::EndpointState;
use domain::explain::Subject;
use domain::id::{EndpointId, TenantId};
use domain::selection::Selection;
use tokio_postgres::Row;

use crate::deliveries::{DeliveryRecord, delivery_record};
use crate::directory::subscriptions::selection;
use crate::error::StoreError;
use crate::events::EventSummary;
use crate::fence::fence;
use crate::page::{Cursor, Page, PageRequest};
use crate::pool::Store;
use crate::sql::{get, id, named, row, rows, uuids};

/// An endpoint as an explanation sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Its URL, today's.
    pub url: String,
    /// When it was made, changed and deleted, and whether deliveries to it are made.
    pub subject: Subject,
    /// What it selects today.
    pub selection: Selection,
}

impl Store {
    /// The endpoints of an event's tenant that were there when it was accepted or came later, the
    /// newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn explained_endpoints(
        &self,
        event: &EventSummary,
        page: PageRequest,
    ) -> Result<Page<Explained>, StoreError> {
        const LIST: &str = "-- explained_endpoints
            select id, url, event_types, channels, filter, state, created_at, deleted_at,
                   selects_since
            from endpoints
            where tenant_id = $1 and (created_at, id) < ($2, $3)
              and (deleted_at is null or deleted_at > $4)
            order by created_at desc, id desc limit $5";
        self.bounded(async {
            let mut client = self.client().await?;
            let fenced = fence(&mut client, event.tenant).await?;
            let (Cursor { at, id }, tenant) = (page.below(), event.tenant.uuid());
            let (accepted_at, limit) = (event.accepted_at, page.limit());
            let found = rows(&fenced, LIST, &[&tenant, &at, &id, &accepted_at, &limit]).await?;
            let found: Result<_, _> = found.iter().map(explained).collect();
            Ok(Page::new(found?, page, |one| Cursor {
                at: one.subject.created_at,
                id: one.endpoint.uuid(),
            }))
        })
        .await
    }

    /// A tenant's endpoint, also when it was deleted.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant never had one of this id.
    pub async fn explained_endpoint(
        &self,
        tenant: TenantId,
        endpoint: EndpointId,
    ) -> Result<Explained, StoreError> {
        const GET: &str = "-- explained_endpoint
            select id, url, event_types, channels, filter, state, created_at, deleted_at,
                   selects_since
            from endpoints where id = $1 and tenant_id = $2";
        self.bounded(async {
            let mut client = self.client().await?;
            let fenced = fence(&mut client, tenant).await?;
            let found = row(&fenced, GET, &[&endpoint.uuid(), &tenant.uuid()]).await?;
            explained(&found.ok_or(StoreError::NotFound)?)
        })
        .await
    }

    /// The latest delivery of an event to each of these endpoints, in no order; none for those
    /// of which nothing has been reported.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn latest_deliveries(
        &self,
        event: &EventSummary,
        endpoints: &[EndpointId],
    ) -> Result<Vec<DeliveryRecord>, StoreError> {
        const LATEST: &str = "-- latest_deliveries
            select distinct on (d.endpoint_id)
                   d.day, d.id, d.tenant_id, d.event_id, d.endpoint_id, d.event_type, d.state,
                   d.attempt, d.next_attempt_at, d.dead_reason, d.trigger, d.replay_of,
                   d.updated_at, a.attempt as last_attempt, a.started_at, a.status, a.outcome
            from deliveries d
            left join lateral (
                select attempt, started_at, status, outcome from attempts
                where delivery_id = d.id and day = d.day order by attempt desc limit 1
            ) a on true
            where d.event_id = $1 and d.day = $2 and d.tenant_id = $3 and d.endpoint_id = any($4)
            order by d.endpoint_id, d.updated_at desc, d.id desc";
        let (event_id, tenant) = (event.id.uuid(), event.tenant.uuid());
        let (day, endpoints) = (event.day(), uuids(endpoints.iter().copied()));
        self.bounded(async {
            let mut client = self.client().await?;
            let fenced = fence(&mut client, event.tenant).await?;
            let found = rows(&fenced, LATEST, &[&event_id, &day, &tenant, &endpoints]).await?;
            found.iter().map(delivery_record).collect()
        })
        .await
    }
}

fn explained(row: &Row) -> Result<Explained, StoreError> {
    Ok(Explained {
        endpoint: id(row, "id")?,
        url: get(row, "url")?,
        subject: Subject {
            state: named(row, "state", EndpointState::from_name)?,
            created_at: get(row, "created_at")?,
            deleted_at: get(row, "deleted_at")?,
            selects_since: get(row, "selects_since")?,
        },
        selection: selection(row)?,
    })
}
