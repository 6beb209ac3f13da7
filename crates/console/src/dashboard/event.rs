//! *Event*: its way so far, who got it, who didn't and why, and its payload.

use std::collections::HashSet;

use askama::Template;
use axum::Json;
use axum::extract::State as With;
use axum::http::StatusCode;
use domain::id;
use domain::limits;
use service::problem::Problem;
use store::directory::Audience;

use super::beginning::Beginning;
use super::frame::{Frame, Section, Shown, show};
use super::state::{Instant, State};
use super::words;
use crate::access::{InTenant, Named, Read};
use crate::api::Api;
use crate::page::Paging;
use crate::query::Query;
use crate::resources::deliveries::{self, Delivery, Filter};
use crate::resources::events::{self, Detailed};
use crate::resources::explain::{self, Explanation, Only};

/// How much of a payload is shown, in bytes.
const PAYLOAD: usize = 20_000;

#[derive(Template)]
#[template(path = "event.html")]
struct Page {
    frame: Frame,
    tenant: String,
    event: Detailed,
    accepted: Instant,
    happened: Instant,
    /// Until when repeats of its idempotency key are dropped.
    key_expires: Option<Instant>,
    tally: Tally,
    state: State,
    sent: Vec<Row>,
    unsent: Vec<Row>,
    /// Of the next page of endpoints.
    next: Option<String>,
    payload: Beginning,
    /// Where its trace is looked at.
    trace: Option<String>,
}

/// How far an event has come at the endpoints that it matched.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    matched: usize,
    delivered: usize,
    /// Given up, and not delivered by a replay since.
    dead: usize,
    /// Whether only a part of its deliveries was counted.
    is_part: bool,
}

impl Tally {
    fn of(matched: usize, deliveries: &[Delivery], is_part: bool) -> Self {
        let at = |state: &str| -> HashSet<&str> {
            let there = deliveries.iter().filter(|one| one.state == state);
            there.map(|one| one.endpoint.as_str()).collect()
        };
        let (delivered, dead) = (at("delivered"), at("dead"));
        let all: HashSet<&str> = deliveries.iter().map(|one| one.endpoint.as_str()).collect();
        Self {
            // A replay may have sent it to endpoints that it did not match at first.
            matched: matched.max(all.len()),
            delivered: delivered.len(),
            dead: dead.difference(&delivered).count(),
            is_part,
        }
    }

    fn state(&self) -> State {
        let (words, tone) = match *self {
            Self { matched: 0, .. } => ("No endpoint selects it".to_owned(), "idle"),
            Self { dead: 1.., .. } => (format!("Given up at {}", self.share(self.dead)), "bad"),
            Self {
                matched, delivered, ..
            } if delivered >= matched => ("Delivered".to_owned(), "good"),
            _ => ("On its way".to_owned(), "waiting"),
        };
        State::new(tone, words)
    }

    fn share(&self, count: usize) -> String {
        let part = if self.is_part { "at least " } else { "" };
        format!("{part}{count} of {}", self.matched)
    }

    fn delivered(&self) -> String {
        self.share(self.delivered)
    }

    fn is_done(&self) -> bool {
        self.matched > 0 && self.delivered >= self.matched
    }
}

/// An endpoint, and what became of the event there.
struct Row {
    url: String,
    state: State,
    /// Its latest delivery, if there is one.
    delivery: Option<String>,
    endpoint: String,
    /// What settings the reason goes by, where they are not those of then.
    selects_since: Option<Instant>,
    next: Option<Instant>,
}

impl From<Explanation> for Row {
    fn from(one: Explanation) -> Self {
        let state = match (&one.delivery, one.reason) {
            (Some(delivery), _) => State::of_delivery(delivery),
            (None, "under_way") => State::new("waiting", "On its way"),
            (None, _) => State::new("idle", words::sentence(&one.detail)),
        };
        let next = one.delivery.as_ref();
        Self {
            url: one.url,
            state,
            next: next.and_then(|delivery| delivery.next_attempt_at.clone().map(Instant)),
            delivery: one.delivery.map(|delivery| delivery.id),
            endpoint: one.endpoint,
            selects_since: one.selects_since.map(Instant),
        }
    }
}

/// Shows an event.
pub(super) async fn page(
    at: InTenant<Read>,
    With(api): With<Api>,
    Named(event): Named<id::Event>,
    paging: Paging,
) -> Shown {
    let with = || With(api.clone());
    let Json(found) = events::get(at, with(), Named(event)).await?;
    let (_, bytes) = events::payload(at, with(), Named(event)).await?;
    let only = Query(Only::default());
    let explained = explain::list(at, with(), Named(event), only, paging).await?;
    let tally = tally(&api, at, &found).await?;
    let is_sent = |one: &Explanation| one.matched || one.delivery.is_some();
    let (sent, unsent): (Vec<_>, Vec<_>) = explained.data.into_iter().partition(is_sent);
    let key = found.idempotency.as_ref();
    let page = Page {
        trace: trace(&api, at, &found),
        frame: Frame::of(&api, at, Section::Events, "Event").await?,
        tenant: at.tenant.to_string(),
        accepted: Instant(found.event.accepted_at.clone()),
        happened: Instant(found.event.timestamp.clone()),
        key_expires: key.and_then(|key| key.expires_at.clone().map(Instant)),
        state: tally.state(),
        tally,
        sent: sent.into_iter().map(Row::from).collect(),
        unsent: unsent.into_iter().map(Row::from).collect(),
        next: explained.next_cursor,
        payload: Beginning::of_json(&String::from_utf8_lossy(&bytes), PAYLOAD),
        event: found,
    };
    Ok(show(StatusCode::OK, &page))
}

/// Where its trace is looked at, for all but customers.
fn trace(api: &Api, at: InTenant<Read>, found: &Detailed) -> Option<String> {
    let (url, id) = api
        .dashboard
        .trace_url
        .as_ref()
        .zip(found.trace_id.as_ref())?;
    (at.audience == Audience::Platform).then(|| url.replace("{trace}", id))
}

/// Of as many of its deliveries as a list has.
async fn tally(api: &Api, at: InTenant<Read>, found: &Detailed) -> Result<Tally, Problem> {
    let filter = Query(Filter {
        event: Some(found.event.id.clone()),
        ..Filter::default()
    });
    let paging = Paging::first(limits::PAGE_ROWS);
    let listed = deliveries::list(at, With(api.clone()), filter, paging).await?;
    let is_part = listed.next_cursor.is_some();
    Ok(Tally::of(
        found.event.endpoints.len(),
        &listed.data,
        is_part,
    ))
}
