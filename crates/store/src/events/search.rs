//! Looking for events, the newest acceptance first.
//!
//! **Invariant:** a page reads no more rows than it shows, and one: by the index of the tenant, or
//! of the tenant and the type, in the partitions of the window alone.

use domain::event_type::EventType;
use domain::id::TenantId;
use time::OffsetDateTime;
use tokio_postgres::types::ToSql;

use super::{EventSummary, summary};
use crate::error::StoreError;
use crate::fence::fence;
use crate::page::{BEGINNING, Cursor, Page, PageRequest};
use crate::pool::Store;
use crate::sql::rows;

/// Which of a tenant's events; what is none selects all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sought {
    /// Of this type.
    pub event_type: Option<EventType>,
    /// Accepted at this instant or later.
    pub since: Option<OffsetDateTime>,
    /// Accepted before this instant.
    pub until: Option<OffsetDateTime>,
}

impl Store {
    /// A tenant's events, the newest acceptance first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn events(
        &self,
        tenant: TenantId,
        sought: &Sought,
        page: PageRequest,
    ) -> Result<Page<EventSummary>, StoreError> {
        const LIST: &str = "-- events_list
            select id, tenant_id, event_type, occurred_at, accepted_at, channels, endpoints,
                   octet_length(data) as data_bytes
            from events
            where tenant_id = $1 and (accepted_at, id) < ($2, $3) and day <= $4
              and accepted_at >= $6 and day >= $7
            order by accepted_at desc, id desc limit $5";
        const LIST_TYPE: &str = "-- events_list_by_type
            select id, tenant_id, event_type, occurred_at, accepted_at, channels, endpoints,
                   octet_length(data) as data_bytes
            from events
            where tenant_id = $1 and (accepted_at, id) < ($2, $3) and day <= $4
              and accepted_at >= $6 and day >= $7 and event_type = $8
            order by accepted_at desc, id desc limit $5";
        let Cursor { at, id } = page.below().before(sought.until);
        let since = sought.since.unwrap_or(BEGINNING);
        let (first, last) = (since.to_utc().date(), at.to_utc().date());
        let (named, limit) = (tenant.uuid(), page.limit());
        self.bounded(async {
            let mut client = self.client().await?;
            let fenced = fence(&mut client, tenant).await?;
            let found = match sought.event_type.as_ref().map(EventType::as_str) {
                None => {
                    let bounds: [&(dyn ToSql + Sync); 7] =
                        [&named, &at, &id, &last, &limit, &since, &first];
                    rows(&fenced, LIST, &bounds).await?
                }
                Some(name) => {
                    let bounds: [&(dyn ToSql + Sync); 8] =
                        [&named, &at, &id, &last, &limit, &since, &first, &name];
                    rows(&fenced, LIST_TYPE, &bounds).await?
                }
            };
            let found: Result<_, _> = found.iter().map(summary).collect();
            Ok(Page::new(found?, page, |one| Cursor {
                at: one.accepted_at,
                id: one.id.uuid(),
            }))
        })
        .await
    }
}
