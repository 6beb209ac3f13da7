//! Deliveries and their attempts, and the replay of one.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::delivery;
use domain::id::{self, DeliveryId};
use serde::Deserialize;
use serde_json::json;
use service::problem::Problem;
use store::audit::Action;
use uuid::Uuid;

use crate::access::{InTenant, Manage, Named, Read};
use crate::api::Api;
use crate::page::{Listed, Paging};
use crate::problem;
use crate::query::Query;
use crate::resources::again::{self, Again, Begun};
use crate::resources::audit;

mod view;

pub(crate) use view::{Attempt, Delivery, WithAttempts};

/// What to list; one of them.
#[derive(Deserialize)]
pub(crate) struct Filter {
    pub(crate) event: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) state: Option<String>,
}

/// List deliveries of an event, of an endpoint, or in a state, the latest first
///
/// A delivery appears with its first report; until then its event names the endpoint.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/deliveries", tag = "deliveries",
    params(("tenant" = String, Path), ("event" = Option<String>, Query), ("endpoint" = Option<String>, Query),
        ("state" = Option<String>, Query, description = "waiting, delivered, dead, held or cancelled"),
        ("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Listed<Delivery>), (status = 400)))]
pub(crate) async fn list(
    at: InTenant<Read>,
    State(api): State<Api>,
    Query(filter): Query<Filter>,
    paging: Paging,
) -> Result<Listed<Delivery>, Problem> {
    let (store, tenant, request) = (&api.store, at.tenant, paging.request);
    let page = match filter {
        Filter {
            event: Some(event),
            endpoint: None,
            state: None,
        } => {
            let event = event.parse().map_err(|_| problem::not_found())?;
            store.deliveries_of_event(tenant, event, request).await
        }
        Filter {
            event: None,
            endpoint: Some(endpoint),
            state: None,
        } => {
            let endpoint = endpoint.parse().map_err(|_| problem::not_found())?;
            store
                .deliveries_of_endpoint(tenant, endpoint, request)
                .await
        }
        Filter {
            event: None,
            endpoint: None,
            state: Some(state),
        } => {
            let state = delivery::State::from_name(&state).ok_or_else(|| {
                let detail = "waiting, delivered, dead, held or cancelled";
                problem::bad_parameter("state", detail)
            })?;
            store.deliveries_in_state(tenant, state, request).await
        }
        _ => {
            return Err(problem::bad_parameter(
                "event",
                "name one of event, endpoint and state",
            ));
        }
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
