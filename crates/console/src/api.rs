//! The routes, and the document that describes them.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::get;
use axum::{Json, Router};
use broker::Publisher;
use domain::address::AddressPolicy;
use domain::shard::Shards;
use ipnet::IpNet;
use service::problem::Problem;
use store::{AccessDirectory, Live, Store};
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::dashboard::{self, Dashboard};
use crate::resources::events::streams::Streams;
use crate::resources::{
    api_keys, audit, branding, dead_letters, deliveries, egress_ips, endpoint_stats,
    endpoint_tests, endpoints, event_types, events, explain, ledger, people, portal_links, queues,
    replays, settings, signature_check, simulation, tenants, troubled,
};

mod refusals;

/// What every request is served with.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) store: Store,
    pub(crate) access: Live<AccessDirectory>,
    pub(crate) publisher: Publisher,
    pub(crate) shards: Shards,
    pub(crate) addresses: Arc<AddressPolicy>,
    pub(crate) egress_ips: Arc<[IpNet]>,
    pub(crate) dashboard: Arc<Dashboard>,
    pub(crate) streams: Streams,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Posthaste management API",
        description = "Tenants, endpoints, events, deliveries and what became of them.\n\n\
            Every error is a problem (RFC 9457) that says what to do. Besides what each call \
            lists, it answers 401 without a key that is known, 403 without the scope, 404 for what \
            isn't there or not for the key, 400, 413, 415 and 422 for parameters and bodies that \
            can't be used, and 503 while the record or the broker is away.\n\nLists answer \
            `{data, next_cursor}`; pass `next_cursor` as `cursor` for the next page. Unknown \
            members of a body are refused by name.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    security(("key" = [])),
    modifiers(&Keys),
)]
struct Described;

struct Keys;

impl utoipa::Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API key: `phk_…`"))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("key", SecurityScheme::Http(bearer));
    }
}

fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Described::openapi())
        .routes(routes!(tenants::list, tenants::create))
        .routes(routes!(tenants::get, tenants::delete))
        .routes(routes!(endpoints::list, endpoints::create))
        .routes(routes!(endpoints::check::run))
        .routes(routes!(signature_check::run))
        .routes(routes!(
            endpoints::get,
            endpoints::update,
            endpoints::delete
        ))
        .routes(routes!(endpoints::rotate_secret))
        .routes(routes!(endpoints::pause))
        .routes(routes!(endpoints::resume))
        .routes(routes!(endpoint_tests::send))
        .routes(routes!(endpoint_stats::get))
        .routes(routes!(simulation::run))
        .routes(routes!(event_types::list))
        .routes(routes!(event_types::of_tenant))
        .routes(routes!(event_types::names::list))
        .routes(routes!(
            event_types::get,
            event_types::put,
            event_types::archive
        ))
        .routes(routes!(events::list))
        .routes(routes!(events::live::follow))
        .routes(routes!(events::get))
        .routes(routes!(events::payload))
        .routes(routes!(explain::list))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::get))
        .routes(routes!(deliveries::replay))
        .routes(routes!(replays::list, replays::create))
        .routes(routes!(replays::get, replays::change))
        .routes(routes!(replays::pause))
        .routes(routes!(replays::resume))
        .routes(routes!(replays::cancel))
        .routes(routes!(dead_letters::list))
        .routes(routes!(dead_letters::get, dead_letters::discard))
        .routes(routes!(dead_letters::replay))
        .routes(routes!(dead_letters::replay_many))
        .routes(routes!(dead_letters::discard_many))
        .routes(routes!(dead_letters::of_tenant::list))
        .routes(routes!(
            dead_letters::of_tenant::get,
            dead_letters::of_tenant::discard
        ))
        .routes(routes!(dead_letters::of_tenant::replay))
        .routes(routes!(dead_letters::of_tenant::discard_many))
        .routes(routes!(audit::list))
        .routes(routes!(audit::of_tenant))
        .routes(routes!(api_keys::list, api_keys::create))
        .routes(routes!(api_keys::revoke))
        .routes(routes!(
            api_keys::of_tenant::list,
            api_keys::of_tenant::create
        ))
        .routes(routes!(api_keys::of_tenant::revoke))
        .routes(routes!(people::list))
        .routes(routes!(people::sign_out))
        .routes(routes!(settings::get, settings::put))
        .routes(routes!(branding::get, branding::put))
        .routes(routes!(
            branding::logo,
            branding::put_logo,
            branding::remove_logo
        ))
        .routes(routes!(egress_ips::list))
        .routes(routes!(portal_links::create, portal_links::revoke))
        .routes(routes!(ledger::whole))
        .routes(routes!(ledger::of_tenant))
        .routes(routes!(ledger::backlogs))
        .routes(routes!(queues::list))
        .routes(routes!(troubled::failing))
        .routes(routes!(troubled::left_alone))
}

/// The description of the API, OpenAPI 3.1.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    described().1
}

/// The routes, and the document with all that they answer.
fn described() -> (Router<Api>, utoipa::openapi::OpenApi) {
    let (router, mut document) = routes().split_for_parts();
    refusals::describe(&mut document);
    (router, document)
}

/// Everything that is served.
pub(crate) fn router(api: Api) -> Router {
    let (router, document) = described();
    router
        .route("/openapi.json", get(async move || Json(document)))
        .merge(dashboard::router(&api))
        .fallback(async |State(api): State<Api>, request: Parts| {
            let detail = "there is nothing at this path: see /openapi.json";
            let problem = Problem::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail);
            dashboard::missing(&api, &request, problem)
        })
        .method_not_allowed_fallback(async |State(api): State<Api>, request: Parts| {
            let detail = "this path has other methods: see /openapi.json";
            let (status, kind) = (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed");
            let problem = Problem::new(status, kind, "Method not allowed", detail);
            dashboard::missing(&api, &request, problem)
        })
        .with_state(api)
}
