//! `POST /v1/events/batch`: distinct events in one request, each with a result of its own.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use domain::id::EventId;
use domain::limits;
use futures::future::join_all;
use serde::Serialize;
use service::problem::Problem;
use store::api_keys::Reach;

use super::events::text;
use super::{Api, body, key, problem};
use crate::check::{self, Draft, Publisher, Refusal};
use crate::metrics::Way;

/// The answer: a result for each event, in the order of the request.
#[derive(Serialize)]
pub(super) struct Results {
    results: Vec<Outcome>,
}

#[derive(Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
enum Outcome {
    Accepted { id: EventId },
    Rejected { problem: Problem },
}

/// 202 when every event was accepted; 207 when at least one was not, each then with its problem.
pub(super) async fn publish(
    State(api): State<Api>,
    request: Request,
) -> Result<(StatusCode, Json<Results>), Problem> {
    let (head, stream) = request.into_parts();
    let access = key::publisher(&api.acceptor, &head.headers).await?;
    let content_type = body::content_type(&head.headers)?;
    no_key(&head.headers)?;
    let body = body::read(stream, limits::BATCH_BODY_BYTES, &api.bodies).await?;
    let read: Read = match content_type.as_str() {
        "application/json" | "application/x-ndjson" => check::envelope,
        "application/cloudevents-batch+json" => check::structured,
        other => {
            let read =
                "application/json, application/x-ndjson or application/cloudevents-batch+json";
            return Err(body::unread(other, read));
        }
    };
    let items = match content_type.as_str() {
        "application/x-ndjson" => lines(&body.bytes),
        _ => check::items(&body.bytes, limits::BATCH_EVENTS),
    };
    let items = items.map_err(|refusal| problem::refused(&refusal))?;
    let trace = (
        text(&head.headers, "traceparent"),
        text(&head.headers, "tracestate"),
    );
    let results = items
        .iter()
        .map(|item| one(&api, access.reach, read, item, trace));
    let results = join_all(results).await;
    let accepted = results
        .iter()
        .all(|one| matches!(one, Outcome::Accepted { .. }));
    let status = if accepted {
        StatusCode::ACCEPTED
    } else {
        StatusCode::MULTI_STATUS
    };
    Ok((status, Json(Results { results })))
}

type Read = fn(&Bytes) -> Result<Draft, Refusal>;

async fn one(
    api: &Api,
    reach: Reach,
    read: Read,
    item: &Bytes,
    (traceparent, tracestate): (Option<&str>, Option<&str>),
) -> Outcome {
    let draft = check::sized(item, api.body_bytes).and_then(|()| read(item));
    let draft = match draft {
        Ok(draft) => draft.traced(traceparent, tracestate),
        Err(refusal) => {
            api.acceptor.metrics.refused(Way::Http, refusal.reason);
            return Outcome::Rejected {
                problem: problem::refused(&refusal),
            };
        }
    };
    match api
        .acceptor
        .accept(draft, Publisher::Key(reach), Way::Http)
        .await
    {
        Ok(id) => Outcome::Accepted { id },
        Err(error) => Outcome::Rejected {
            problem: problem::of(&error),
        },
    }
}

/// A key names one event: what it would mean for several, nobody could tell.
fn no_key(headers: &HeaderMap) -> Result<(), Problem> {
    if !headers.contains_key("idempotency-key") {
        return Ok(());
    }
    let detail = "a batch has no key of its own: give each event an id";
    let refusal = Refusal::invalid("header:Idempotency-Key", detail);
    Err(problem::refused(&refusal))
}

/// The lines of NDJSON that hold anything, and of too many only what shows that.
fn lines(body: &Bytes) -> Result<Vec<Bytes>, Refusal> {
    let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let lines: Vec<Bytes> = lines
        .filter(|line| !line.is_empty())
        .take(limits::BATCH_EVENTS + 1)
        .map(|line| body.slice_ref(line))
        .collect();
    check::countable(lines.len(), limits::BATCH_EVENTS)?;
    Ok(lines)
}
