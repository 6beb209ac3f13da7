//! What each tenant's endpoints select, for fan-out.

use std::collections::HashMap;
use std::sync::Arc;

use deadpool_postgres::Transaction;
use domain::id::{EndpointId, TenantId};
use domain::matching::{Matches, SubscriptionIndex};
use domain::selection::{Candidate, Filtering, Selection, Subscription};
use tokio_postgres::Row;

use super::live::load::Load;
use crate::error::StoreError;
use crate::keyring::Keyring;
use crate::sql::{all_parsed, get, id, rows};

/// Every tenant's subscriptions. Those of paused and disabled endpoints count: deliveries to them
/// are held, not missed.
#[derive(Debug, Clone, Default)]
pub struct SubscriptionDirectory {
    tenants: HashMap<TenantId, Arc<SubscriptionIndex>>,
}

impl SubscriptionDirectory {
    /// Whom a tenant's event goes to.
    #[must_use]
    pub fn matches(&self, tenant: TenantId, event: &Candidate<'_>) -> Matches {
        let index = self.tenants.get(&tenant);
        index.map_or_else(Matches::default, |index| index.matches(event))
    }

    /// A tenant's subscriptions; none when it has no endpoint.
    #[must_use]
    pub fn tenant(&self, tenant: TenantId) -> Option<Arc<SubscriptionIndex>> {
        self.tenants.get(&tenant).cloned()
    }

    /// Replaces what changed at one tenant: none for an endpoint that was deleted.
    fn change(&mut self, tenant: TenantId, changes: HashMap<EndpointId, Option<Subscription>>) {
        let before = self.tenants.remove(&tenant);
        let before = before.iter().flat_map(|index| index.subscriptions());
        let kept = before.filter(|one| !changes.contains_key(&one.endpoint));
        let mut all: Vec<Subscription> = kept.cloned().collect();
        all.extend(changes.into_values().flatten());
        if !all.is_empty() {
            self.tenants
                .insert(tenant, Arc::new(SubscriptionIndex::new(all)));
        }
    }
}

impl Load for SubscriptionDirectory {
    async fn load(
        &self,
        transaction: &Transaction<'_>,
        _: &Keyring,
        known: i64,
    ) -> Result<Self, StoreError> {
        const CHANGED: &str = "-- directory_subscriptions
            select id, tenant_id, event_types, channels, filter, deleted_at is not null as gone
            from endpoints
            where epoch > $1 and (deleted_at is null or $1 > 0)";
        let mut changes: HashMap<TenantId, HashMap<EndpointId, Option<Subscription>>> =
            HashMap::new();
        for row in &rows(transaction, CHANGED, &[&known]).await? {
            let endpoint = id(row, "id")?;
            let gone: bool = get(row, "gone")?;
            let subscription = if gone {
                None
            } else {
                let selection = selection(row)?;
                if selection.filter == Filtering::Unreadable {
                    tracing::error!(
                        endpoint.id = %endpoint,
                        "an endpoint's filter can't be read: it gets nothing until it can"
                    );
                }
                Some(Subscription {
                    endpoint,
                    selection,
                })
            };
            let tenant = changes.entry(id(row, "tenant_id")?).or_default();
            tenant.insert(endpoint, subscription);
        }
        let mut next = self.clone();
        for (tenant, changes) in changes {
            next.change(tenant, changes);
        }
        Ok(next)
    }
}

/// Reads the columns that say what an endpoint selects.
pub(crate) fn selection(row: &Row) -> Result<Selection, StoreError> {
    Ok(Selection {
        event_types: all_parsed(row, "event_types")?,
        channels: all_parsed(row, "channels")?,
        filter: Filtering::from_record(get(row, "filter")?),
    })
}
