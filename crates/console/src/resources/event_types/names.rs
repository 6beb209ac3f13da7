//! The names of event types, for choosing among many: without what makes the catalogue large.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use service::problem::Problem;
use store::event_types::EventTypeName;
use utoipa::ToSchema;

use super::audience;
use crate::access::{InTenant, Read};
use crate::api::Api;
use crate::problem;

/// An event type's name, and what it means.
#[derive(Serialize, ToSchema)]
pub(crate) struct Name {
    #[schema(example = "shipment.created")]
    pub(crate) name: String,
    pub(crate) description: String,
}

impl From<EventTypeName> for Name {
    fn from(one: EventTypeName) -> Self {
        Self {
            name: one.name.to_string(),
            description: one.description,
        }
    }
}

/// All that can be selected.
#[derive(Serialize, ToSchema)]
pub(crate) struct Names {
    pub(crate) data: Vec<Name>,
}

/// List the names of the event types that a tenant's endpoints can select
///
/// As `/event-types` below the tenant, without examples and schemas.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/event-type-names", tag = "event types",
    params(("tenant" = String, Path)), responses((status = 200, body = Names), (status = 404)))]
pub(crate) async fn list(
    at: InTenant<Read>,
    State(api): State<Api>,
) -> Result<Json<Names>, Problem> {
    let found = api.store.event_type_names(audience(at.tenant)).await;
    let found = found.map_err(|error| problem::of_store(&error))?;
    let data = found.into_iter().map(Name::from).collect();
    Ok(Json(Names { data }))
}
