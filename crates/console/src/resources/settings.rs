//! What the platform sets for all its endpoints.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use service::problem::Problem;
use store::settings::PlatformSettings;
use utoipa::ToSchema;

use super::given::Given;
use super::retry::{self, Growing, Retry};
use super::text;
use crate::access::{Manage, Platform, Read};
use crate::api::Api;
use crate::body::Body;
use crate::etag::{self, IfMatch};
use crate::problem;

/// What the platform has set.
#[derive(Serialize, ToSchema)]
pub(crate) struct Settings {
    /// When failed deliveries of endpoints without a policy of their own are tried again.
    retry: Retry,
    updated_at: String,
}

/// What to set. A member that is left out, or null, goes back to what is built in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewSettings)]
pub(crate) struct ToPut {
    /// The waits between attempts, in seconds.
    #[serde(default)]
    #[schema(value_type = Option<Vec<u64>>, example = json!([5, 30, 120, 600]))]
    retry_waits_s: Given<Vec<u64>>,
    /// The same as a rule, in the place of a list.
    retry_exponential: Option<Growing>,
}

fn tagged(settings: &PlatformSettings) -> impl IntoResponse + use<> {
    let shown = Settings {
        retry: Retry::of_platform(settings),
        updated_at: text::instant(settings.updated_at),
    };
    ([(header::ETAG, etag::of(settings.version))], Json(shown))
}

/// Get the platform's settings
#[utoipa::path(get, path = "/v1/settings", tag = "settings",
    responses((status = 200, body = Settings)))]
pub(crate) async fn get(
    _: Platform<Read>,
    State(api): State<Api>,
) -> Result<impl IntoResponse, Problem> {
    let settings = api.store.platform_settings().await;
    Ok(tagged(
        &settings.map_err(|error| problem::of_store(&error))?,
    ))
}

/// Set the platform's settings, all of them
///
/// A delivery that already waits keeps its wait; the next one is of the new policy.
#[utoipa::path(put, path = "/v1/settings", tag = "settings",
    params(("if-match" = String, Header, description = "the ETag of what you have seen")),
    request_body = ToPut,
    responses((status = 200, body = Settings), (status = 412, description = "they have changed since"), (status = 422), (status = 428, description = "without If-Match")))]
pub(crate) async fn put(
    _: Platform<Manage>,
    State(api): State<Api>,
    IfMatch(precondition): IfMatch,
    Body(given): Body<ToPut>,
) -> Result<impl IntoResponse, Problem> {
    let policy = retry::judged(given.retry_waits_s, given.retry_exponential)?.over(None);
    let set = api
        .store
        .set_default_retry(precondition, policy.as_ref())
        .await;
    Ok(tagged(&set.map_err(|error| problem::of_store(&error))?))
}
