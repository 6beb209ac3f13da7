//! `POST /v1/events/batch`: distinct events in one request, each with a result of its own.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use domain::id::EventId;
use domain::limits;
use domain::trace::TraceContext;
use futures::future::join_all;
use serde::Serialize;
use service::problem::Problem;
use store::api_keys::Reach;
use tokio::task::coop;

use super::problem::Fault;
use super::traced::Traced;
use super::{Api, body, key};
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
    let traced = Traced::begin(request.headers(), "/v1/events/batch");
    let results = accept(&api, request, &traced.context).await;
    let results = results.map_err(|fault| api.problem(fault));
    let status = match &results {
        Ok(results) => status(results),
        Err(problem) => problem.status(),
    };
    traced.answered(status);
    Ok((status, Json(Results { results: results? })))
}

fn status(results: &[Outcome]) -> StatusCode {
    let accepted = results
        .iter()
        .all(|one| matches!(one, Outcome::Accepted { .. }));
    if accepted {
        StatusCode::ACCEPTED
    } else {
        StatusCode::MULTI_STATUS
    }
}

async fn accept(api: &Api, request: Request, trace: &TraceContext) -> Result<Vec<Outcome>, Fault> {
    let (head, stream) = request.into_parts();
    let access = key::publisher(&api.acceptor, &head.headers).await?;
    body::is_no_delivery(&head.headers)?;
    let (split, read) = reading(&body::content_type(&head.headers)?)?;
    no_key(&head.headers)?;
    let body = body::read(stream, limits::BATCH_BODY_BYTES, &api.bodies).await?;
    let items = split(&body.bytes)?;
    let outcomes =
        items.iter().map(
            async |item| match one(api, access.reach, read, item, trace).await {
                Ok(id) => Outcome::Accepted { id },
                Err(fault) => Outcome::Rejected {
                    problem: api.problem(fault),
                },
            },
        );
    Ok(join_all(outcomes).await)
}

type Split = fn(&Bytes) -> Result<Vec<Bytes>, Refusal>;
type Read = fn(&Bytes) -> Result<Draft, Refusal>;

/// How a body of this content type is taken apart, and how each event in it is read.
fn reading(content_type: &str) -> Result<(Split, Read), Refusal> {
    let array: Split = |body| check::items(body, limits::BATCH_EVENTS);
    match content_type {
        "application/json" => Ok((array, check::envelope)),
        "application/x-ndjson" => Ok((lines, check::envelope)),
        "application/cloudevents-batch+json" => Ok((array, check::structured)),
        other => Err(body::unread(
            other,
            "application/json, application/x-ndjson or application/cloudevents-batch+json",
        )),
    }
}

async fn one(
    api: &Api,
    reach: Reach,
    read: Read,
    item: &Bytes,
    trace: &TraceContext,
) -> Result<EventId, Fault> {
    // A thousand events are not read in one go: other requests have their turn in between.
    coop::consume_budget().await;
    check::sized(item, api.body_bytes)?;
    let draft = read(item)?.traced(trace.clone());
    let publisher = Publisher::Key(reach);
    Ok(api.acceptor.accept(draft, publisher, Way::Http).await?)
}

/// A key names one event: what it would mean for several, nobody could tell.
fn no_key(headers: &HeaderMap) -> Result<(), Refusal> {
    if !headers.contains_key("idempotency-key") {
        return Ok(());
    }
    let detail = "a batch has no key of its own: give each event an id";
    Err(Refusal::invalid("header:Idempotency-Key", detail))
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
