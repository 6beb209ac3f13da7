//! What a replay looks like.

use domain::replay::{Rate, Selector};
use serde::Serialize;
use serde_json::{Value, json};
use store::replays::{NewReplay, Outcomes};
use utoipa::ToSchema;

use crate::replay::Count;
use crate::resources::text;

/// A replay of many deliveries.
#[derive(Serialize, ToSchema)]
pub(crate) struct Replay {
    #[schema(example = "rpl_0193a5c8e0b87c3aa1f2c9d8e7f60512")]
    pub(crate) id: String,
    /// What was asked for, with the window that it came to.
    #[schema(value_type = Object)]
    pub(crate) selector: Value,
    /// Deliveries a second.
    pub(crate) rate: u16,
    /// `running`, `paused`, `cancelled` or `finished`.
    pub(crate) state: &'static str,
    /// How many there were when it was made; null: too many to count in time.
    pub(crate) expected: Option<u64>,
    /// Deliveries that it has made.
    pub(crate) selected: u64,
    /// Those of them that the broker has confirmed.
    published: u64,
    /// Selected, and no longer on record when their turn came.
    pub(crate) skipped: u64,
    pub(crate) created_at: String,
    updated_at: String,
    pub(crate) finished_at: Option<String>,
}

/// A replay with what became of its deliveries so far.
#[derive(Serialize, ToSchema)]
pub(crate) struct WithOutcomes {
    #[serde(flatten)]
    pub(crate) replay: Replay,
    /// Its deliveries by state.
    pub(crate) deliveries: ByState,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ByState {
    pub(crate) delivered: u64,
    pub(crate) dead: u64,
    pub(crate) waiting: u64,
    pub(crate) held: u64,
    pub(crate) cancelled: u64,
}

/// What a replay would do.
#[derive(Serialize, ToSchema)]
pub(crate) struct DryRun {
    /// How many deliveries.
    pub(crate) count: u64,
    /// Whether these are all; if not, there was no time to count more.
    pub(crate) complete: bool,
    pub(crate) rate: u16,
    /// How long they take at the rate.
    pub(crate) takes_s: u64,
}

impl From<store::replays::Replay> for Replay {
    fn from(replay: store::replays::Replay) -> Self {
        Self {
            id: replay.made.id.to_string(),
            selector: selector(&replay.made),
            rate: replay.made.rate.per_second(),
            state: replay.state.as_str(),
            expected: replay.made.expected,
            selected: replay.selected,
            published: replay.published,
            skipped: replay.skipped,
            created_at: text::instant(replay.created_at),
            updated_at: text::instant(replay.updated_at),
            finished_at: replay.finished_at.map(text::instant),
        }
    }
}

impl WithOutcomes {
    pub(super) fn new(replay: store::replays::Replay, outcomes: Outcomes) -> Self {
        let Outcomes {
            delivered,
            dead,
            waiting,
            held,
            cancelled,
        } = outcomes;
        Self {
            replay: replay.into(),
            deliveries: ByState {
                delivered,
                dead,
                waiting,
                held,
                cancelled,
            },
        }
    }
}

impl DryRun {
    pub(super) fn new(count: Count, rate: Rate) -> Self {
        let (complete, count) = match count {
            Count::All(count) => (true, count),
            Count::AtLeast(count) => (false, count),
        };
        Self {
            count,
            complete,
            rate: rate.per_second(),
            takes_s: count.div_ceil(rate.per_second().into()),
        }
    }
}

/// A selector as it was asked for, the window filled in.
pub(super) fn selector(replay: &NewReplay) -> Value {
    let (since, until) = (text::instant(replay.since), text::instant(replay.until));
    match &replay.selector {
        Selector::Named(deliveries) => json!({"deliveries": deliveries}),
        Selector::Everything(endpoint) => {
            json!({"everything": {"endpoint": endpoint, "since": since, "until": until}})
        }
        Selector::Missed(endpoint) => {
            json!({"missed": {"endpoint": endpoint, "since": since, "until": until}})
        }
        Selector::Failed(failed) => json!({"failed": {
            "reason": failed.reason,
            "endpoint": failed.endpoint,
            "event": failed.event_type.as_ref().map(ToString::to_string),
            "since": since,
            "until": until,
        }}),
    }
}
