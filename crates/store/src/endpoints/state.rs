//! Whether an endpoint's deliveries are made.

use domain::endpoint::EndpointState;
use domain::id::{EndpointId, TenantId};

use super::row::endpoint;
use super::write::why_not;
use super::{EndpointRecord, Precondition};
use crate::error::StoreError;
use crate::health;
use crate::pool::Store;
use crate::sql::row;

/// The reason of an endpoint that was disabled because it answered 410.
pub const GONE: &str = "gone";

/// The reason of an endpoint that was disabled because it failed for too long.
pub const FAILING: &str = "failing";

/// What to do with an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch<'a> {
    /// Hold its deliveries, on its owner's word.
    Pause,
    /// Make its deliveries again, those that were held too. Its failures are counted anew.
    Enable,
    /// Hold its deliveries, on ours.
    Disable {
        /// Why, in a word that programs can tell.
        reason: &'a str,
    },
}

impl Store {
    /// Switches an endpoint. One that is in that state already stays as it is, of its version and
    /// its reason.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has none of this id, or no longer;
    /// [`StoreError::VersionMismatch`] when it is of another version.
    pub async fn switch_endpoint(
        &self,
        tenant: TenantId,
        id: EndpointId,
        precondition: Precondition,
        switch: Switch<'_>,
    ) -> Result<EndpointRecord, StoreError> {
        const SWITCH: &str = "-- endpoint_switch
            update endpoints
            set state_reason = case when state = $4 then state_reason else $5 end,
                state_since = case when state = $4 then state_since else now() end,
                version = case when state = $4 then version else version + 1 end,
                updated_at = case when state = $4 then updated_at else now() end,
                state = $4
            where id = $1 and tenant_id = $2 and deleted_at is null
              and version = coalesce($3, version)
            returning id, tenant_id, url, description, event_types, channels, format, headers_key,
                      headers_sealed, timeout_ms, retry_waits_s, rate_per_second, rate_burst, state,
                      state_reason, state_since, version, filter, created_at, updated_at";
        let (state, reason) = match switch {
            Switch::Pause => (EndpointState::Paused, None),
            Switch::Enable => (EndpointState::Enabled, None),
            Switch::Disable { reason } => (EndpointState::Disabled, Some(reason)),
        };
        let version = precondition.column();
        self.bounded(async {
            let mut client = self.client().await?;
            let transaction = client.transaction().await?;
            if state == EndpointState::Enabled {
                health::begin_anew(&transaction, tenant, id).await?;
            }
            let switched = row(
                &transaction,
                SWITCH,
                &[
                    &id.uuid(),
                    &tenant.uuid(),
                    &version,
                    &state.as_str(),
                    &reason,
                ],
            )
            .await?;
            let Some(switched) = switched else {
                return Err(why_not(&transaction, tenant, id).await);
            };
            transaction.commit().await?;
            endpoint(&switched, self.keyring())
        })
        .await
    }
}
