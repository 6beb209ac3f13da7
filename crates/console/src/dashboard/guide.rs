//! *Guide*: how to receive webhooks, filled in with what is true here.

use askama::Template;
use axum::Json;
use axum::extract::State as With;
use axum::http::StatusCode;

use super::frame::{Frame, Section, Shown, show};
use super::words;
use crate::access::{InTenant, Read};
use crate::api::Api;
use crate::problem;
use crate::resources::egress_ips;
use crate::resources::event_types::{self, Entry};
use crate::resources::retry::Retry;

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

/// Shows the guide.
pub(super) async fn page(at: InTenant<Read>, With(api): With<Api>) -> Shown {
    let tenant = at.tenant.to_string();
    let catalogue = event_types::of_tenant(at, With(api.clone())).await?;
    let Json(egress) = egress_ips::list(With(api.clone())).await;
    let settings = api.store.platform_settings().await;
    let settings = settings.map_err(|error| problem::of_store(&error))?;
    let retry = Retry::of_platform(&settings);
    let types = catalogue.0.data;
    let page = Guide {
        frame: Frame::of(&api, at, Section::Guide, "Guide").await?,
        tenant,
        addresses: egress.data,
        waits: retry.waits_s.iter().copied().map(words::wait).collect(),
        attempts: retry.attempts,
        span: words::wait(retry.span_s),
        example: Example::of(&types),
        types,
    };
    Ok(show(StatusCode::OK, &page))
}
