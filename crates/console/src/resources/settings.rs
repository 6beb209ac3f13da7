//! What the platform sets for all its endpoints.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use serde::{Deserialize, Serialize};
use serde_json::json;
use service::problem::Problem;
use store::audit::Action;
use store::settings::PlatformSettings;
use utoipa::ToSchema;

use super::given::Given;
use super::retry::{self, Growing, Retry};
use super::{audit, text};
use crate::access::{Manage, Platform, Read};
use crate::api::Api;
use crate::body::Body;
use crate::etag::{self, IfMatch, Tagged};
use crate::problem;

/// What the platform has set.
#[derive(Serialize, ToSchema)]
pub(crate) struct Settings {
    /// When failed deliveries of endpoints without a policy of their own are tried again.
    pub(crate) retry: Retry,
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
    pub(crate) retry_waits_s: Given<Vec<u64>>,
    /// The same as a rule, in the place of a list.
    pub(crate) retry_exponential: Option<Growing>,
}

fn tagged(settings: &PlatformSettings) -> Tagged<Json<Settings>> {
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
) -> Result<Tagged<Json<Settings>>, Problem> {
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
    by: Platform<Manage>,
    State(api): State<Api>,
    IfMatch(precondition): IfMatch,
    Body(given): Body<ToPut>,
) -> Result<Tagged<Json<Settings>>, Problem> {
    let policy = retry::judged(given.retry_waits_s, given.retry_exponential)?.over(None);
    let set = api
        .store
        .set_default_retry(precondition, policy.as_ref())
        .await;
    let set = set.map_err(|error| problem::of_store(&error))?;
    let detail = json!({"retry_waits_s": policy.map(Vec::<u64>::from)});
    let deed = audit::deed(by.by, None, Action::SettingsChanged, "settings", &detail);
    audit::note(&api, deed).await;
    Ok(tagged(&set))
}
