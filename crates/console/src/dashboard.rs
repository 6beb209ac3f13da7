//! The dashboard: pages for browsers, rendered on the server.
//!
//! A page does everything by the handlers of the API, called in this process with the same proofs
//! of access, and shows the same views. So nothing can be done by a page that the API can't, and
//! who may do what is decided where it is for the API, in `access`.
//!
//! **Invariant:** a page works without JavaScript; the modules in `assets` only make it better.
//! **Invariant:** a request without a session gets the sign-in page and nothing else, and one that
//! changes something must come from a page of ours.

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::http::request::Parts;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use service::problem::Problem;

use crate::api::Api;
use crate::resources::events::live;

mod assets;
mod brand;
mod by_provider;
mod cookies;
mod faults;
mod fields;
mod frame;
mod guard;
mod search;
mod settings;
mod sign_in;
mod sweep;
mod throttle;
mod words;

mod audit;
mod beginning;
mod catalogue;
mod chart;
mod choice;
mod dead_letters;
mod delivery;
mod edit;
mod endpoint;
mod endpoint_form;
mod event;
mod events;
mod guide;
mod keys;
mod letter;
mod letter_words;
mod many_letters;
mod overview;
mod own_endpoint;
mod own_headers;
mod people;
mod platform_settings;
mod reference;
mod register;
mod replay;
mod replay_form;
mod replays;
mod schedule;
mod sending;
mod signature_check;
mod snippets;
mod state;
mod tenants;
mod timeline;
mod trial;
mod type_form;
mod waiting;
mod webhooks;

pub(crate) use settings::Dashboard;
pub(crate) use sweep::sweep;

/// A page, or what a form is sent to; each asks for a session.
struct Route {
    method: Method,
    path: &'static str,
    handler: MethodRouter<Api>,
}

impl Route {
    fn get<T: 'static>(path: &'static str, handler: impl Handler<T, Api>) -> Self {
        Self {
            method: Method::GET,
            path,
            handler: get(handler),
        }
    }

    fn post<T: 'static>(path: &'static str, handler: impl Handler<T, Api>) -> Self {
        Self {
            method: Method::POST,
            path,
            handler: post(handler),
        }
    }
}

fn routes() -> Vec<Route> {
    const WEBHOOKS: &str = "/tenants/{tenant}/webhooks";
    const NEW: &str = "/tenants/{tenant}/webhooks/new";
    const ENDPOINT: &str = "/tenants/{tenant}/webhooks/{endpoint}";
    const REPLAY_FORM: &str = "/tenants/{tenant}/webhooks/{endpoint}/replay";
    const EDIT: &str = "/tenants/{tenant}/webhooks/{endpoint}/edit";
    const SIGNATURE: &str = "/tenants/{tenant}/guide/signature";
    const TYPE: &str = "/event-types/{name}/edit";
    vec![
        Route::get("/overview", overview::page),
        Route::get("/tenants", tenants::page),
        Route::get(WEBHOOKS, webhooks::page),
        Route::get(NEW, register::page),
        Route::post(NEW, register::save),
        Route::get(ENDPOINT, endpoint::page),
        Route::get(EDIT, edit::page),
        Route::post(EDIT, edit::save),
        Route::post(
            "/tenants/{tenant}/webhooks/{endpoint}/pause",
            endpoint::pause,
        ),
        Route::post(
            "/tenants/{tenant}/webhooks/{endpoint}/resume",
            endpoint::resume,
        ),
        Route::post(
            "/tenants/{tenant}/webhooks/{endpoint}/rotate-secret",
            endpoint::rotate_secret,
        ),
        Route::post("/tenants/{tenant}/webhooks/{endpoint}/test", endpoint::test),
        Route::post(
            "/tenants/{tenant}/webhooks/{endpoint}/delete",
            endpoint::delete,
        ),
        Route::get("/tenants/{tenant}/deliveries/{delivery}", delivery::page),
        Route::post(
            "/tenants/{tenant}/deliveries/{delivery}/replay",
            delivery::replay,
        ),
        Route::get(REPLAY_FORM, replay_form::page),
        Route::post(REPLAY_FORM, replay_form::ask),
        Route::get("/tenants/{tenant}/replays", replays::page),
        Route::get("/tenants/{tenant}/replays/{replay}", replay::page),
        Route::post("/tenants/{tenant}/replays/{replay}/pause", replay::pause),
        Route::post("/tenants/{tenant}/replays/{replay}/resume", replay::resume),
        Route::post("/tenants/{tenant}/replays/{replay}/cancel", replay::cancel),
        Route::post(
            "/tenants/{tenant}/replays/{replay}/rate",
            replay::change_rate,
        ),
        Route::get("/tenants/{tenant}/events", events::page),
        Route::get("/tenants/{tenant}/events/stream", live::follow),
        Route::get("/tenants/{tenant}/events/{event}", event::page),
        Route::get("/tenants/{tenant}/events/{event}/payload", events::payload),
        Route::get("/tenants/{tenant}/dead-letters", dead_letters::page),
        Route::post(
            "/tenants/{tenant}/dead-letters/replay",
            many_letters::replay,
        ),
        Route::post(
            "/tenants/{tenant}/dead-letters/discard",
            many_letters::discard,
        ),
        Route::get("/tenants/{tenant}/dead-letters/{letter}", letter::page),
        Route::post(
            "/tenants/{tenant}/dead-letters/{letter}/replay",
            letter::replay,
        ),
        Route::post(
            "/tenants/{tenant}/dead-letters/{letter}/discard",
            letter::discard,
        ),
        Route::get("/dead-letters", dead_letters::of_platform),
        Route::post("/dead-letters/replay", many_letters::replay_of_platform),
        Route::post("/dead-letters/discard", many_letters::discard_of_platform),
        Route::get("/dead-letters/{letter}", letter::of_platform),
        Route::post("/dead-letters/{letter}/replay", letter::replay_of_platform),
        Route::post(
            "/dead-letters/{letter}/discard",
            letter::discard_of_platform,
        ),
        Route::get("/tenants/{tenant}/event-types", catalogue::of_tenant),
        Route::get("/event-types", catalogue::page),
        Route::get("/event-types/{name}", catalogue::one),
        Route::get(TYPE, type_form::edit),
        Route::post(TYPE, type_form::save),
        Route::post("/event-types/{name}/archive", catalogue::archive),
        Route::get("/new-event-type", type_form::new),
        Route::post("/new-event-type", type_form::create),
        Route::get("/keys", keys::page),
        Route::get("/keys/new", keys::form),
        Route::post("/keys/new", keys::create),
        Route::post("/keys/{key}/revoke", keys::revoke),
        Route::get("/tenants/{tenant}/keys", keys::page_of_tenant),
        Route::get("/tenants/{tenant}/keys/new", keys::form_of_tenant),
        Route::post("/tenants/{tenant}/keys/new", keys::create_of_tenant),
        Route::post(
            "/tenants/{tenant}/keys/{key}/revoke",
            keys::revoke_of_tenant,
        ),
        Route::get("/tenants/{tenant}/audit", audit::of_tenant),
        Route::get("/people", people::page),
        Route::post("/people/{person}/sign-out", people::sign_out),
        Route::get("/audit", audit::page),
        Route::get("/settings", platform_settings::page),
        Route::post("/settings/retries", platform_settings::set_retries),
        Route::post("/settings/branding", platform_settings::set_look),
        Route::post("/settings/logo", platform_settings::set_logo),
        Route::post("/settings/logo/remove", platform_settings::remove_logo),
        Route::get("/tenants/{tenant}/guide", guide::page),
        Route::get(SIGNATURE, signature_check::page),
        Route::post(SIGNATURE, signature_check::check),
    ]
}

/// Every page and form that asks for a session: its method, and its path with the parameters in
/// braces.
pub fn pages() -> impl Iterator<Item = (Method, &'static str)> {
    routes().into_iter().map(|route| (route.method, route.path))
}

/// Answers that something isn't there, or has other methods: by a page to browsers that look for
/// pages, and else by the problem.
pub(crate) fn missing(api: &Api, request: &Parts, problem: Problem) -> Response {
    let is_of_api = request.uri.path().starts_with("/v1/");
    if is_of_api || !frame::takes_pages(&request.headers) {
        return problem.into_response();
    }
    let detail = "there is nothing to see at this address: it may be mistyped, or what was here is \
                  gone";
    let problem = Problem::new(problem.status(), "not-found", problem.title(), detail);
    guard::guarded(api, frame::as_page(problem.into_response()))
}

/// Everything that browsers are served.
pub(crate) fn router(api: &Api) -> Router<Api> {
    let pages = routes()
        .into_iter()
        .fold(Router::new(), |router, route| {
            router.route(route.path, route.handler)
        })
        .route_layer(from_fn_with_state(api.clone(), sign_in::ask));
    pages
        .route("/", get(sign_in::entrance))
        .route("/login", get(sign_in::page).post(sign_in::by_key))
        .route("/login/oidc", get(by_provider::begin))
        .route("/login/oidc/callback", get(by_provider::finish))
        .route("/logout", post(sign_in::out))
        .route("/docs", get(reference::page))
        .route("/portal/{token}", get(sign_in::by_link))
        .route_layer(from_fn_with_state(api.clone(), guard::origin))
        .route_layer(from_fn(frame::problems))
        .route("/assets/{name}", get(assets::serve))
        .route("/brand/{name}", get(brand::style))
        .route_layer(from_fn_with_state(api.clone(), guard::headers))
}
