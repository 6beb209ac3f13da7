//! *Events*: a tenant's log, its search, and what is told while it is looked at.

use askama::Template;
use axum::extract::State as With;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Redirect};
use domain::id;
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use super::faults::Faults;
use super::fields::{instant, some, to_the_minute};
use super::frame::{Frame, Section, Shown, show};
use super::own_endpoint::{self, Known};
use super::search::{Searched, behind};
use super::state::{Instant, State};
use crate::access::{InTenant, Named, Read};
use crate::api::Api;
use crate::page::Paging;
use crate::query::Query;
use crate::resources::deliveries::{self, Delivery};
use crate::resources::event_types::names;
use crate::resources::events::{self, Event, Filter};

#[derive(Template)]
#[template(path = "events.html")]
struct Events {
    frame: Frame,
    tenant: String,
    sought: Sought,
    faults: Faults,
    /// What can be searched for by type.
    types: Vec<String>,
    /// What it can be searched for by endpoint: the newest.
    endpoints: Vec<Known>,
    rows: Vec<Row>,
    /// Where the next page is.
    next: Option<String>,
    /// Where what comes while the page is looked at is told; none on pages of the past.
    stream: Option<String>,
}

impl Events {
    /// What is wrong with the type that is searched for.
    fn type_fault(&self) -> Option<&str> {
        let names = ["event", "event_type"].into_iter();
        names.filter_map(|name| self.faults.at(name)).next()
    }

    /// Whether it is searched for by an endpoint that is not offered.
    fn is_of_other(&self) -> bool {
        let named = &self.sought.endpoint;
        !named.is_empty() && !self.endpoints.iter().any(|one| one.id == *named)
    }
}

/// What is searched for, as it was typed.
#[derive(Default, Deserialize)]
pub(super) struct Sought {
    /// An event's id, or a type.
    #[serde(default)]
    q: String,
    /// Where it was sent.
    #[serde(default)]
    endpoint: String,
    /// What became of it there.
    #[serde(default)]
    state: String,
    #[serde(default)]
    since: String,
    #[serde(default)]
    until: String,
    cursor: Option<String>,
}

impl Sought {
    fn filter(&self) -> Filter {
        Filter {
            event: some(&self.q),
            since: instant(&self.since),
            until: instant(&self.until),
        }
    }

    /// What is asked of deliveries: where events went, or what became of them.
    fn of_deliveries(&self) -> Option<deliveries::Filter> {
        let (endpoint, state) = (some(&self.endpoint), some(&self.state));
        let is_asked = endpoint.is_some() || state.is_some();
        is_asked.then(|| deliveries::Filter {
            event: None,
            endpoint,
            state,
            event_type: some(&self.q),
            since: instant(&self.since),
            until: instant(&self.until),
        })
    }

    /// What can be asked of a delivery's state, in words.
    fn states(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        let chosen =
            |(name, words): (&'static str, &'static str)| (name, words, self.state == name);
        STATES.into_iter().map(chosen)
    }

    fn is_empty(&self) -> bool {
        [
            &self.q,
            &self.endpoint,
            &self.state,
            &self.since,
            &self.until,
        ]
        .iter()
        .all(|text| text.trim().is_empty())
    }

    fn since_field(&self) -> &str {
        to_the_minute(&self.since)
    }

    fn until_field(&self) -> &str {
        to_the_minute(&self.until)
    }

    /// The same search, behind this cursor.
    fn behind(&self, cursor: &str) -> String {
        let asked = [
            ("q", &*self.q),
            ("endpoint", &self.endpoint),
            ("state", &self.state),
            ("since", &self.since),
            ("until", &self.until),
        ];
        behind(asked, cursor)
    }

    /// Where what is new of it is told; the newest page of a search without an end has such.
    fn stream(&self, tenant: &str) -> Option<String> {
        let is_of_events = self.endpoint.is_empty() && self.state.is_empty();
        let is_open = self.cursor.is_none() && self.until.is_empty() && is_of_events;
        let filter = self.filter();
        let given = [("event", filter.event), ("since", filter.since)];
        let given = given
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        let query = Serializer::new(String::new()).extend_pairs(given).finish();
        is_open.then(|| format!("/tenants/{tenant}/events/stream?{query}"))
    }
}

/// What a delivery may have come to, in words.
const STATES: [(&str, &str); 5] = [
    ("delivered", "Delivered"),
    ("waiting", "On its way, or to be tried again"),
    ("dead", "Given up"),
    ("held", "Held while its endpoint is paused"),
    ("cancelled", "Cancelled with its endpoint"),
];

/// What a search can be wrong in.
const FIELDS: [&str; 6] = ["event", "event_type", "endpoint", "state", "since", "until"];

struct Row {
    id: String,
    event_type: String,
    at: Instant,
    /// How many endpoints it was for, or what became of it at one.
    sent: Sent,
}

enum Sent {
    To(usize),
    Delivery { place: String, state: State },
}

impl From<Event> for Row {
    fn from(event: Event) -> Self {
        Self {
            id: event.id,
            event_type: event.event,
            at: Instant(event.accepted_at),
            sent: Sent::To(event.endpoints.len()),
        }
    }
}

impl Row {
    /// An event at one of these endpoints, or at another.
    fn at_one(delivery: Delivery, endpoints: &[Known]) -> Self {
        let known = endpoints.iter().find(|one| one.id == delivery.endpoint);
        let place = known.map_or(&delivery.endpoint, |one| &one.url).clone();
        Self {
            sent: Sent::Delivery {
                place,
                state: State::of_delivery(&delivery),
            },
            id: delivery.event,
            event_type: delivery.event_type,
            at: Instant(delivery.updated_at),
        }
    }
}

/// Shows the log, or goes to the event whose id was searched for.
pub(super) async fn page(
    at: InTenant<Read>,
    With(api): With<Api>,
    Query(sought): Query<Sought>,
    paging: Paging,
) -> Shown {
    let tenant = at.tenant.to_string();
    if let Ok(event) = sought.q.trim().parse::<id::EventId>() {
        let to = format!("/tenants/{tenant}/events/{event}");
        return Ok(Redirect::to(&to).into_response());
    }
    let endpoints = own_endpoint::known(&api, at).await?;
    let found = match sought.of_deliveries() {
        None => {
            let filter = Query(sought.filter());
            let listed = events::list(at, With(api.clone()), filter, paging).await;
            Searched::of(listed, &FIELDS)?.map(Row::from)
        }
        Some(filter) => {
            let listed = deliveries::list(at, With(api.clone()), Query(filter), paging).await;
            Searched::of(listed, &FIELDS)?.map(|one| Row::at_one(one, &endpoints))
        }
    };
    let catalogue = names::list(at, With(api.clone())).await?;
    let page = Events {
        frame: Frame::of(&api, at, Section::Events, "Events").await?,
        types: catalogue.0.data.into_iter().map(|one| one.name).collect(),
        endpoints,
        rows: found.rows,
        next: found.next.map(|cursor| sought.behind(&cursor)),
        stream: sought.stream(&tenant).filter(|_| found.faults.is_empty()),
        tenant,
        sought,
        faults: found.faults,
    };
    Ok(show(found.status, &page))
}

/// Gives an event's payload to keep, byte for byte as published.
pub(super) async fn payload(
    at: InTenant<Read>,
    With(api): With<Api>,
    Named(event): Named<id::Event>,
) -> Shown {
    let found = events::payload(at, With(api), Named(event)).await?;
    let name = format!("attachment; filename=\"{event}.json\"");
    let name: [(HeaderName, String); 1] = [(header::CONTENT_DISPOSITION, name)];
    Ok((name, found).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sought(q: &str, since: &str, until: &str) -> Sought {
        Sought {
            q: q.to_owned(),
            since: since.to_owned(),
            until: until.to_owned(),
            ..Sought::default()
        }
    }

    #[test]
    fn times_are_taken_as_utc() {
        let filter = sought(" a.b ", "2026-03-02T10:00", "2026-03-02T10:00:30").filter();
        assert_eq!(filter.event.as_deref(), Some("a.b"));
        assert_eq!(filter.since.as_deref(), Some("2026-03-02T10:00:00Z"));
        assert_eq!(filter.until.as_deref(), Some("2026-03-02T10:00:30Z"));
        assert_eq!(
            sought("", "yesterday", "").filter().since.as_deref(),
            Some("yesterday")
        );
    }

    #[test]
    fn a_page_of_the_past_has_no_stream() {
        let open = sought("a.b", "", "").stream("ten_1");
        assert_eq!(
            open.as_deref(),
            Some("/tenants/ten_1/events/stream?event=a.b")
        );
        assert_eq!(sought("", "", "2026-03-02T10:00").stream("ten_1"), None);
        let later = Sought {
            cursor: Some("x".to_owned()),
            ..sought("", "", "")
        };
        assert_eq!(later.stream("ten_1"), None);
        assert_eq!(sought("a&b", "", "").behind("x"), "?q=a%26b&cursor=x");
        let dead = Sought {
            state: "dead".to_owned(),
            ..sought("", "", "")
        };
        assert_eq!(dead.stream("ten_1"), None);
        assert_eq!(dead.behind("x"), "?state=dead&cursor=x");
    }
}
