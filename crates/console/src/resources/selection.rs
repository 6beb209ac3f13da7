//! What an endpoint selects, as its owner gives it, judged.

use domain::event::Channel;
use domain::event_type::EventTypePattern;
use domain::limits;
use domain::selection::Filter;
use service::problem::Problem;

use crate::problem::invalid;

pub(super) fn patterns(given: &[String]) -> Result<Vec<EventTypePattern>, Problem> {
    if !(1..=limits::PATTERNS).contains(&given.len()) {
        let detail = format!("1 to {} event types or patterns", limits::PATTERNS);
        return Err(invalid("#/event_types", detail));
    }
    let parsed = given.iter().enumerate().map(|(number, text)| {
        text.parse()
            .map_err(|error| invalid(format!("#/event_types/{number}"), error))
    });
    parsed.collect()
}

pub(super) fn channels(given: &[String]) -> Result<Vec<Channel>, Problem> {
    if given.len() > limits::CHANNELS {
        return Err(invalid(
            "#/channels",
            format!("at most {} channels", limits::CHANNELS),
        ));
    }
    let parsed = given.iter().enumerate().map(|(number, text)| {
        text.parse()
            .map_err(|error| invalid(format!("#/channels/{number}"), error))
    });
    parsed.collect()
}

pub(super) fn filter(given: &str) -> Result<Filter, Problem> {
    given.parse().map_err(|error| invalid("#/filter", error))
}
