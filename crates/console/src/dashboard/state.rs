//! How things stand, in words, with the instants that a page shows in its reader's zone.

use time::OffsetDateTime;

use super::words::Cause;
use crate::resources::deliveries::Delivery;
use crate::resources::endpoints::Endpoint;
use crate::resources::replays::Replay;
use crate::resources::text;
use crate::resources::troubled::Troubled;

/// An instant, as the API tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instant(pub(super) String);

impl Instant {
    /// As the API tells it.
    pub(super) fn of(at: OffsetDateTime) -> Self {
        Self(text::instant(at))
    }

    /// For a page without JavaScript, to the minute.
    pub(super) fn text(&self) -> String {
        match (self.0.get(..10), self.0.get(11..16)) {
            (Some(day), Some(time)) => format!("{day} {time} UTC"),
            _ => self.0.clone(),
        }
    }
}

/// How something stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct State {
    /// `good`, `bad`, `waiting` or `idle`: its colour.
    pub(super) tone: &'static str,
    pub(super) words: String,
    /// What follows the words, as in “Failing since …”.
    pub(super) since: Option<Instant>,
    /// What follows after a colon.
    pub(super) why: Option<String>,
}

impl State {
    pub(super) fn new(tone: &'static str, words: impl Into<String>) -> Self {
        Self {
            tone,
            words: words.into(),
            since: None,
            why: None,
        }
    }

    /// How an endpoint stands.
    pub(super) fn of_endpoint(endpoint: &Endpoint) -> Self {
        let health = &endpoint.health;
        let cause = health.last_failure.as_deref().and_then(Cause::of_reason);
        let why = cause.map(|cause| cause.words().short);
        match health.status {
            "paused" => Self::new("waiting", format!("Paused{}", held(health.held))),
            "disabled" => Self {
                why: why.or_else(|| endpoint.state_reason.clone()),
                ..Self::new("bad", format!("Disabled{}", held(health.held)))
            },
            "failing" => Self {
                since: health.failing_since.clone().map(Instant),
                why,
                ..Self::new("bad", "Failing")
            },
            "healthy" => Self::new("good", "Delivering"),
            _ => Self::new("idle", "Nothing sent yet"),
        }
    }

    /// How a delivery stands.
    pub(super) fn of_delivery(delivery: &Delivery) -> Self {
        let last = delivery.last_outcome.as_deref();
        let cause = last.and_then(|last| Cause::of_attempt(last, delivery.last_status));
        let why = cause.map(|cause| cause.words().short);
        match (delivery.state, delivery.dead_reason) {
            ("delivered", _) => Self {
                why: delivery.last_status.map(|status| status.to_string()),
                ..Self::new("good", "Delivered")
            },
            ("waiting", _) if last.is_none() => Self::new("waiting", "On its way"),
            ("waiting", _) => Self {
                why,
                ..Self::new("bad", "Will be tried again")
            },
            ("held", _) => Self::new("waiting", "Held until the endpoint is resumed"),
            ("cancelled", _) => Self::new("idle", "Cancelled: the endpoint was deleted"),
            (_, Some("poison")) => Self::new("bad", "Given up: it could not be sent"),
            _ => Self {
                why,
                ..Self::new("bad", "Given up")
            },
        }
    }

    /// How an endpoint in trouble stands.
    pub(super) fn of_troubled(one: &Troubled) -> Self {
        let cause = one.last_failure.as_deref().and_then(Cause::of_reason);
        let why = cause.map(|cause| cause.words().short);
        let since = one.failing_since.clone().map(Instant);
        let words = match (one.state, since.is_some()) {
            ("disabled", _) => "Disabled, failing",
            ("paused", _) => "Paused, failing",
            (_, true) => "Failing",
            (_, false) => "Failing often",
        };
        Self {
            since,
            why,
            ..Self::new("bad", words)
        }
    }

    /// How a replay stands.
    pub(super) fn of_replay(replay: &Replay) -> Self {
        match replay.state {
            "running" => Self::new("waiting", "Running"),
            "paused" => Self::new("idle", "Paused"),
            "cancelled" => Self::new("idle", "Cancelled"),
            _ => Self::new("good", "All sent"),
        }
    }
}

fn held(held: u64) -> String {
    match held {
        0 => String::new(),
        held if held > 1_000 => ", over 1,000 held".to_owned(),
        held => format!(", {held} held"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_without_javascript() {
        let instant = Instant("2026-03-02T10:15:00.123Z".to_owned());
        assert_eq!(instant.text(), "2026-03-02 10:15 UTC");
        assert_eq!(Instant("odd".to_owned()).text(), "odd");
    }

    #[test]
    fn what_is_held() {
        assert_eq!(held(0), "");
        assert_eq!(held(312), ", 312 held");
        assert_eq!(held(1_001), ", over 1,000 held");
    }
}
