//! The names of the queues.

use domain::shard::{Shard, Shards};
use domain::tier::Tier;

/// Whose work a quarantined item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Ingest's: a publisher's message.
    Inbox,
    /// Fan-out's: an accepted event.
    Events,
    /// The dispatchers': a delivery.
    Dispatch,
    /// The recorder's: a report.
    Results,
}

impl Lane {
    /// Every lane.
    pub const ALL: [Self; 4] = [Self::Inbox, Self::Events, Self::Dispatch, Self::Results];

    /// The lane's name, which is also its routing key.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Events => "events",
            Self::Dispatch => "dispatch",
            Self::Results => "results",
        }
    }

    /// The lane whose work this queue holds; none for queues where messages only wait or rest.
    #[must_use]
    pub fn of_queue(queue: &str) -> Option<Self> {
        if queue == inbox() {
            Some(Self::Inbox)
        } else if queue == results() {
            Some(Self::Results)
        } else if queue.starts_with(FANOUT) {
            Some(Self::Events)
        } else if [FRESH, RETRYING, BULK]
            .iter()
            .any(|lane| queue.starts_with(lane))
        {
            Some(Self::Dispatch)
        } else {
            None
        }
    }
}

const FANOUT: &str = "posthaste.fanout.";
const FANOUT_BULK: &str = "posthaste.fanout.bulk.";
const FRESH: &str = "posthaste.dispatch.fresh.";
const RETRYING: &str = "posthaste.dispatch.retry.";
const BULK: &str = "posthaste.dispatch.bulk.";

const WAITING: &str = "posthaste.retry.";

/// What platforms publish.
#[must_use]
pub fn inbox() -> String {
    "posthaste.inbox".into()
}

/// Accepted events of a shard.
#[must_use]
pub fn fanout(shard: Shard) -> String {
    format!("{FANOUT}{shard}")
}

/// Accepted events of a shard, of tenants above their share.
#[must_use]
pub fn fanout_bulk(shard: Shard) -> String {
    format!("{FANOUT_BULK}{shard}")
}

/// A shard's deliveries that have not been tried.
#[must_use]
pub fn dispatch_fresh(shard: Shard) -> String {
    format!("{FRESH}{shard}")
}

/// A shard's deliveries that have waited, and those of slow endpoints.
#[must_use]
pub fn dispatch_retry(shard: Shard) -> String {
    format!("{RETRYING}{shard}")
}

/// A shard's deliveries of what is above its tenant's share, tried or not.
#[must_use]
pub fn dispatch_bulk(shard: Shard) -> String {
    format!("{BULK}{shard}")
}

/// Deliveries that wait for this tier's delay.
#[must_use]
pub fn retry(tier: Tier) -> String {
    format!("{WAITING}{}", tier.name())
}

/// The tier whose waiting deliveries are in this queue.
#[must_use]
pub fn tier_of(queue: &str) -> Option<Tier> {
    let name = queue.strip_prefix(WAITING)?;
    Tier::all().find(|tier| tier.name() == name)
}

/// What a queue of ours holds, whichever its shard: a name for metrics. None for the tiers, which
/// [`tier_of`] tells apart, and for queues that are not ours.
#[must_use]
pub fn kind_of(queue: &str) -> Option<&'static str> {
    // The longer names first: what is bulk is no shard.
    let kinds = [
        (FANOUT_BULK, "fanout_bulk"),
        (FANOUT, "fanout"),
        (FRESH, "fresh"),
        (RETRYING, "retry"),
        (BULK, "bulk"),
        ("posthaste.quarantine.", "quarantine"),
        ("posthaste.inbox", "inbox"),
        ("posthaste.results", "results"),
        ("posthaste.dead", "dead"),
        ("posthaste.rejected", "rejected"),
    ];
    let found = kinds.iter().find(|(prefix, _)| queue.starts_with(prefix));
    found.map(|(_, kind)| *kind)
}

/// The queues that accepted events come by.
#[must_use]
pub fn event_lanes(shards: Shards) -> Vec<String> {
    let bulk = shards.all().map(fanout_bulk);
    shards.all().map(fanout).chain(bulk).collect()
}

/// The queues that first attempts come by.
#[must_use]
pub fn first_lanes(shards: Shards) -> Vec<String> {
    let bulk = shards.all().map(dispatch_bulk);
    shards.all().map(dispatch_fresh).chain(bulk).collect()
}

/// The queues that all other attempts come by, and what found no room in the first lanes. What is
/// bulk stays bulk.
#[must_use]
pub fn later_lanes(shards: Shards) -> Vec<String> {
    let bulk = shards.all().map(dispatch_bulk);
    let quarantine = quarantine(Lane::Dispatch);
    let retry = shards.all().map(dispatch_retry);
    retry.chain(bulk).chain([quarantine]).collect()
}

/// What the dispatchers have to report.
#[must_use]
pub fn results() -> String {
    "posthaste.results".into()
}

/// What nobody could work on.
#[must_use]
pub fn dead() -> String {
    "posthaste.dead".into()
}

/// What a publisher got wrong.
#[must_use]
pub fn rejected() -> String {
    "posthaste.rejected".into()
}

/// Items of dead-lettered batches, each tried once more alone.
#[must_use]
pub fn quarantine(lane: Lane) -> String {
    format!("posthaste.quarantine.{}", lane.name())
}
