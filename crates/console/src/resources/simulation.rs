//! A subscription tried on what was published, before it is saved.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::limits;
use domain::selection::{Filtering, Judgement, Selection};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use service::problem::Problem;
use store::PageRequest;
use store::events::{EventSummary, Sought};
use utoipa::ToSchema;

use super::{selection, text};
use crate::access::{InTenant, Manage};
use crate::api::Api;
use crate::body::Body;
use crate::judging::{self, Recorded};
use crate::problem;

/// A subscription to be tried.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToTry {
    /// Event types or patterns; every type, if left out.
    #[schema(example = json!(["shipment.*"]))]
    pub(crate) event_types: Option<Vec<String>>,
    /// Only events that carry one of these.
    #[serde(default)]
    pub(crate) channels: Vec<String>,
    /// Only events whose payload (`@`) is like this: a logical expression of JSONPath (RFC 9535).
    #[schema(example = "@.status == 'created'")]
    pub(crate) filter: Option<String>,
}

/// What a subscription would have selected.
#[derive(Serialize, ToSchema)]
pub(crate) struct Simulation {
    /// How many events it was tried on: the newest 100, or all there are.
    pub(crate) tried: usize,
    /// How many of them it selects.
    pub(crate) selected: usize,
    /// The events, the newest first.
    pub(crate) data: Vec<Tried>,
}

/// What the subscription says of an event.
#[derive(Serialize, ToSchema)]
pub(crate) struct Tried {
    #[schema(example = "evt_0193a5c8e0b87c3aa1f2c9d8e7f60512")]
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) accepted_at: String,
    channels: Vec<String>,
    pub(crate) selected: bool,
    /// `selected`, `type_not_selected`, `channel_not_selected`, `filter_false` or
    /// `filter_unknown`: the first condition that fails.
    reason: &'static str,
    /// The same in words.
    pub(crate) detail: String,
}

impl Tried {
    fn new(event: &EventSummary, judgement: Judgement) -> Self {
        Self {
            id: event.id.to_string(),
            event: event.event_type.to_string(),
            accepted_at: text::instant(event.accepted_at),
            channels: event.channels.iter().map(ToString::to_string).collect(),
            selected: judgement == Judgement::Selected,
            reason: judgement.as_str(),
            detail: judgement.to_string(),
        }
    }
}

impl ToTry {
    fn judged(self) -> Result<Selection, Problem> {
        let everything = || vec!["*".to_owned()];
        let filter = self.filter.as_deref().map(selection::filter).transpose()?;
        Ok(Selection {
            event_types: selection::patterns(&self.event_types.unwrap_or_else(everything))?,
            channels: selection::channels(&self.channels)?,
            filter: filter.map_or(Filtering::Off, |filter| Filtering::By(Arc::new(filter))),
        })
    }
}

/// Try a subscription on the tenant's newest 100 events, without saving it
#[utoipa::path(post, path = "/v1/tenants/{tenant}/endpoints/simulate", tag = "endpoints",
    params(("tenant" = String, Path)), request_body = ToTry,
    responses((status = 200, body = Simulation), (status = 422, description = "a value can't be used; for a filter, with the position and what is wrong there")))]
pub(crate) async fn run(
    at: InTenant<Manage>,
    State(api): State<Api>,
    Body(subscription): Body<ToTry>,
) -> Result<Json<Simulation>, Problem> {
    let selection = subscription.judged()?;
    let newest = PageRequest {
        after: None,
        rows: limits::SIMULATED_EVENTS,
    };
    let events = api
        .store
        .events(at.tenant, &Sought::default(), newest)
        .await;
    let events = events.map_err(|error| problem::of_store(&error))?;
    let tried = events
        .rows
        .into_iter()
        .map(|event| tried(&api, &selection, event));
    let tried: Vec<Option<Tried>> = stream::iter(tried)
        .buffered(judging::AT_ONCE)
        .try_collect()
        .await?;
    let data: Vec<Tried> = tried.into_iter().flatten().collect();
    Ok(Json(Simulation {
        tried: data.len(),
        selected: data.iter().filter(|one| one.selected).count(),
        data,
    }))
}

/// What the selection says of an event; none when its retention has just ended.
async fn tried(
    api: &Api,
    selection: &Selection,
    event: EventSummary,
) -> Result<Option<Tried>, Problem> {
    let recorded = Recorded {
        event: event.id,
        day: event.day(),
        event_type: &event.event_type,
        channels: &event.channels,
    };
    let judged = judging::judge(&api.store, selection, recorded).await;
    let judged = judged.map_err(|error| problem::of_store(&error))?;
    Ok(judged.map(|judgement| Tried::new(&event, judgement)))
}
