//! *Endpoint*: how it stands, a test, its latest deliveries, its secret, and its end.

use askama::Template;
use axum::Json;
use axum::extract::State as With;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use domain::event_type::{EventType, EventTypePattern};
use domain::id::{self, EndpointId, TenantId};
use serde::Deserialize;
use service::problem::Problem;

use super::chart::Chart;
use super::delivery::Attempted;
use super::fields::Fields;
use super::frame::{Frame, Section, Shown, show};
use super::register::{Occasion, Secret};
use super::state::{Instant, State};
use super::words::{self, Cause, Words};
use crate::access::{InTenant, Manage, Named, Read};
use crate::api::Api;
use crate::body::Body;
use crate::page::Paging;
use crate::query::Query;
use crate::resources::deliveries::{self, Delivery, Filter};
use crate::resources::endpoint_stats;
use crate::resources::endpoint_tests::{self, ToSend};
use crate::resources::endpoints::{self, Endpoint};
use crate::resources::event_types::names::{self, Name};

/// How many of the latest deliveries are shown.
const DELIVERIES: u16 = 20;

#[derive(Template)]
#[template(path = "endpoint.html")]
struct Page {
    frame: Frame,
    tenant: String,
    endpoint: Endpoint,
    state: State,
    created: Instant,
    /// What is wrong with it and what to do, while it fails or is disabled.
    trouble: Option<Words>,
    schedule: Vec<String>,
    span: String,
    /// Until when it is left alone because it fails again and again.
    left_alone: Option<Instant>,
    /// The types that a test can be of, those that the endpoint selects first.
    types: Vec<String>,
    test: Option<Test>,
    /// Its last 24 hours; none where nothing was attempted.
    chart: Option<Chart>,
    rows: Vec<Row>,
}

impl Page {
    fn is_enabled(&self) -> bool {
        self.endpoint.state == "enabled"
    }
}

/// What has come of a test.
enum Test {
    /// Nothing yet.
    Awaited,
    Attempted(Attempted),
}

struct Row {
    id: String,
    event_type: String,
    state: State,
    /// How many attempts were made.
    attempts: u16,
    at: Instant,
}

impl From<Delivery> for Row {
    fn from(delivery: Delivery) -> Self {
        let state = State::of_delivery(&delivery);
        // Of what waits, the attempt is the next one.
        let attempts = match delivery.state {
            "waiting" | "held" => delivery.attempt.saturating_sub(1),
            _ => delivery.attempt,
        };
        Self {
            id: delivery.id,
            event_type: delivery.event_type,
            state,
            attempts,
            at: Instant(delivery.last_attempt_at.unwrap_or(delivery.updated_at)),
        }
    }
}

/// The test that a page tells of.
#[derive(Deserialize)]
pub(super) struct Told {
    test: Option<String>,
}

/// Shows an endpoint.
pub(super) async fn page(
    at: InTenant<Read>,
    With(api): With<Api>,
    Named(named): Named<id::Endpoint>,
    Query(told): Query<Told>,
) -> Shown {
    let tenant = at.tenant.to_string();
    let with = || With(api.clone());
    // An attempt is recorded together with what it says of its endpoint. So the endpoint is read
    // after it: a page that tells of both is followed no further.
    let test = match told.test.and_then(|test| test.parse().ok()) {
        Some(test) => Some(outcome(&api, at, test).await?),
        None => None,
    };
    let (_, Json(endpoint)) = endpoints::get(at, with(), Named(named)).await?;
    let filter = Query(Filter {
        endpoint: Some(endpoint.id.clone()),
        ..Filter::default()
    });
    let paging = Paging::first(DELIVERIES);
    let listed = deliveries::list(at, with(), filter, paging).await?;
    let catalogue = names::list(at, with()).await?;
    let Json(stats) = endpoint_stats::get(at, with(), Named(named)).await?;
    let types = to_test(catalogue.0.data, &endpoint.event_types);
    let last_failure = endpoint.health.last_failure.as_deref();
    let trouble = match endpoint.health.status {
        "failing" | "disabled" => last_failure.and_then(Cause::of_reason),
        _ => None,
    };
    let page = Page {
        frame: Frame::of(&api, at, Section::Webhooks, "Endpoint").await?,
        tenant,
        state: State::of_endpoint(&endpoint),
        created: Instant(endpoint.created_at.clone()),
        trouble: trouble.map(Cause::words),
        schedule: endpoint
            .retry
            .waits_s
            .iter()
            .copied()
            .map(words::wait)
            .collect(),
        span: words::wait(endpoint.retry.span_s),
        left_alone: endpoint.breaker.retry_at.clone().map(Instant),
        types,
        test,
        chart: Chart::of(stats),
        rows: listed.data.into_iter().map(Row::from).collect(),
        endpoint,
    };
    Ok(show(StatusCode::OK, &page))
}

/// The names of the catalogue's types, those that an endpoint selects first.
fn to_test(catalogue: Vec<Name>, patterns: &[String]) -> Vec<String> {
    let patterns: Vec<EventTypePattern> = patterns
        .iter()
        .filter_map(|pattern| pattern.parse().ok())
        .collect();
    let is_selected = |name: &String| {
        name.parse()
            .is_ok_and(|name: EventType| patterns.iter().any(|pattern| pattern.matches(&name)))
    };
    let mut types: Vec<String> = catalogue.into_iter().map(|entry| entry.name).collect();
    types.sort_by_key(|name| !is_selected(name));
    types
}

/// What has come of a test's delivery; it appears with its first report.
async fn outcome(api: &Api, at: InTenant<Read>, test: id::DeliveryId) -> Result<Test, Problem> {
    match deliveries::get(at, With(api.clone()), Named(test)).await {
        Ok(Json(found)) => {
            let last = found.attempts.into_iter().last();
            Ok(last.map_or(Test::Awaited, |last| Test::Attempted(last.into())))
        }
        Err(problem) if problem.status() == StatusCode::NOT_FOUND => Ok(Test::Awaited),
        Err(problem) => Err(problem),
    }
}

/// Pauses it.
pub(super) async fn pause(
    at: InTenant<Manage>,
    With(api): With<Api>,
    Named(named): Named<id::Endpoint>,
) -> Shown {
    let back = back(at.tenant, named);
    let _paused = endpoints::pause(at, With(api), Named(named)).await?;
    Ok(back)
}

/// Resumes it.
pub(super) async fn resume(
    at: InTenant<Manage>,
    With(api): With<Api>,
    Named(named): Named<id::Endpoint>,
) -> Shown {
    let back = back(at.tenant, named);
    let _resumed = endpoints::resume(at, With(api), Named(named)).await?;
    Ok(back)
}

/// Deletes it.
pub(super) async fn delete(
    at: InTenant<Manage>,
    With(api): With<Api>,
    Named(named): Named<id::Endpoint>,
) -> Shown {
    let list = format!("/tenants/{}/webhooks", at.tenant);
    endpoints::delete(at, With(api), Named(named)).await?;
    Ok(Redirect::to(&list).into_response())
}

/// Gives it a new secret and shows it.
pub(super) async fn rotate_secret(
    at: InTenant<Manage>,
    reading: InTenant<Read>,
    With(api): With<Api>,
    Named(named): Named<id::Endpoint>,
) -> Shown {
    let tenant = at.tenant.to_string();
    let Json(shown) = endpoints::rotate_secret(at, With(api.clone()), Named(named)).await?;
    let page = Secret {
        frame: Frame::of(&api, reading, Section::Webhooks, "New secret").await?,
        tenant,
        endpoint: named.to_string(),
        secret: shown.secret,
        occasion: Occasion::Rotated,
    };
    Ok(show(StatusCode::OK, &page))
}

/// Sends a test and goes to the page that tells what comes of it.
pub(super) async fn test(
    at: InTenant<Manage>,
    With(api): With<Api>,
    Named(named): Named<id::Endpoint>,
    fields: Fields,
) -> Shown {
    let tenant = at.tenant;
    let event_type = Some(fields.one("event_type").to_owned());
    let body = Body(ToSend { event_type });
    let (_, Json(sent)) = endpoint_tests::send(at, With(api), Named(named), body).await?;
    let to = format!(
        "/tenants/{tenant}/webhooks/{named}?test={}#test",
        sent.delivery
    );
    Ok(Redirect::to(&to).into_response())
}

fn back(tenant: TenantId, endpoint: EndpointId) -> Response {
    Redirect::to(&format!("/tenants/{tenant}/webhooks/{endpoint}")).into_response()
}
