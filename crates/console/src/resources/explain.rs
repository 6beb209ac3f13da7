//! Why an event was or wasn't sent to each endpoint of its tenant.

use std::collections::{HashMap, HashSet};

use axum::extract::State;
use axum::http::StatusCode;
use domain::explain::{Basis, Case, Matching};
use domain::id::{self, EndpointId};
use domain::selection::Candidate;
use serde::{Deserialize, Serialize};
use service::problem::Problem;
use store::deliveries::DeliveryRecord;
use store::events::StoredEvent;
use store::explain::Explained;
use store::{Page, StoreError};
use utoipa::ToSchema;

use super::deliveries::Delivery;
use super::text;
use crate::access::{InTenant, Named, Read};
use crate::api::Api;
use crate::page::{Listed, Paging};
use crate::problem;
use crate::query::Query;

/// Why an event was or wasn't sent to an endpoint.
#[derive(Serialize, ToSchema)]
pub(crate) struct Explanation {
    #[schema(example = "ep_0193a5c8e0b87c3aa1f2c9d8e7f60512")]
    pub(crate) endpoint: String,
    /// The endpoint's URL of today.
    pub(crate) url: String,
    /// Whether the endpoint selected the event when it was fanned out.
    pub(crate) matched: bool,
    /// `under_way`, `delivered`, `waiting`, `held_paused`, `held_disabled`, `held_releasing`,
    /// `held_deleted`, `dead` or `cancelled`; `created_later`, `deleted_before`,
    /// `type_not_selected`, `channel_not_selected`, `filter_false` or `filter_unknown`;
    /// `selected`, when the endpoint would get it today and did not then.
    #[schema(example = "filter_false")]
    pub(crate) reason: &'static str,
    /// The same in words.
    pub(crate) detail: String,
    /// When what the endpoint selects was changed, if that was after the event was accepted and
    /// the reason is by its settings of today.
    pub(crate) selects_since: Option<String>,
    /// Its latest delivery, a replay perhaps; none before the first report.
    pub(crate) delivery: Option<Delivery>,
}

impl Explanation {
    fn new(
        event: &StoredEvent,
        candidate: &Candidate<'_>,
        matching: Matching,
        explained: &Explained,
        delivery: Option<DeliveryRecord>,
    ) -> Self {
        let case = Case {
            accepted_at: event.summary.accepted_at,
            matching,
            delivery: delivery.as_ref().map(|one| (one.standing, one.updated_at)),
            endpoint: explained.subject,
            judgement: explained.selection.judge(candidate),
        };
        let reason = case.reason();
        Self {
            endpoint: explained.endpoint.to_string(),
            url: explained.url.clone(),
            matched: matching == Matching::Matched,
            reason: reason.as_str(),
            detail: reason.to_string(),
            selects_since: match reason.basis() {
                Some(Basis::ChangedSince(at)) => Some(text::instant(at)),
                Some(Basis::Then) | None => None,
            },
            delivery: delivery.map(Delivery::from),
        }
    }
}

#[derive(Default, Deserialize)]
pub(crate) struct Only {
    endpoint: Option<String>,
}

/// Explain why an event was or wasn't sent, to each endpoint of its tenant or to one
///
/// The newest endpoints come first; those that were deleted before the event was accepted are not
/// among them, unless named. What was not recorded is concluded from the endpoint's settings of
/// today, and said to be.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/events/{event}/explain", tag = "events",
    params(("tenant" = String, Path), ("event" = String, Path),
        ("endpoint" = Option<String>, Query, description = "one endpoint, also a deleted one"),
        ("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Listed<Explanation>), (status = 404, description = "no such event is on record: perhaps it was accepted just now")))]
pub(crate) async fn list(
    at: InTenant<Read>,
    State(api): State<Api>,
    Named(event): Named<id::Event>,
    Query(Only { endpoint }): Query<Only>,
    paging: Paging,
) -> Result<Listed<Explanation>, Problem> {
    let of_store = |error| problem::of_store(&error);
    let event = api
        .store
        .event(at.tenant, event)
        .await
        .map_err(not_on_record)?;
    let page = match endpoint {
        Some(named) => {
            let named = named.parse().map_err(|_| problem::not_found())?;
            let only = api.store.explained_endpoint(at.tenant, named).await;
            Page {
                rows: vec![only.map_err(of_store)?],
                next: None,
            }
        }
        None => {
            let page = api
                .store
                .explained_endpoints(&event.summary, paging.request);
            page.await.map_err(of_store)?
        }
    };
    let endpoints: Vec<EndpointId> = page.rows.iter().map(|one| one.endpoint).collect();
    let latest = api
        .store
        .latest_deliveries(&event.summary, &endpoints)
        .await;
    let mut latest: HashMap<EndpointId, DeliveryRecord> = latest
        .map_err(of_store)?
        .into_iter()
        .map(|one| (one.delivery.endpoint, one))
        .collect();
    let matched: HashSet<&EndpointId> = event.summary.endpoints.iter().collect();
    let summary = &event.summary;
    let candidate = Candidate::new(&summary.event_type, &summary.channels, &event.data);
    Ok(paging.listed(page, |one| {
        let matching = if matched.contains(&one.endpoint) {
            Matching::Matched
        } else {
            Matching::NotMatched
        };
        let delivery = latest.remove(&one.endpoint);
        Explanation::new(&event, &candidate, matching, &one, delivery)
    }))
}

/// An event that was accepted is not on record before fan-out had its turn.
fn not_on_record(error: StoreError) -> Problem {
    if !matches!(error, StoreError::NotFound) {
        return problem::of_store(&error);
    }
    let detail = "no event of this id is on record here: one that was accepted just now is \
                  recorded when it is fanned out, so ask again";
    Problem::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
}
