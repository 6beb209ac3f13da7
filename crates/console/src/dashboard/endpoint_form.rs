//! The form of an endpoint, which registering one and editing it have in common.

use axum::Json;
use axum::extract::State as With;
use service::problem::Problem;

use super::choice::{Choice, EVERYTHING};
use super::faults::Faults;
use super::fields::{Fields, some};
use super::sending::{self, Sending};
use super::trial::Trial;
use super::{own_headers, schedule};
use crate::access::{InTenant, Manage, Read};
use crate::api::Api;
use crate::body::Body;
use crate::resources::endpoints::{Changes, Endpoint, check};
use crate::resources::event_types::names::{self, Name};
use crate::resources::given::Given;
use crate::resources::simulation::ToTry;

/// The members that have a field.
const FIELDS: [&str; 6] = [
    "url",
    "description",
    "event_types",
    "filter",
    "headers",
    "retry_waits_s",
];

/// What a form was sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Save,
    /// To see what it would do; nothing is saved.
    Try,
}

impl Deed {
    pub(super) fn sent(fields: &Fields) -> Self {
        match fields.one("deed") {
            "try" => Self::Try,
            _ => Self::Save,
        }
    }
}

/// What is filled in of an endpoint.
#[derive(Default)]
pub(super) struct Filled {
    pub(super) url: String,
    pub(super) description: String,
    /// The types and patterns that are chosen.
    pub(super) events: Vec<String>,
    pub(super) filter: String,
    pub(super) headers: Vec<own_headers::Row>,
    /// How it is sent its events; none where the form has no fields for it.
    pub(super) sending: Option<Sending>,
    /// The waits between attempts as they are written; none: the platform's.
    pub(super) waits: Option<String>,
    /// What the endpoint's own schedule comes to, while it is as it was.
    pub(super) outlasts: Option<String>,
}

impl Filled {
    /// As a form was sent, for an endpoint that has these headers: every event, or what is ticked.
    pub(super) fn sent(fields: &Fields, headers: &[String]) -> Self {
        let events = match fields.one("events") {
            "all" => vec![EVERYTHING.to_owned()],
            _ => fields.all("event_type").map(str::to_owned).collect(),
        };
        let is_own = fields.one("schedule") == "own";
        Self {
            url: fields.one("url").to_owned(),
            description: fields.one("description").to_owned(),
            events,
            filter: fields.one("filter").to_owned(),
            headers: own_headers::sent(fields, headers),
            sending: Sending::sent(fields),
            waits: is_own.then(|| fields.one("waits").to_owned()),
            outlasts: None,
        }
    }

    /// As an endpoint is.
    pub(super) fn of(endpoint: Endpoint) -> Self {
        let sending = Sending::of(&endpoint);
        let retry = endpoint.retry;
        let is_own = retry.source == "endpoint";
        Self {
            url: endpoint.url,
            description: endpoint.description,
            events: endpoint.event_types,
            filter: endpoint.filter.unwrap_or_default(),
            headers: own_headers::of(&endpoint.headers),
            sending: Some(sending),
            waits: is_own.then(|| schedule::written(&retry.waits_s)),
            outlasts: is_own.then(|| schedule::in_words(&retry)),
        }
    }

    /// What the API is asked for, and what of it can't be read.
    pub(super) fn asked(&self) -> (Changes, Faults) {
        let (mut changes, mut faults) = (Changes::default(), Faults::default());
        changes.url = Some(self.url.clone());
        changes.description = Some(self.description.clone());
        changes.event_types = Some(self.events.clone());
        changes.filter = some(&self.filter).map_or(Given::Null, Given::Value);
        if let Some(sending) = &self.sending {
            faults = sending.ask(&mut changes);
        }
        match own_headers::asked(&self.headers) {
            Ok(headers) => changes.headers = Some(headers),
            Err(problem) => faults = faults.and(Faults::of(&problem)),
        }
        match self.waits.as_deref().map(schedule::read).transpose() {
            Ok(waits) => changes.retry_waits_s = waits.map_or(Given::Null, Given::Value),
            Err(problem) => faults = faults.and(Faults::of(&problem)),
        }
        (changes, faults)
    }

    /// The same for a trial. What is still empty is not judged, and what selects is tried apart.
    async fn tried(
        &self,
        api: &Api,
        managing: InTenant<Manage>,
        reading: InTenant<Read>,
    ) -> Result<Trial, Problem> {
        let (asked, unread) = self.asked();
        let channels = self.sending.as_ref().map(Sending::channels);
        let settings = Changes {
            url: some(&self.url),
            event_types: None,
            filter: Given::Nothing,
            ..asked
        };
        let selection = ToTry {
            event_types: (!self.events.is_empty()).then(|| self.events.clone()),
            channels: channels.unwrap_or_default(),
            filter: some(&self.filter),
        };
        let mut trial = Trial::of(api, managing, reading, settings, selection).await?;
        if unread.at("retry_waits_s").is_some() {
            trial.retry = None;
        }
        trial.faults = trial.faults.and(unread);
        Ok(trial)
    }
}

/// The form, with what is wrong beside each field and what came of a trial.
pub(super) struct Form {
    pub(super) tenant: String,
    pub(super) filled: Filled,
    pub(super) choice: Choice,
    pub(super) faults: Faults,
    pub(super) trial: Option<Trial>,
    /// What the platform's schedule comes to.
    pub(super) usual: String,
}

impl Form {
    /// As it is filled in.
    pub(super) async fn new(
        api: &Api,
        at: InTenant<Read>,
        filled: Filled,
        faults: Faults,
    ) -> Result<Self, Problem> {
        let catalogue = names::list(at, With(api.clone())).await?;
        let nothing = Body(Changes::default());
        let Json(checked) = check::run(at, With(api.clone()), nothing).await?;
        let usual = checked.retry.as_ref().map(schedule::in_words);
        let tenant = at.tenant.to_string();
        let usual = usual.unwrap_or_default();
        Ok(Self::assembled(
            tenant,
            filled,
            catalogue.0.data,
            faults,
            usual,
        ))
    }

    fn assembled(
        tenant: String,
        filled: Filled,
        catalogue: Vec<Name>,
        faults: Faults,
        usual: String,
    ) -> Self {
        Self {
            tenant,
            choice: Choice::new(catalogue, &filled.events),
            filled,
            faults,
            trial: None,
            usual,
        }
    }

    /// As it is filled in, with what that would do.
    pub(super) async fn tried(
        api: &Api,
        managing: InTenant<Manage>,
        reading: InTenant<Read>,
        filled: Filled,
    ) -> Result<Self, Problem> {
        let mut trial = filled.tried(api, managing, reading).await?;
        let faults = std::mem::take(&mut trial.faults);
        let form = Self::new(api, reading, filled, faults).await?;
        Ok(Self {
            trial: Some(trial),
            ..form
        })
    }

    pub(super) fn other(&self) -> Option<&str> {
        let named = [&FIELDS[..], &sending::MEMBERS].concat();
        self.faults.beside(&named)
    }

    /// Whether the URL was looked at and can be used.
    pub(super) fn is_url_good(&self) -> bool {
        let is_tried = self.trial.is_some() && !self.filled.url.is_empty();
        is_tried && self.faults.at("url").is_none()
    }

    pub(super) fn has_filter(&self) -> bool {
        !self.filled.filter.is_empty() || self.faults.at("filter").is_some()
    }

    pub(super) fn has_headers(&self) -> bool {
        !self.filled.headers.is_empty() || self.faults.at("headers").is_some()
    }

    /// How it is sent its events, as it is filled in or as is usual.
    pub(super) fn sending(&self) -> Sending {
        self.filled.sending.clone().unwrap_or_default()
    }

    pub(super) fn is_sending_special(&self) -> bool {
        let members = sending::MEMBERS.iter();
        let mut at_fault = members.filter_map(|name| self.faults.at(name));
        self.sending().is_special() || at_fault.next().is_some()
    }

    /// The rows for headers: those that are filled in, and an empty one while there is room.
    pub(super) fn header_rows(&self) -> Vec<own_headers::Row> {
        let mut rows = self.filled.headers.clone();
        if own_headers::has_room(&rows) {
            rows.push(own_headers::Row::default());
        }
        rows
    }

    /// What the schedule that is written comes to; none until it was looked at.
    pub(super) fn own_schedule(&self) -> Option<&str> {
        let found = match &self.trial {
            Some(trial) => &trial.retry,
            None => &self.filled.outlasts,
        };
        found.as_deref().filter(|_| self.filled.waits.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem;

    fn form(problem: &Problem) -> Form {
        let (filled, faults) = (Filled::default(), Faults::of(problem));
        Form::assembled(String::new(), filled, Vec::new(), faults, String::new())
    }

    #[test]
    fn a_fault_stands_beside_its_field() {
        let wrong = form(&problem::invalid("#/url", "not a URL: give one"));
        assert_eq!(wrong.faults.at("url"), Some("Not a URL: give one."));
        let wrong = form(&problem::invalid("#/event_types/0", "no type"));
        assert_eq!(wrong.faults.at("event_types"), Some("No type."));
        let wrong = form(&problem::invalid("#/headers/cookie", "reserved"));
        assert!(wrong.has_headers() && wrong.other().is_none());
        let wrong = form(&problem::invalid("#/timeout_s", "x"));
        assert!(wrong.is_sending_special() && wrong.other().is_none());
        let wrong = form(&problem::invalid("#/secret", "x"));
        assert!(wrong.faults.at("url").is_none() && wrong.other().is_some());
        assert!(form(&problem::not_found()).other().is_some());
    }

    #[test]
    fn what_is_left_out_goes() {
        let (changes, faults) = Filled::default().asked();
        assert!(faults.is_empty());
        assert_eq!(changes.filter, Given::Null);
        assert_eq!(changes.retry_waits_s, Given::Null);
        let filled = Filled {
            waits: Some("soon".to_owned()),
            ..Filled::default()
        };
        let (_, faults) = filled.asked();
        assert!(faults.at("retry_waits_s").is_some());
    }
}
