//! What an endpoint selects of its tenant's events: types, channels, and a filter on the payload.

use std::cell::OnceCell;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

pub use filter::{Filter, ParseFilterError};
use filter::{Malformed, OutOfSteps, Payload, Steps};

use crate::event::Channel;
use crate::event_type::{EventType, EventTypePattern};
use crate::id::EndpointId;
use crate::limits;

/// What an endpoint selects of its tenant's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// What it selects.
    pub selection: Selection,
}

/// The conditions that an event must meet, all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The event types; an event must match one of them.
    pub event_types: Vec<EventTypePattern>,
    /// The channels; where there are any, an event must carry one of them.
    pub channels: Vec<Channel>,
    /// What its payload must be like.
    pub filter: Filtering,
}

/// What a payload must be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filtering {
    /// Whatever it is.
    Off,
    /// This must hold for it. Snapshots that follow one another share it.
    By(Arc<Filter>),
    /// What is on record is no filter to this version of the program, but may be one to another:
    /// until that one is there, nothing is selected.
    Unreadable,
}

impl Filtering {
    /// The filter that the record has; none when it has none.
    #[must_use]
    pub fn from_record(source: Option<&str>) -> Self {
        match source.map(Filter::from_str) {
            None => Self::Off,
            Some(Ok(filter)) => Self::By(Arc::new(filter)),
            Some(Err(_)) => Self::Unreadable,
        }
    }
}

/// Whether an event is selected, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// It is.
    Selected,
    /// It is of another type.
    OtherType,
    /// It carries none of the channels.
    OtherChannels,
    /// The filter does not hold for its payload.
    Filtered,
    /// Whether the filter holds can't be known, so it is not selected.
    Unknown(Unjudged),
}

impl Judgement {
    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Selected => "selected",
            Self::OtherType => "type_not_selected",
            Self::OtherChannels => "channel_not_selected",
            Self::Filtered => "filter_false",
            Self::Unknown(_) => "filter_unknown",
        }
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Selected => f.write_str("it is selected"),
            Self::OtherType => f.write_str("the event's type is not selected"),
            Self::OtherChannels => f.write_str("the event carries none of the channels"),
            Self::Filtered => f.write_str("the filter does not hold for the payload"),
            Self::Unknown(unjudged) => {
                write!(f, "it can't be known whether the filter holds: {unjudged}")
            }
        }
    }
}

/// Why it can't be known whether a filter holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unjudged {
    /// The payload is no JSON that can be read.
    #[error(transparent)]
    Payload(#[from] Malformed),
    /// It takes too long.
    #[error(transparent)]
    Steps(#[from] OutOfSteps),
    /// The filter is of another version of the program.
    #[error("this version of the program can't read the filter")]
    Filter,
}

/// An event as selections see it. Its payload is read when the first filter asks for it, once.
#[derive(Debug)]
pub struct Candidate<'e> {
    /// What kind of event it is.
    pub event_type: &'e EventType,
    /// Its labels.
    pub channels: &'e [Channel],
    data: &'e [u8],
    payload: OnceCell<Result<Payload<'e>, Malformed>>,
}

impl<'e> Candidate<'e> {
    /// An event of this type, with these channels and this payload.
    #[must_use]
    pub fn new(event_type: &'e EventType, channels: &'e [Channel], data: &'e [u8]) -> Self {
        Self {
            event_type,
            channels,
            data,
            payload: OnceCell::new(),
        }
    }

    fn payload(&self) -> Result<&Payload<'e>, Malformed> {
        let read = self.payload.get_or_init(|| Payload::read(self.data));
        read.as_ref().map_err(|malformed| *malformed)
    }
}

impl Selection {
    /// Whether an event is selected, and if not, why: the first of its conditions that fails.
    #[must_use]
    pub fn judge(&self, event: &Candidate<'_>) -> Judgement {
        let mut steps = limits::FILTER_STEPS;
        if self.has_type(event.event_type) {
            self.judge_typed(event, &mut steps)
        } else {
            Judgement::OtherType
        }
    }

    /// The same for an event that is known to be of one of the types. The filter takes its steps
    /// from `steps`, and no more than [`limits::FILTER_STEPS`] of them.
    #[must_use]
    pub fn judge_typed(&self, event: &Candidate<'_>, steps: &mut u32) -> Judgement {
        if !self.admits(event.channels) {
            return Judgement::OtherChannels;
        }
        match self.holds(event, steps) {
            Ok(true) => Judgement::Selected,
            Ok(false) => Judgement::Filtered,
            Err(unjudged) => Judgement::Unknown(unjudged),
        }
    }

    /// Whether the payload has a say for events of this type and with these channels.
    #[must_use]
    pub fn looks_at_payload(&self, event_type: &EventType, channels: &[Channel]) -> bool {
        let is_filtered = matches!(self.filter, Filtering::By(_));
        is_filtered && self.has_type(event_type) && self.admits(channels)
    }

    fn has_type(&self, event_type: &EventType) -> bool {
        let mut patterns = self.event_types.iter();
        patterns.any(|pattern| pattern.matches(event_type))
    }

    fn admits(&self, channels: &[Channel]) -> bool {
        self.channels.is_empty() || self.channels.iter().any(|one| channels.contains(one))
    }

    fn holds(&self, event: &Candidate<'_>, steps: &mut u32) -> Result<bool, Unjudged> {
        let filter = match &self.filter {
            Filtering::Off => return Ok(true),
            Filtering::By(filter) => filter,
            Filtering::Unreadable => return Err(Unjudged::Filter),
        };
        let payload = event.payload()?;
        let granted = limits::FILTER_STEPS.min(*steps);
        let mut left = Steps::new(granted);
        let holds = filter.selects(payload, &mut left);
        *steps -= granted - left.left();
        Ok(holds?)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn selection(channels: &[&str], filter: Option<&str>) -> Selection {
        Selection {
            event_types: vec!["shipment.*".parse().unwrap()],
            channels: channels.iter().map(|one| one.parse().unwrap()).collect(),
            filter: Filtering::from_record(filter),
        }
    }

    fn judged(selection: &Selection, event_type: &str, data: &str) -> Judgement {
        let event_type = event_type.parse().unwrap();
        let channels = ["eu".parse().unwrap()];
        selection.judge(&Candidate::new(&event_type, &channels, data.as_bytes()))
    }

    #[rstest]
    #[case("shipment.created", &[], None, Judgement::Selected)]
    #[case("shipment.created", &["us", "eu"], None, Judgement::Selected)]
    #[case("user.created", &["us"], Some("@.n == 2"), Judgement::OtherType)]
    #[case("shipment.created", &["us"], Some("@.n == 2"), Judgement::OtherChannels)]
    #[case("shipment.created", &["eu"], Some("@.n == 2"), Judgement::Filtered)]
    #[case("shipment.created", &["eu"], Some("@.n == 1"), Judgement::Selected)]
    #[case("shipment.created", &["eu"], Some("@.n ~ 1"), Judgement::Unknown(Unjudged::Filter))]
    fn the_first_condition_that_fails_is_named(
        #[case] event_type: &str,
        #[case] channels: &[&str],
        #[case] filter: Option<&str>,
        #[case] expected: Judgement,
    ) {
        let selection = selection(channels, filter);
        assert_eq!(judged(&selection, event_type, r#"{"n":1}"#), expected);
    }

    #[test]
    fn what_cannot_be_known_is_not_selected() {
        let selection = selection(&[], Some("$[?$[?@ == -1]]"));
        let many: Vec<String> = (0..2_000).map(|number| number.to_string()).collect();
        let many = format!("[{}]", many.join(","));
        let unjudged = Judgement::Unknown(Unjudged::Steps(OutOfSteps));
        assert_eq!(judged(&selection, "shipment.created", &many), unjudged);
        let unjudged = Judgement::Unknown(Unjudged::Payload(Malformed));
        assert_eq!(judged(&selection, "shipment.created", "{"), unjudged);
    }

    #[rstest]
    #[case("shipment.created", &["eu"], true)]
    #[case("shipment.created", &["us"], false)]
    #[case("user.created", &["eu"], false)]
    fn type_and_channels_come_first(
        #[case] event_type: &str,
        #[case] channels: &[&str],
        #[case] looks: bool,
    ) {
        let event_type = event_type.parse().unwrap();
        let carried = ["eu".parse().unwrap()];
        let filtered = selection(channels, Some("@.n == 1"));
        assert_eq!(filtered.looks_at_payload(&event_type, &carried), looks);
        assert!(!selection(channels, None).looks_at_payload(&event_type, &carried));
    }

    /// Without a filter nobody looks at the payload.
    #[test]
    fn a_payload_is_read_for_filters_alone() {
        let event_type: EventType = "shipment.created".parse().unwrap();
        let event = Candidate::new(&event_type, &[], b"no json");
        assert_eq!(selection(&[], None).judge(&event), Judgement::Selected);
        assert!(event.payload.get().is_none());
        let filtered = selection(&[], Some("@.n == 1"));
        let unjudged = Judgement::Unknown(Unjudged::Payload(Malformed));
        assert_eq!(filtered.judge(&event), unjudged);
        assert!(event.payload.get().is_some());
    }
}
