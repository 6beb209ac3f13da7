//! *Delivery*: its attempts with what each was answered, and its replay.

use askama::Template;
use axum::Json;
use axum::extract::State as With;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use domain::id;
use service::problem::Problem;

use super::beginning::Beginning;
use super::frame::{Frame, Section, Shown, show};
use super::state::{Instant, State};
use super::timeline::{Made, Timeline};
use super::words::{self, Cause, Words};
use crate::access::{InTenant, Manage, Named, Read};
use crate::api::Api;
use crate::problem;
use crate::resources::deliveries::{self, Attempt, Delivery};
use crate::resources::{events, text};

/// How much of an answer is shown, in characters.
const ANSWER: usize = 1_000;

/// How much of a payload is shown, in bytes.
const PAYLOAD: usize = 4_000;

#[derive(Template)]
#[template(path = "delivery.html")]
struct Page {
    frame: Frame,
    tenant: String,
    delivery: Delivery,
    state: State,
    updated: Instant,
    next: Option<Instant>,
    timeline: Option<Timeline>,
    attempts: Vec<Attempted>,
    /// What was published; none when it is past its retention.
    payload: Option<Beginning>,
}

impl Page {
    fn is_under_way(&self) -> bool {
        self.delivery.state == "waiting" && self.attempts.is_empty()
    }
}

/// An attempt, in words.
pub(super) struct Attempted {
    pub(super) number: u16,
    pub(super) at: Instant,
    pub(super) took: String,
    pub(super) status: Option<u16>,
    /// What went wrong; none when it arrived.
    pub(super) wrong: Option<Words>,
    pub(super) answer: Beginning,
}

impl From<Attempt> for Attempted {
    fn from(attempt: Attempt) -> Self {
        let cause = Cause::of_attempt(&attempt.outcome, attempt.status);
        let whole = attempt.answer.text;
        let mut answer = Beginning::of(whole.as_deref().unwrap_or("(not text)"), ANSWER);
        answer.is_cut |= attempt.answer_truncated;
        Self {
            number: attempt.number,
            at: Instant(attempt.started_at),
            took: words::took(attempt.duration_ms),
            status: attempt.status,
            wrong: cause.map(Cause::words),
            answer,
        }
    }
}

/// Shows a delivery.
pub(super) async fn page(
    at: InTenant<Read>,
    With(api): With<Api>,
    Named(named): Named<id::Delivery>,
) -> Shown {
    let tenant = at.tenant.to_string();
    let Json(found) = deliveries::get(at, With(api.clone()), Named(named)).await?;
    let delivery = found.delivery;
    let payload = payload(&api, at, &delivery).await?;
    let page = Page {
        frame: Frame::of(&api, at, Section::Webhooks, "Delivery").await?,
        tenant,
        state: State::of_delivery(&delivery),
        updated: Instant(delivery.updated_at.clone()),
        next: delivery.next_attempt_at.clone().map(Instant),
        timeline: timeline(&delivery, &found.attempts),
        attempts: found
            .attempts
            .into_iter()
            .rev()
            .map(Attempted::from)
            .collect(),
        payload,
        delivery,
    };
    Ok(show(StatusCode::OK, &page))
}

/// The attempts on a line of time, and the next one where it is planned.
fn timeline(delivery: &Delivery, attempts: &[Attempt]) -> Option<Timeline> {
    let made = attempts.iter().filter_map(|attempt| {
        Some(Made {
            number: attempt.number,
            at: text::read_instant(&attempt.started_at)?,
            is_good: attempt.outcome == "delivered",
        })
    });
    let next = delivery.next_attempt_at.as_deref();
    Timeline::new(&made.collect::<Vec<_>>(), next.and_then(text::read_instant))
}

/// The payload's beginning.
async fn payload(
    api: &Api,
    at: InTenant<Read>,
    delivery: &Delivery,
) -> Result<Option<Beginning>, Problem> {
    let event = delivery.event.parse().map_err(|_| problem::not_found())?;
    match events::payload(at, With(api.clone()), Named(event)).await {
        Ok((_, bytes)) => {
            let text = String::from_utf8_lossy(&bytes);
            Ok(Some(Beginning::of_json(&text, PAYLOAD)))
        }
        Err(problem) if problem.status() == StatusCode::NOT_FOUND => Ok(None),
        Err(problem) => Err(problem),
    }
}

/// Delivers it again and goes to the new delivery.
pub(super) async fn replay(
    at: InTenant<Manage>,
    With(api): With<Api>,
    Named(named): Named<id::Delivery>,
) -> Shown {
    let tenant = at.tenant;
    let (_, Json(begun)) = deliveries::replay(at, With(api), Named(named)).await?;
    let to = format!("/tenants/{tenant}/deliveries/{}", begun.id);
    Ok(Redirect::to(&to).into_response())
}
