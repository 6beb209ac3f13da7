//! The addresses that deliveries come from, for receivers to allow.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::Api;

/// Where deliveries come from.
#[derive(Serialize, ToSchema)]
pub(crate) struct EgressIps {
    /// Networks; a single address is one of /32 or /128.
    #[schema(example = json!(["192.0.2.7/32"]))]
    pub(crate) data: Vec<String>,
}

/// List the addresses that deliveries come from; no key is needed
#[utoipa::path(get, path = "/v1/egress-ips", tag = "egress", security(()),
    responses((status = 200, body = EgressIps)))]
pub(crate) async fn list(State(api): State<Api>) -> Json<EgressIps> {
    Json(EgressIps {
        data: api.egress_ips.iter().map(ToString::to_string).collect(),
    })
}
