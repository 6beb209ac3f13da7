//! *Replay*: how far one has come, what became of its deliveries, and how it is steered.

use askama::Template;
use axum::Json;
use axum::extract::State as With;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use domain::id::{self, ReplayId, TenantId};
use service::problem::Problem;

use super::fields::Fields;
use super::frame::{Frame, Section, Shown, show};
use super::replays::Asked;
use super::state::{Instant, State};
use super::words;
use crate::access::{InTenant, Manage, Named, Read};
use crate::api::Api;
use crate::body::Body;
use crate::resources::endpoints::{self, Endpoint};
use crate::resources::replays::{self, ByState, Changes, Replay};

#[derive(Template)]
#[template(path = "replay.html")]
struct Page {
    frame: Frame,
    tenant: String,
    replay: Replay,
    outcomes: ByState,
    asked: Asked,
    /// The endpoint that it is of, while that is there.
    endpoint: Option<Endpoint>,
    state: State,
    created: Instant,
    finished: Option<Instant>,
    /// The rate that was asked for and can't be had, and why.
    wrong_rate: Option<(String, String)>,
}

impl Page {
    fn is_open(&self) -> bool {
        matches!(self.replay.state, "running" | "paused")
    }

    fn is_running(&self) -> bool {
        self.replay.state == "running"
    }

    /// Whether it will look different soon, without anybody's doing.
    fn is_under_way(&self) -> bool {
        let moving = self.replay.selected > self.settled() + self.outcomes.held;
        self.is_running() || (self.replay.state != "paused" && moving)
    }

    /// Deliveries of which nothing more will come.
    fn settled(&self) -> u64 {
        self.outcomes.delivered + self.outcomes.dead + self.outcomes.cancelled
    }

    /// What the bar is full at; none while it is not known.
    fn all(&self) -> Option<u64> {
        match self.is_open() {
            true => self.replay.expected,
            false => Some(self.replay.selected + self.replay.skipped),
        }
    }

    fn done(&self) -> u64 {
        self.settled() + self.replay.skipped
    }

    /// Until when the endpoint is left alone because it fails again and again.
    fn left_alone(&self) -> Option<Instant> {
        let waits = self.outcomes.waiting > 0;
        let until = self.endpoint.as_ref()?.breaker.retry_at.clone();
        until.filter(|_| waits).map(Instant)
    }

    /// How long making the others will take at this rate.
    fn left(&self) -> Option<String> {
        let made = self.replay.selected + self.replay.skipped;
        let left = self.replay.expected?.checked_sub(made)?;
        let is_worth_saying = self.is_running() && left > 0;
        is_worth_saying.then(|| words::wait(left.div_ceil(self.replay.rate.max(1).into())))
    }
}

/// Shows a replay.
pub(super) async fn page(
    at: InTenant<Read>,
    With(api): With<Api>,
    Named(named): Named<id::Replay>,
) -> Shown {
    render(&api, at, named, StatusCode::OK, None).await
}

async fn render(
    api: &Api,
    at: InTenant<Read>,
    named: ReplayId,
    status: StatusCode,
    wrong_rate: Option<(String, String)>,
) -> Shown {
    let Json(found) = replays::get(at, With(api.clone()), Named(named)).await?;
    let asked = Asked::read(&found.replay.selector);
    let page = Page {
        frame: Frame::of(api, at, Section::Replays, "Replay").await?,
        tenant: at.tenant.to_string(),
        state: State::of_replay(&found.replay),
        created: Instant(found.replay.created_at.clone()),
        finished: found.replay.finished_at.clone().map(Instant),
        endpoint: endpoint(api, at, &asked).await?,
        replay: found.replay,
        outcomes: found.deliveries,
        asked,
        wrong_rate,
    };
    Ok(show(status, &page))
}

async fn endpoint(
    api: &Api,
    at: InTenant<Read>,
    asked: &Asked,
) -> Result<Option<Endpoint>, Problem> {
    let Some(endpoint) = asked.endpoint.as_deref().and_then(|id| id.parse().ok()) else {
        return Ok(None);
    };
    match endpoints::get(at, With(api.clone()), Named(endpoint)).await {
        Ok((_, Json(endpoint))) => Ok(Some(endpoint)),
        Err(problem) if problem.status() == StatusCode::NOT_FOUND => Ok(None),
        Err(problem) => Err(problem),
    }
}

/// Pauses it.
pub(super) async fn pause(
    at: InTenant<Manage>,
    With(api): With<Api>,
    Named(named): Named<id::Replay>,
) -> Shown {
    let back = back(at.tenant, named);
    let _paused = replays::pause(at, With(api), Named(named)).await?;
    Ok(back)
}

/// Resumes it.
pub(super) async fn resume(
    at: InTenant<Manage>,
    With(api): With<Api>,
    Named(named): Named<id::Replay>,
) -> Shown {
    let back = back(at.tenant, named);
    let _resumed = replays::resume(at, With(api), Named(named)).await?;
    Ok(back)
}

/// Cancels it.
pub(super) async fn cancel(
    at: InTenant<Manage>,
    With(api): With<Api>,
    Named(named): Named<id::Replay>,
) -> Shown {
    let back = back(at.tenant, named);
    let _cancelled = replays::cancel(at, With(api), Named(named)).await?;
    Ok(back)
}

/// Changes its rate, or shows the page with what is wrong with the one that was sent.
pub(super) async fn change_rate(
    at: InTenant<Manage>,
    reading: InTenant<Read>,
    With(api): With<Api>,
    Named(named): Named<id::Replay>,
    fields: Fields,
) -> Shown {
    let given = fields.one("rate");
    let changes = Changes {
        rate: Some(words::rate(given)),
    };
    match replays::change(at, With(api.clone()), Named(named), Body(changes)).await {
        Ok(_) => Ok(back(reading.tenant, named)),
        Err(problem) if problem.status() == StatusCode::UNPROCESSABLE_ENTITY => {
            let fault = problem
                .faults()
                .first()
                .map_or(problem.detail(), |fault| &fault.detail);
            let wrong = (given.to_owned(), words::sentence(fault));
            render(&api, reading, named, problem.status(), Some(wrong)).await
        }
        Err(problem) => Err(problem),
    }
}

fn back(tenant: TenantId, replay: ReplayId) -> Response {
    Redirect::to(&format!("/tenants/{tenant}/replays/{replay}")).into_response()
}
