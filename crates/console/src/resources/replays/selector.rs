//! Which deliveries a request asks for.

use domain::id::EndpointId;
use domain::limits;
use domain::replay::{Failed, Rate, Selector};
use serde::Deserialize;
use service::problem::Problem;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::problem;
use crate::resources::text;

/// A replay to be made: one of `deliveries`, `everything`, `failed` and `missed`.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewReplay)]
pub(crate) struct ToCreate {
    /// These deliveries, 1 to 1,000, whatever became of them.
    #[schema(example = json!(["dlv_0193a5c8e0b87c3aa1f2c9d8e7f60512"]))]
    pub(crate) deliveries: Option<Vec<String>>,
    /// Everything that an endpoint was sent.
    pub(crate) everything: Option<Everything>,
    /// What was given up and nobody has dealt with.
    pub(crate) failed: Option<AskedFailed>,
    /// What an endpoint was never sent though it selects it now.
    pub(crate) missed: Option<Missed>,
    /// Deliveries a second, 1 to 5,000; 100 if left out.
    pub(crate) rate: Option<u16>,
    /// Only count them, and say how long they would take.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// Everything that an endpoint was sent: delivered to it, or given up, in the window.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Everything {
    pub(crate) endpoint: String,
    /// RFC 3339.
    pub(crate) since: String,
    /// RFC 3339; now, if left out.
    pub(crate) until: Option<String>,
}

/// What was given up in the window: the open dead letters.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskedFailed {
    /// `exhausted` or `gone`.
    pub(crate) reason: Option<String>,
    pub(crate) endpoint: Option<String>,
    /// An event type.
    pub(crate) event: Option<String>,
    pub(crate) since: Option<String>,
    pub(crate) until: Option<String>,
}

/// What was accepted in the window, matches the endpoint now, and was never on its way to it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Missed {
    pub(crate) endpoint: String,
    pub(crate) since: Option<String>,
    pub(crate) until: Option<String>,
}

/// A window of time, its end excluded.
pub(super) struct Window {
    pub(super) since: OffsetDateTime,
    pub(super) until: OffsetDateTime,
}

impl ToCreate {
    /// The selector and its window; what comes after `now` is not selected.
    pub(super) fn judged(self, now: OffsetDateTime) -> Result<(Selector, Window), Problem> {
        match self {
            Self {
                deliveries: Some(deliveries),
                everything: None,
                failed: None,
                missed: None,
                ..
            } => Ok((named(&deliveries)?, within("#", None, None, now)?)),
            Self {
                deliveries: None,
                everything: Some(asked),
                failed: None,
                missed: None,
                ..
            } => {
                let (since, until) = (Some(&asked.since), asked.until.as_ref());
                let window = within("#/everything", since, until, now)?;
                let endpoint = parsed("#/everything/endpoint", &asked.endpoint)?;
                Ok((Selector::Everything(endpoint), window))
            }
            Self {
                deliveries: None,
                everything: None,
                failed: Some(asked),
                missed: None,
                ..
            } => {
                let (since, until) = (asked.since.as_ref(), asked.until.as_ref());
                let window = within("#/failed", since, until, now)?;
                Ok((failed(asked)?, window))
            }
            Self {
                deliveries: None,
                everything: None,
                failed: None,
                missed: Some(asked),
                ..
            } => {
                let (since, until) = (asked.since.as_ref(), asked.until.as_ref());
                let window = within("#/missed", since, until, now)?;
                let endpoint = parsed("#/missed/endpoint", &asked.endpoint)?;
                Ok((Selector::Missed(endpoint), window))
            }
            _ => {
                let detail = "give one of deliveries, everything, failed and missed";
                Err(problem::invalid("#", detail))
            }
        }
    }
}

/// The endpoint that must be one of the tenant's.
pub(super) fn endpoint(selector: &Selector) -> Option<EndpointId> {
    match selector {
        Selector::Everything(endpoint) | Selector::Missed(endpoint) => Some(*endpoint),
        // What was given up may be of an endpoint that was deleted since.
        Selector::Named(_) | Selector::Failed(_) => None,
    }
}

fn named(given: &[String]) -> Result<Selector, Problem> {
    if !(1..=limits::REPLAY_NAMED).contains(&given.len()) {
        let detail = format!("1 to {} deliveries", limits::REPLAY_NAMED);
        return Err(problem::invalid("#/deliveries", detail));
    }
    let deliveries = given
        .iter()
        .enumerate()
        .map(|(number, text)| parsed(&format!("#/deliveries/{number}"), text));
    let mut deliveries = deliveries.collect::<Result<Vec<_>, _>>()?;
    deliveries.sort_unstable();
    deliveries.dedup();
    Ok(Selector::Named(deliveries))
}

fn failed(asked: AskedFailed) -> Result<Selector, Problem> {
    let endpoint = asked.endpoint.as_deref();
    let endpoint = endpoint.map(|text| parsed("#/failed/endpoint", text));
    let event_type = asked.event.as_deref();
    let event_type = event_type.map(|text| parsed("#/failed/event", text));
    Ok(Selector::Failed(Failed {
        reason: asked.reason,
        endpoint: endpoint.transpose()?,
        event_type: event_type.transpose()?,
    }))
}

fn parsed<T>(pointer: &str, text: &str) -> Result<T, Problem>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    text.parse()
        .map_err(|error| problem::invalid(pointer, error))
}

/// How fast; the usual rate where none is given.
pub(super) fn rate(given: Option<u16>) -> Result<Rate, Problem> {
    Rate::new(given.unwrap_or(limits::REPLAY_RATE_DEFAULT)).ok_or_else(|| {
        let detail = format!("1 to {} deliveries a second", limits::REPLAY_RATE);
        problem::invalid("#/rate", detail)
    })
}

fn within(
    pointer: &str,
    since: Option<&String>,
    until: Option<&String>,
    now: OffsetDateTime,
) -> Result<Window, Problem> {
    let at = |name: &str| format!("{pointer}/{name}");
    let since = since.map(|given| text::read_instant(given).ok_or_else(|| no_instant(at("since"))));
    let until = until.map(|given| text::read_instant(given).ok_or_else(|| no_instant(at("until"))));
    window(since.transpose()?, until.transpose()?, now)
        .ok_or_else(|| problem::invalid(at("until"), "it is not after since"))
}

fn no_instant(pointer: String) -> Problem {
    problem::invalid(pointer, "RFC 3339, such as 2026-03-02T10:00:00Z")
}

/// The window, with what was given as none: since ever, and until now. None when it is empty.
fn window(
    since: Option<OffsetDateTime>,
    until: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> Option<Window> {
    let since = since.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let until = until.unwrap_or(now).min(now);
    (since < until).then_some(Window { since, until })
}
