//! Replays: which deliveries are made again, how fast, and how a replay goes on and ends.

use std::num::NonZeroU16;
use std::time::Duration;

use crate::event_type::EventType;
use crate::id::{DeliveryId, EndpointId};
use crate::limits;

/// Which deliveries a replay makes again. All of them are of one tenant and in one window of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// These, whatever became of them; the window does not count.
    Named(Vec<DeliveryId>),
    /// Everything that this endpoint was sent: what was delivered to it, or given up, in the
    /// window. Of an event that was settled there more than once, the last.
    Everything(EndpointId),
    /// What was given up in the window and nobody has dealt with: the open dead letters.
    Failed(Failed),
    /// What was accepted in the window, matches the endpoint's subscription as it is now, and was
    /// never on its way to it.
    Missed(EndpointId),
}

/// Which of a tenant's dead deliveries; what is none selects all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failed {
    /// Why they were given up: the name of a [`crate::delivery::DeadReason`].
    pub reason: Option<String>,
    /// Where they were to go.
    pub endpoint: Option<EndpointId>,
    /// The type of their event.
    pub event_type: Option<EventType>,
}

/// How many deliveries a second, 1 to [`limits::REPLAY_RATE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(NonZeroU16);

impl Rate {
    /// So many a second; none when that is out of bounds.
    #[must_use]
    pub fn new(per_second: u16) -> Option<Self> {
        NonZeroU16::new(per_second)
            .filter(|rate| rate.get() <= limits::REPLAY_RATE)
            .map(Self)
    }

    /// How many a second.
    #[must_use]
    pub const fn per_second(self) -> u16 {
        self.0.get()
    }

    /// How long so many take.
    #[must_use]
    pub fn takes(self, count: u64) -> Duration {
        let rate = u64::from(self.0.get());
        Duration::from_secs(count / rate)
            + Duration::from_secs(count % rate) / u32::from(self.0.get())
    }
}

/// How a replay goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It publishes, or will as soon as a console has a place for it.
    Running,
    /// Somebody stopped it for a while.
    Paused,
    /// Somebody ended it; what it had published goes on.
    Cancelled,
    /// All that it selected is published.
    Finished,
}

/// What somebody may do to a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Switch {
    /// Stop it for a while.
    Pause,
    /// Let it go on.
    Resume,
    /// End it.
    Cancel,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Running, Self::Paused, Self::Cancelled, Self::Finished];

    /// The name in the record and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
            Self::Finished => "finished",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// The state after a switch; none when there is nothing to switch any more. What is done
    /// already may be asked for again.
    #[must_use]
    pub const fn after(self, switch: Switch) -> Option<Self> {
        match (self, switch) {
            (Self::Running | Self::Paused, Switch::Pause) => Some(Self::Paused),
            (Self::Running | Self::Paused, Switch::Resume) => Some(Self::Running),
            (Self::Running | Self::Paused | Self::Cancelled, Switch::Cancel) => {
                Some(Self::Cancelled)
            }
            (Self::Cancelled, Switch::Pause | Switch::Resume) | (Self::Finished, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rates_have_bounds() {
        assert_eq!(Rate::new(0), None);
        assert_eq!(Rate::new(limits::REPLAY_RATE + 1), None);
        assert_eq!(
            Rate::new(limits::REPLAY_RATE).map(Rate::per_second),
            Some(5_000)
        );
    }

    #[test]
    fn states_have_names_of_their_own() {
        for state in State::ALL {
            assert_eq!(State::from_name(state.as_str()), Some(state));
        }
    }

    #[test]
    fn what_has_ended_stays_ended() {
        for switch in [Switch::Pause, Switch::Resume, Switch::Cancel] {
            assert_eq!(State::Finished.after(switch), None);
        }
        assert_eq!(State::Cancelled.after(Switch::Resume), None);
        assert_eq!(State::Cancelled.after(Switch::Pause), None);
        assert_eq!(State::Paused.after(Switch::Resume), Some(State::Running));
        assert_eq!(State::Running.after(Switch::Pause), Some(State::Paused));
        assert_eq!(State::Paused.after(Switch::Cancel), Some(State::Cancelled));
    }

    proptest! {
        #[test]
        fn a_rate_says_how_long_it_takes(rate in 1u16..=limits::REPLAY_RATE, count in 0u64..1 << 40) {
            let takes = Rate::new(rate).unwrap().takes(count).as_secs_f64();
            #[expect(clippy::cast_precision_loss, reason = "the counts are below 2^52")]
            let expected = count as f64 / f64::from(rate);
            prop_assert!((takes - expected).abs() < 1e-3, "{takes} {expected}");
        }
    }
}
