//! New events as they are recorded, as a stream of Server-Sent Events.
//!
//! Events are recorded in no order of their acceptance, so a cursor would pass over some. A look
//! reads the tenant's newest events instead, by the index of every list, and tells those that it
//! has not told.
//!
//! **Invariant:** a stream ends with what it was opened by: the key, the session, the tenant.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{self, KeepAlive, Sse};
use futures::{Stream, StreamExt, stream};
use service::problem::Problem;
use store::events::{EventSummary, Sought};
use store::{Page, PageRequest, StoreError};
use time::OffsetDateTime;
use tokio::time::{Interval, MissedTickBehavior};
use uuid::Uuid;

use super::streams::{Full, Place};
use super::{Event, Filter};
use crate::access::{InTenant, Read};
use crate::api::Api;
use crate::problem;
use crate::query::Query;

/// How often a stream looks.
const LOOK: Duration = Duration::from_secs(1);

/// How many of the newest events a look reads; what comes faster is not told one by one.
const NEWEST: u16 = 50;

/// How many told events are remembered: more than a look reads, since late ones push others out
/// of it and let them in again.
const REMEMBERED: usize = 500;

/// How soon a tenant that has all its streams open may ask for another, in seconds.
const RETRY_AFTER_S: u32 = 10;

/// How often an idle stream says that it is there; proxies often close after a minute.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What a stream has told, the latest last.
#[derive(Default)]
struct Told {
    ids: HashSet<Uuid>,
    order: VecDeque<Uuid>,
}

impl Told {
    /// Whether this one was not told; from now on it was.
    fn is_new(&mut self, id: Uuid) -> bool {
        if !self.ids.insert(id) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }

    /// What of a page was not told, the oldest first.
    fn unknown(&mut self, page: Page<EventSummary>) -> Vec<Event> {
        let newest_last = page.rows.into_iter().rev();
        newest_last
            .filter(|event| self.is_new(event.id.uuid()))
            .map(Event::from)
            .collect()
    }
}

/// A stream under way. Dropping it, as when its client goes, gives its place back.
struct Feed {
    api: Api,
    at: InTenant<Read>,
    sought: Sought,
    told: Told,
    looks: Interval,
    _place: Place,
}

impl Feed {
    /// What is new by the next look; none when the stream ends. A record that is away for a moment
    /// has nothing new.
    async fn next(&mut self) -> Option<Vec<Event>> {
        let stop = self.api.streams.stop().clone();
        stop.run_until_cancelled(self.looks.tick()).await?;
        match self.look().await {
            Ok(new) => new,
            Err(error) => {
                tracing::debug!(%error, "a stream of events can't look");
                Some(Vec::new())
            }
        }
    }

    async fn look(&mut self) -> Result<Option<Vec<Event>>, StoreError> {
        let (store, tenant) = (&self.api.store, self.at.tenant);
        let now = OffsetDateTime::now_utc();
        if !store.is_allowed_still(self.at.by, tenant, now).await? {
            return Ok(None);
        }
        let newest = PageRequest {
            after: None,
            rows: NEWEST,
        };
        let page = store.events(tenant, &self.sought, newest).await?;
        Ok(Some(self.told.unknown(page)))
    }
}

/// Follow a tenant's events as they are recorded
///
/// Server-Sent Events: the newest 50 first, then each as it is recorded, as `event: event` with an
/// event as in the list for `data`. One may come again after a reconnection: tell them apart by
/// `id`. The stream ends with the key or the session that opened it.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/events/stream", tag = "events",
    params(("tenant" = String, Path), ("event" = Option<String>, Query, description = "an event type"),
        ("since" = Option<String>, Query, description = "RFC 3339"),
        ("until" = Option<String>, Query, description = "RFC 3339")),
    responses((status = 200, content_type = "text/event-stream", body = String), (status = 400), (status = 404),
        (status = 429, description = "the tenant has 16 streams open, which is all that one may have"),
        (status = 503, description = "too many streams are open")))]
pub(crate) async fn follow(
    at: InTenant<Read>,
    State(api): State<Api>,
    Query(filter): Query<Filter>,
) -> Result<Sse<impl Stream<Item = Result<sse::Event, axum::Error>>>, Problem> {
    let sought = filter.sought()?;
    let place = api.streams.take(at.tenant).map_err(refusal)?;
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let feed = Feed {
        api,
        at,
        sought,
        told: Told::default(),
        looks,
        _place: place,
    };
    let looks = stream::unfold(feed, async |mut feed| {
        let new = feed.next().await?;
        Some((stream::iter(new), feed))
    });
    let told = looks.flatten().map(|event| {
        let told = sse::Event::default().event("event").id(&*event.id);
        told.json_data(event)
    });
    Ok(Sse::new(told).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

fn refusal(full: Full) -> Problem {
    match full {
        Full::Console => problem::unavailable("too many streams are open: try again"),
        Full::Tenant => {
            let detail = "as many streams of this tenant are open as one may have: close another";
            let status = StatusCode::TOO_MANY_REQUESTS;
            Problem::new(status, "too-many", "Too many streams", detail)
                .retry_after_s(RETRY_AFTER_S)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_not_told_again() {
        let mut told = Told::default();
        let ids: Vec<Uuid> = (0..=600).map(Uuid::from_u128).collect();
        assert!(ids.iter().all(|id| told.is_new(*id)));
        assert!(!told.is_new(ids[600]) && !told.is_new(ids[101]));
        assert_eq!((told.ids.len(), told.order.len()), (REMEMBERED, REMEMBERED));
        assert!(told.is_new(ids[0]), "it is forgotten");
    }
}
