//! *Guide*: how to receive webhooks, filled in with what is true here.

use askama::Template;
use axum::Json;
use axum::extract::State as With;
use axum::http::StatusCode;

use super::frame::{Frame, Section, Shown, show};
use super::own_endpoint::{self, Asked, Known, Place};
use super::snippets::{self, Snippet};
use super::words;
use crate::access::{InTenant, Read};
use crate::api::Api;
use crate::body::Body;
use crate::query::Query;
use crate::resources::egress_ips;
use crate::resources::endpoints::{Changes, check};
use crate::resources::event_types::{self, Entry};

#[derive(Template)]
#[template(path = "guide.html")]
struct Guide {
    frame: Frame,
    tenant: String,
    addresses: Vec<String>,
    waits: Vec<String>,
    attempts: usize,
    span: String,
    types: Vec<Entry>,
    /// The type and payload of the example.
    example: Example,
    /// Those that examples can be filled in with.
    endpoints: Vec<Known>,
    /// The one that they are.
    own: Option<Known>,
    /// Where it is.
    place: Place,
    snippets: Vec<Snippet>,
}

impl Guide {
    fn is_own(&self, id: &str) -> bool {
        self.own.as_ref().is_some_and(|own| own.id == id)
    }
}

struct Example {
    event: String,
    data: String,
}

impl Example {
    /// The guide's own, where the catalogue has it; else the first there is.
    fn of(types: &[Entry]) -> Self {
        let usual = types.iter().find(|one| one.name == "shipment.created");
        match usual.or_else(|| types.first()) {
            Some(entry) => Self {
                event: entry.name.clone(),
                data: entry.example.clone(),
            },
            None => Self {
                event: "shipment.created".to_owned(),
                data: "{\"id\":\"ship_123\"}".to_owned(),
            },
        }
    }
}

/// Shows the guide, filled in with the endpoint that is asked for, or else with the newest.
pub(super) async fn page(
    at: InTenant<Read>,
    With(api): With<Api>,
    Query(asked): Query<Asked>,
) -> Shown {
    let tenant = at.tenant.to_string();
    let catalogue = event_types::of_tenant(at, With(api.clone())).await?;
    let Json(egress) = egress_ips::list(With(api.clone())).await;
    let nothing = Body(Changes::default());
    let Json(checked) = check::run(at, With(api.clone()), nothing).await?;
    let waits = checked
        .retry
        .as_ref()
        .map_or(&[][..], |retry| &retry.waits_s);
    let endpoints = own_endpoint::known(&api, at).await?;
    let named = endpoints
        .iter()
        .find(|one| Some(&one.id) == asked.endpoint.as_ref());
    let own = named.or_else(|| endpoints.first()).cloned();
    let types = catalogue.0.data;
    let page = Guide {
        frame: Frame::of(&api, at, Section::Guide, "Guide").await?,
        tenant,
        addresses: egress.data,
        waits: waits.iter().copied().map(words::wait).collect(),
        attempts: waits.len() + 1,
        span: words::wait(waits.iter().sum()),
        example: Example::of(&types),
        types,
        place: Place::of(own.as_ref()),
        snippets: snippets::of(own.as_ref()),
        endpoints,
        own,
    };
    Ok(show(StatusCode::OK, &page))
}
