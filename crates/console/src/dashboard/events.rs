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
use super::search::{Searched, behind};
use super::state::Instant;
use crate::access::{InTenant, Named, Read};
use crate::api::Api;
use crate::page::Paging;
use crate::query::Query;
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
    rows: Vec<Row>,
    /// Where the next page is.
    next: Option<String>,
    /// Where what comes while the page is looked at is told; none on pages of the past.
    stream: Option<String>,
}

/// What is searched for, as it was typed.
#[derive(Default, Deserialize)]
pub(super) struct Sought {
    /// An event's id, or a type.
    #[serde(default)]
    q: String,
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

    fn is_empty(&self) -> bool {
        [&self.q, &self.since, &self.until]
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
            ("since", &self.since),
            ("until", &self.until),
        ];
        behind(asked, cursor)
    }

    /// Where what is new of it is told; the newest page of a search without an end has such.
    fn stream(&self, tenant: &str) -> Option<String> {
        let is_open = self.cursor.is_none() && self.until.is_empty();
        let filter = self.filter();
        let given = [("event", filter.event), ("since", filter.since)];
        let given = given
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        let query = Serializer::new(String::new()).extend_pairs(given).finish();
        is_open.then(|| format!("/tenants/{tenant}/events/stream?{query}"))
    }
}

struct Row {
    id: String,
    event_type: String,
    at: Instant,
    endpoints: usize,
}

impl From<Event> for Row {
    fn from(event: Event) -> Self {
        Self {
            id: event.id,
            event_type: event.event,
            at: Instant(event.accepted_at),
            endpoints: event.endpoints.len(),
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
    let filter = Query(sought.filter());
    let listed = events::list(at, With(api.clone()), filter, paging).await;
    let found = Searched::of(listed, &["event", "since", "until"])?;
    let catalogue = names::list(at, With(api.clone())).await?;
    let page = Events {
        frame: Frame::of(&api, at, Section::Events, "Events").await?,
        types: catalogue.0.data.into_iter().map(|one| one.name).collect(),
        rows: found.rows.into_iter().map(Row::from).collect(),
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
            cursor: None,
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
    }
}
