//! Deliveries and their attempts, and the replay of one.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::delivery;
use domain::id::{self, DeliveryId, EventId};
use serde::Deserialize;
use serde_json::json;
use service::problem::Problem;
use store::audit::Action;
use store::deliveries::{By, Search};
use uuid::Uuid;

use crate::access::{InTenant, Manage, Named, Read};
use crate::api::Api;
use crate::page::{Listed, Paging};
use crate::problem;
use crate::query::{self, Query};
use crate::resources::again::{self, Again, Begun};
use crate::resources::audit;

mod view;

pub(crate) use view::{Attempt, Delivery, WithAttempts};

/// What to list: of one event, or by endpoint and state.
#[derive(Default, Deserialize)]
pub(crate) struct Filter {
    pub(crate) event: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) event_type: Option<String>,
    pub(crate) since: Option<String>,
    pub(crate) until: Option<String>,
}

/// What is listed.
enum Sought {
    OfEvent(EventId),
    By(Search),
}

impl Filter {
    fn sought(self) -> Result<Sought, Problem> {
        let Self {
            event,
            endpoint,
            state,
            event_type,
            since,
            until,
        } = self;
        if let Some(event) = event {
            let others = [endpoint, state, event_type, since, until];
            if others.iter().any(Option::is_some) {
                return Err(problem::bad_parameter("event", "it goes with no other"));
            }
            let event = event.parse().map_err(|_| problem::not_found())?;
            return Ok(Sought::OfEvent(event));
        }
        let state = state.as_deref().map(named_state).transpose()?;
        let by = match (endpoint, state) {
            (Some(endpoint), state) => {
                let endpoint = endpoint.parse().map_err(|_| problem::not_found())?;
                By::Endpoint(endpoint, state)
            }
            (None, Some(state)) => By::State(state),
            (None, None) => {
                let detail = "name an event, an endpoint or a state";
                return Err(problem::bad_parameter("event", detail));
            }
        };
        Ok(Sought::By(Search {
            by,
            event_type: query::event_type("event_type", event_type.as_deref())?,
            since: query::instant("since", since.as_deref())?,
            until: query::instant("until", until.as_deref())?,
        }))
    }
}

fn named_state(given: &str) -> Result<delivery::State, Problem> {
    delivery::State::from_name(given).ok_or_else(|| {
        let detail = "waiting, delivered, dead, held or cancelled";
        problem::bad_parameter("state", detail)
    })
}

/// List deliveries of an event, or by endpoint and state, the latest change first
///
/// Name an event alone, or an endpoint, a state or both; by these, `since` (included) and `until`
/// (not included) are of the latest change, and a page looks at 5,000 deliveries at most: it may
/// hold fewer than asked for and still name the next one. A delivery appears with its first report;
/// until then its event names the endpoint.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/deliveries", tag = "deliveries",
    params(("tenant" = String, Path), ("event" = Option<String>, Query, description = "an event's id"),
        ("endpoint" = Option<String>, Query),
        ("state" = Option<String>, Query, description = "waiting, delivered, dead, held or cancelled"),
        ("event_type" = Option<String>, Query),
        ("since" = Option<String>, Query, description = "RFC 3339"),
        ("until" = Option<String>, Query, description = "RFC 3339"),
        ("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Listed<Delivery>), (status = 400)))]
pub(crate) async fn list(
    at: InTenant<Read>,
    State(api): State<Api>,
    Query(filter): Query<Filter>,
    paging: Paging,
) -> Result<Listed<Delivery>, Problem> {
    let (store, tenant, request) = (&api.store, at.tenant, paging.request);
    let page = match filter.sought()? {
        Sought::OfEvent(event) => store.deliveries_of_event(tenant, event, request).await,
        Sought::By(search) => store.deliveries(tenant, &search, request).await,
    };
    Ok(paging.listed(
        page.map_err(|error| problem::of_store(&error))?,
        Delivery::from,
    ))
}

/// Get a delivery with its attempts
#[utoipa::path(get, path = "/v1/tenants/{tenant}/deliveries/{delivery}", tag = "deliveries",
    params(("tenant" = String, Path), ("delivery" = String, Path)),
    responses((status = 200, body = WithAttempts), (status = 404)))]
pub(crate) async fn get(
    at: InTenant<Read>,
    State(api): State<Api>,
    Named(named): Named<id::Delivery>,
) -> Result<Json<WithAttempts>, Problem> {
    let of_store = |error| problem::of_store(&error);
    let found = api
        .store
        .delivery(at.tenant, named)
        .await
        .map_err(of_store)?;
    let attempts = api
        .store
        .attempts_of_delivery(at.tenant, named)
        .await
        .map_err(of_store)?;
    Ok(Json(WithAttempts::new(found, attempts)))
}

/// Deliver again: a new delivery of the same event to the same endpoint
///
/// The receiver sees the same `webhook-id`.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/deliveries/{delivery}/replay", tag = "deliveries",
    params(("tenant" = String, Path), ("delivery" = String, Path)),
    responses((status = 202, body = Begun), (status = 404), (status = 503)))]
pub(crate) async fn replay(
    at: InTenant<Manage>,
    State(api): State<Api>,
    Named(named): Named<id::Delivery>,
) -> Result<(StatusCode, Json<Begun>), Problem> {
    let of_store = |error| problem::of_store(&error);
    let original = api
        .store
        .delivery(at.tenant, named)
        .await
        .map_err(of_store)?;
    let event = api
        .store
        .event(at.tenant, original.event)
        .await
        .map_err(of_store)?;
    let begun = again::deliver(
        &api,
        Again {
            id: DeliveryId::from_uuid(Uuid::now_v7()),
            original: original.delivery.id,
            endpoint: original.delivery.endpoint,
            event: &event,
        },
    )
    .await?;
    if let Err(error) = api.store.resolve_letters_of(original.delivery.id).await {
        tracing::warn!(%error, delivery.id = %named, "a replayed delivery's dead letter stays open");
    }
    let action = Action::DeliveryReplayed;
    let deed = audit::deed(at.by, Some(at.tenant), action, named, &json!({}));
    audit::note(&api, deed).await;
    Ok((StatusCode::ACCEPTED, Json(begun)))
}
