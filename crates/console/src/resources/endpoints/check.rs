//! Settings of an endpoint, judged before they are saved.

use axum::Json;
use axum::extract::State;
use domain::address::AddressPolicy;
use serde::Serialize;
use service::problem::Problem;
use store::settings::PlatformSettings;
use utoipa::ToSchema;

use super::settings::{self, Changes};
use crate::access::{InTenant, Read};
use crate::api::Api;
use crate::body::Body;
use crate::problem;
use crate::resources::given::Given;
use crate::resources::retry::{self, Retry};
use crate::resources::{own_headers, selection, text};

/// What is to be said of settings that nobody has saved.
#[derive(Serialize, ToSchema)]
pub(crate) struct Checked {
    /// What can't be used, one a member at most; empty: everything can.
    pub(crate) errors: Vec<Wrong>,
    /// When a failed delivery would be tried again; null where what was given can't be used.
    pub(crate) retry: Option<Retry>,
}

/// A value that can't be used.
#[derive(Serialize, ToSchema)]
pub(crate) struct Wrong {
    /// Where it is, as a JSON pointer.
    #[schema(example = "#/url")]
    pub(crate) pointer: String,
    /// What is wrong, and what to do.
    #[schema(example = "the URL's address is in a private network: give a public one")]
    pub(crate) detail: String,
}

/// Check an endpoint's settings without saving them: everything that is wrong
///
/// What is left out is not judged. A URL is judged by its text, as when it is saved: its name is
/// looked up when something is sent there, and no sooner.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/endpoints/check", tag = "endpoints",
    params(("tenant" = String, Path)), request_body = Changes,
    responses((status = 200, body = Checked), (status = 404)))]
pub(crate) async fn run(
    _: InTenant<Read>,
    State(api): State<Api>,
    Body(given): Body<Changes>,
) -> Result<Json<Checked>, Problem> {
    let platform = api.store.platform_settings().await;
    let platform = platform.map_err(|error| problem::of_store(&error))?;
    Ok(Json(given.checked(&api.addresses, &platform)))
}

impl Changes {
    fn checked(self, addresses: &AddressPolicy, platform: &PlatformSettings) -> Checked {
        let headers = self.headers.map(|given| {
            // What is kept was judged before.
            let given = given.into_iter();
            let whole = given.map(|(name, value)| (name, value.unwrap_or_default()));
            own_headers::judged(whole.collect()).map(drop)
        });
        let judged = [
            self.url
                .map(|given| settings::url(&given, addresses).map(drop)),
            self.description
                .map(|given| text::description("#/description", &given)),
            self.event_types
                .map(|given| selection::patterns(&given).map(drop)),
            self.channels
                .map(|given| selection::channels(&given).map(drop)),
            given(self.filter).map(|given| settings::filter(given).map(drop)),
            headers,
            self.format.map(|given| settings::format(&given).map(drop)),
            self.timeout_s
                .map(|given| settings::timeout(given).map(drop)),
            given(self.rate_limit).map(|given| settings::rate_limit(given).map(drop)),
        ];
        let wrong = judged.into_iter().flatten().filter_map(Result::err);
        let mut errors: Vec<Wrong> = wrong.flat_map(|problem| wrongs(&problem)).collect();
        let retry = match retry::judged(self.retry_waits_s, self.retry_exponential) {
            Ok(policy) => Some(Retry::of_endpoint(policy.over(None).as_ref(), platform)),
            Err(problem) => {
                errors.extend(wrongs(&problem));
                None
            }
        };
        Checked { errors, retry }
    }
}

fn given<T>(member: Given<T>) -> Option<T> {
    member.over(None)
}

fn wrongs(problem: &Problem) -> Vec<Wrong> {
    let faults = problem.faults().iter();
    let wrongs = faults.map(|fault| Wrong {
        pointer: fault.pointer.clone(),
        detail: fault.detail.clone(),
    });
    wrongs.collect()
}
