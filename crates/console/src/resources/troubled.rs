//! Endpoints in trouble, of all tenants.

use std::collections::HashMap;

use axum::extract::State;
use domain::breaker::BreakerStanding;
use domain::id::EndpointId;
use serde::Serialize;
use service::problem::Problem;
use store::Page;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::endpoints::Breaker;
use super::text;
use crate::access::{Platform, Read};
use crate::api::Api;
use crate::page::{Listed, Paging};
use crate::problem;

/// An endpoint that does not take its deliveries, and whose it is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Troubled {
    #[schema(example = "ten_0193a5c8e0b87c3aa1f2c9d8e7f60512")]
    pub(crate) tenant: String,
    #[schema(example = "Acme")]
    pub(crate) tenant_name: String,
    #[schema(example = "ep_0193a5c8e0b87c3aa1f2c9d8e7f60512")]
    pub(crate) endpoint: String,
    #[schema(example = "https://example.com/webhooks")]
    pub(crate) url: String,
    pub(crate) description: String,
    /// `enabled`, `paused` or `disabled`.
    pub(crate) state: &'static str,
    /// Why it is disabled, such as `gone`.
    pub(crate) state_reason: Option<String>,
    /// When the first attempt failed after the last success; null when the last one succeeded.
    pub(crate) failing_since: Option<String>,
    /// How many attempts have failed since then.
    pub(crate) failures: u32,
    pub(crate) last_failure_at: Option<String>,
    /// Why the last one failed that did.
    #[schema(example = "connection refused")]
    pub(crate) last_failure: Option<String>,
    pub(crate) breaker: Breaker,
}

impl Troubled {
    fn new(one: store::troubled::Troubled, breaker: Option<BreakerStanding>) -> Self {
        let last_failure = one.health.last_failure;
        Self {
            tenant: one.tenant.to_string(),
            tenant_name: one.tenant_name,
            endpoint: one.id.to_string(),
            url: one.url.into(),
            description: one.description,
            state: one.state.as_str(),
            state_reason: one.state_reason,
            failing_since: one.health.failing_since.map(text::instant),
            failures: one.health.failures,
            last_failure_at: last_failure.map(|last| text::instant(last.at)),
            last_failure: last_failure.map(|last| last.reason.to_string()),
            breaker: breaker.into(),
        }
    }
}

/// List the endpoints of all tenants that are failing, the longest first
///
/// An endpoint is failing from its first failed attempt after a success until the next success,
/// also while it is paused or disabled.
#[utoipa::path(get, path = "/v1/failing-endpoints", tag = "platform",
    params(("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Listed<Troubled>)))]
pub(crate) async fn failing(
    _: Platform<Read>,
    State(api): State<Api>,
    paging: Paging,
) -> Result<Listed<Troubled>, Problem> {
    let page = api.store.failing_endpoints(paging.request).await;
    listed(
        &api,
        &paging,
        page.map_err(|error| problem::of_store(&error))?,
    )
    .await
}

/// List the endpoints of all tenants whose circuit breaker is open, by id
///
/// Nothing is attempted there before `breaker.retry_at`.
#[utoipa::path(get, path = "/v1/open-breakers", tag = "platform",
    params(("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Listed<Troubled>)))]
pub(crate) async fn left_alone(
    _: Platform<Read>,
    State(api): State<Api>,
    paging: Paging,
) -> Result<Listed<Troubled>, Problem> {
    let now = OffsetDateTime::now_utc();
    let page = api.store.left_alone(now, paging.request).await;
    listed(
        &api,
        &paging,
        page.map_err(|error| problem::of_store(&error))?,
    )
    .await
}

async fn listed(
    api: &Api,
    paging: &Paging,
    page: Page<store::troubled::Troubled>,
) -> Result<Listed<Troubled>, Problem> {
    let ids: Vec<EndpointId> = page.rows.iter().map(|one| one.id).collect();
    let breakers = api.store.breakers(&ids, OffsetDateTime::now_utc()).await;
    let breakers: HashMap<_, _> = breakers.map_err(|error| problem::of_store(&error))?;
    Ok(paging.listed(page, |one| {
        let breaker = breakers.get(&one.id).copied();
        Troubled::new(one, breaker)
    }))
}
