//! How much waits at the broker.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use service::problem::Problem;
use store::depths::Depth;
use utoipa::ToSchema;

use super::text;
use crate::access::{Platform, Read};
use crate::api::Api;
use crate::problem;

/// How much waits at the broker.
#[derive(Serialize, ToSchema)]
pub(crate) struct Queues {
    /// When the broker was last asked, by the recorder, every five seconds; null: never.
    pub(crate) asked_at: Option<String>,
    /// By kind of queue, all its shards together.
    pub(crate) queues: Vec<Queue>,
    /// By retry tier, the shortest first.
    pub(crate) tiers: Vec<Tier>,
}

/// The queues of a kind.
#[derive(Serialize, ToSchema)]
pub(crate) struct Queue {
    /// `inbox`, `fanout`, `fanout_bulk`, `fresh`, `retry`, `bulk`, `results`, `dead`, `rejected` or
    /// `quarantine`.
    #[schema(example = "fresh")]
    pub(crate) queue: String,
    /// Messages, those in a consumer's hands apart; one may hold many events or deliveries.
    pub(crate) messages: u64,
    /// How many take from there.
    pub(crate) consumers: u64,
}

/// Deliveries that wait to be tried again.
#[derive(Serialize, ToSchema)]
pub(crate) struct Tier {
    #[schema(example = "5s")]
    pub(crate) tier: String,
    /// How long each waits.
    pub(crate) delay_s: u64,
    pub(crate) messages: u64,
}

/// Get how much waits at the broker: in each kind of queue, and in each retry tier
#[utoipa::path(get, path = "/v1/queues", tag = "platform",
    responses((status = 200, body = Queues)))]
pub(crate) async fn list(
    _: Platform<Read>,
    State(api): State<Api>,
) -> Result<Json<Queues>, Problem> {
    let asked = api.store.depths().await;
    let asked = asked.map_err(|error| problem::of_store(&error))?;
    let (tiers, queues): (Vec<Depth>, Vec<Depth>) = asked
        .depths
        .into_iter()
        .partition(|one| one.delay.is_some());
    let queue = |one: Depth| Queue {
        queue: one.name,
        messages: one.messages,
        consumers: one.consumers,
    };
    let tier = |one: Depth| Tier {
        tier: one.name,
        delay_s: one.delay.unwrap_or_default().as_secs(),
        messages: one.messages,
    };
    Ok(Json(Queues {
        asked_at: asked.at.map(text::instant),
        queues: queues.into_iter().map(queue).collect(),
        tiers: tiers.into_iter().map(tier).collect(),
    }))
}
