//! How an endpoint is sent its events, as a form is filled in: the body's format, the deadline, how
//! fast, and on which channels.

use domain::endpoint::BodyFormat;
use domain::limits;
use service::problem::Problem;

use super::faults::Faults;
use super::fields::Fields;
use crate::problem;
use crate::resources::endpoints::{Changes, Endpoint, Rate};
use crate::resources::given::Given;

/// The members that have a field here.
pub(super) const MEMBERS: [&str; 4] = ["format", "timeout_s", "rate_limit", "channels"];

/// What is filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sending {
    pub(super) format: String,
    pub(super) timeout_s: String,
    /// Empty: as fast as the endpoint bears.
    pub(super) per_second: String,
    /// Empty: as many as a second's.
    pub(super) burst: String,
    /// With commas between them; empty: whatever channels an event has.
    pub(super) channels: String,
}

impl Default for Sending {
    /// What an endpoint has that says nothing.
    fn default() -> Self {
        Self {
            format: BodyFormat::Guide.as_str().to_owned(),
            timeout_s: limits::ATTEMPT_TIMEOUT.as_secs().to_string(),
            per_second: String::new(),
            burst: String::new(),
            channels: String::new(),
        }
    }
}

impl Sending {
    /// As a form was sent; none where it has no such fields.
    pub(super) fn sent(fields: &Fields) -> Option<Self> {
        fields.all("format").next()?;
        let one = |name: &str| fields.one(name).to_owned();
        Some(Self {
            format: one("format"),
            timeout_s: one("timeout_s"),
            per_second: one("per_second"),
            burst: one("burst"),
            channels: one("channels"),
        })
    }

    /// As an endpoint is.
    pub(super) fn of(endpoint: &Endpoint) -> Self {
        let rate = endpoint.rate_limit;
        // One that is as large as a second's is what is meant where none is given.
        let burst = rate.and_then(|rate| rate.burst.filter(|burst| *burst != rate.per_second));
        let text = |number: u32| number.to_string();
        Self {
            format: endpoint.format.to_owned(),
            timeout_s: endpoint.timeout_s.to_string(),
            per_second: rate.map(|rate| text(rate.per_second)).unwrap_or_default(),
            burst: burst.map(text).unwrap_or_default(),
            channels: endpoint.channels.join(", "),
        }
    }

    /// The channels that are filled in.
    pub(super) fn channels(&self) -> Vec<String> {
        let named = self.channels.split([',', ' ']).map(str::trim);
        let named = named.filter(|name| !name.is_empty());
        named.map(str::to_owned).collect()
    }

    /// Whether anything is other than where nothing is said.
    pub(super) fn is_special(&self) -> bool {
        *self != Self::default()
    }

    /// Asks the API for it; gives what can't be read.
    pub(super) fn ask(&self, changes: &mut Changes) -> Faults {
        let mut faults = Faults::default();
        let mut take = |read: Result<(), Problem>| {
            if let Err(problem) = read {
                faults = std::mem::take(&mut faults).and(Faults::of(&problem));
            }
        };
        changes.format = Some(self.format.clone());
        changes.channels = Some(self.channels());
        take(
            self.timeout()
                .map(|seconds| changes.timeout_s = Some(seconds)),
        );
        take(self.rate().map(|rate| {
            changes.rate_limit = rate.map_or(Given::Null, Given::Value);
        }));
        faults
    }

    fn timeout(&self) -> Result<u64, Problem> {
        if self.timeout_s.is_empty() {
            return Ok(limits::ATTEMPT_TIMEOUT.as_secs());
        }
        let read = self.timeout_s.parse();
        read.map_err(|_| problem::invalid("#/timeout_s", "1 to 30 seconds"))
    }

    fn rate(&self) -> Result<Option<Rate>, Problem> {
        let wrong = |detail: &str| problem::invalid("#/rate_limit", detail);
        let number = |text: &str| match text {
            "" => Ok(None),
            text => text
                .parse()
                .map(Some)
                .map_err(|_| wrong("a number of requests")),
        };
        match (number(&self.per_second)?, number(&self.burst)?) {
            (Some(per_second), burst) => Ok(Some(Rate { per_second, burst })),
            (None, None) => Ok(None),
            (None, Some(_)) => Err(wrong("say how many a second, too")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(sending: &Sending) -> (Changes, Faults) {
        let mut changes = Changes::default();
        let faults = sending.ask(&mut changes);
        (changes, faults)
    }

    #[test]
    fn what_is_left_empty_is_as_usual() {
        assert_eq!(Sending::sent(&Fields::of(&[("url", "x")])), None);
        let empty = Sending::sent(&Fields::of(&[("format", "standard")])).unwrap();
        let (changes, faults) = asked(&empty);
        assert!(faults.is_empty() && empty.is_special());
        assert_eq!(changes.format.as_deref(), Some("standard"));
        assert_eq!(changes.timeout_s, Some(15));
        assert!(matches!(changes.rate_limit, Given::Null));
        assert_eq!(changes.channels.as_deref(), Some(&[][..]));
        assert!(!Sending::default().is_special());
    }

    #[test]
    fn what_is_filled_in_is_asked_for() {
        let fields = [
            ("format", "cloudevents"),
            ("timeout_s", "5"),
            ("per_second", "10"),
            ("burst", "20"),
            ("channels", "eu, us-1 ,"),
        ];
        let (changes, faults) = asked(&Sending::sent(&Fields::of(&fields)).unwrap());
        assert!(faults.is_empty());
        let Given::Value(rate) = changes.rate_limit else {
            panic!("no rate")
        };
        assert_eq!((rate.per_second, rate.burst), (10, Some(20)));
        assert_eq!(changes.channels.unwrap(), ["eu", "us-1"]);
        assert_eq!(changes.timeout_s, Some(5));
    }

    #[test]
    fn what_can_not_be_read_is_told_beside_its_field() {
        for (name, value, member) in [
            ("timeout_s", "soon", "timeout_s"),
            ("per_second", "-1", "rate_limit"),
            ("burst", "7", "rate_limit"),
        ] {
            let fields = Fields::of(&[("format", "guide"), (name, value)]);
            let (_, faults) = asked(&Sending::sent(&fields).unwrap());
            assert!(faults.at(member).is_some(), "{name}");
            assert!(faults.beside(&MEMBERS).is_none(), "{name}");
        }
    }
}
