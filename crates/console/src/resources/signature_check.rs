//! Whether a request that somebody received is genuine, and if not, why.
//!
//! **Invariant:** nothing of what is given is kept or written down, and nothing of an endpoint's
//! own secrets is told but whether the given one is among them.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use service::problem::Problem;
use signature::standard::{WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::access::{InTenant, Read};
use crate::api::Api;
use crate::body::Body;
use crate::problem;

mod diagnosis;
mod plain;
mod words;

use diagnosis::{Reason, Received};

/// A request that was received.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToCheck {
    /// What the receiver verifies with.
    #[schema(example = "whsec_…")]
    pub(crate) secret: String,
    /// Its headers, of which those that begin with `webhook-` count.
    #[schema(example = json!({"webhook-id": "evt_…", "webhook-timestamp": "1795456801", "webhook-signature": "v1,…"}))]
    pub(crate) headers: BTreeMap<String, String>,
    /// Its body, byte for byte.
    pub(crate) body: String,
    /// The endpoint that it was sent to: tells a wrong secret from a body that was changed.
    #[schema(example = "ep_0193a5c8e0b87c3aa1f2c9d8e7f60512")]
    pub(crate) endpoint: Option<String>,
}

/// What is to be said of a request that was received.
#[derive(Serialize, ToSchema)]
pub(crate) struct Judged {
    /// Whether it was signed with this secret, as it is.
    pub(crate) holds: bool,
    /// `genuine`, `too_old`, `too_new`, `secret_unreadable`, `secret_of_another`, `header_missing`,
    /// `header_malformed`, `headers_of_another`, `line_ends`, `encoded_anew`, `cut_short`,
    /// `changed` or `unknown`.
    pub(crate) reason: &'static str,
    /// What that means.
    pub(crate) meaning: String,
    /// What to do about it.
    pub(crate) advice: String,
}

impl From<Reason> for Judged {
    fn from(reason: Reason) -> Self {
        let (meaning, advice) = reason.words();
        Self {
            holds: reason.holds(),
            reason: reason.as_str(),
            meaning,
            advice,
        }
    }
}

/// Check the signature of a request that was received
///
/// Nothing of what is sent here is kept. A request is told to be too old when its timestamp is more
/// than 300 seconds away from our clock, as a receiver would find it now.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/check-signature", tag = "endpoints",
    params(("tenant" = String, Path)), request_body = ToCheck,
    responses((status = 200, body = Judged), (status = 404), (status = 413),
        (status = 422, description = "the tenant has no such endpoint")))]
pub(crate) async fn run(
    at: InTenant<Read>,
    State(api): State<Api>,
    Body(given): Body<ToCheck>,
) -> Result<Json<Judged>, Problem> {
    let own = match &given.endpoint {
        Some(named) => {
            let unknown = || problem::invalid("#/endpoint", "there is no such endpoint");
            let endpoint = named.parse().map_err(|_| unknown())?;
            let secrets = api.store.endpoint_secrets(at.tenant, endpoint).await;
            Some(secrets.map_err(|error| match error {
                store::StoreError::NotFound => unknown(),
                other => problem::of_store(&other),
            })?)
        }
        None => None,
    };
    let header = |name: &str| {
        let mut headers = given.headers.iter();
        let found = headers.find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    };
    let received = Received {
        id: header(WEBHOOK_ID),
        timestamp: header(WEBHOOK_TIMESTAMP),
        signatures: header(WEBHOOK_SIGNATURE),
        body: given.body.as_bytes(),
    };
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let reason = diagnosis::of(&given.secret, own.as_deref(), &received, now);
    Ok(Json(reason.into()))
}
