//! `POST /v1/events`: one event.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use domain::id::EventId;
use serde::Serialize;
use service::problem::Problem;

use super::problem::Fault;
use super::traced::Traced;
use super::{Api, body, key};
use crate::check::{self, Draft, Publisher, Refusal};
use crate::metrics::Way;

/// The answer to an accepted event.
#[derive(Serialize)]
pub(super) struct Accepted {
    id: EventId,
}

pub(super) async fn publish(
    State(api): State<Api>,
    request: Request,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let traced = Traced::begin(request.headers(), "/v1/events");
    let id = accept(&api, request, &traced).await;
    let id = id.map_err(|fault| api.problem(fault));
    traced.answered(match &id {
        Ok(_) => StatusCode::ACCEPTED,
        Err(problem) => problem.status(),
    });
    Ok((StatusCode::ACCEPTED, Json(Accepted { id: id? })))
}

async fn accept(api: &Api, request: Request, traced: &Traced) -> Result<EventId, Fault> {
    let (head, stream) = request.into_parts();
    let access = key::publisher(&api.acceptor, &head.headers).await?;
    body::is_no_delivery(&head.headers)?;
    let read = reading(&body::content_type(&head.headers)?, &head.headers)?;
    let body = body::read(stream, api.body_bytes, &api.bodies).await?;
    let draft = keyed(read(&head.headers, &body.bytes)?, &head.headers)?;
    let draft = draft.traced(traced.context.clone());
    let publisher = Publisher::Key(access.reach);
    Ok(api.acceptor.accept(draft, publisher, Way::Http).await?)
}

type Read = fn(&HeaderMap, &Bytes) -> Result<Draft, Refusal>;

/// How a body of this content type is read.
fn reading(content_type: &str, headers: &HeaderMap) -> Result<Read, Refusal> {
    match content_type {
        "application/cloudevents+json" => Ok(|_, body| check::structured(body)),
        json if headers.contains_key("ce-specversion") && check::is_json(json) => Ok(check::binary),
        "application/json" => Ok(|_, body| check::envelope(body)),
        other => Err(body::unread(
            other,
            "application/json or application/cloudevents+json",
        )),
    }
}

/// The event with the key of the header `Idempotency-Key`, bare or as a quoted string.
/// Source: draft-ietf-httpapi-idempotency-key-header-07.
fn keyed(draft: Draft, headers: &HeaderMap) -> Result<Draft, Refusal> {
    const POINTER: &str = "header:Idempotency-Key";
    let Some(key) = check::value(headers, POINTER)? else {
        return Ok(draft);
    };
    if key.is_empty() {
        return Err(Refusal::invalid(
            POINTER,
            "empty: give each event a key of its own",
        ));
    }
    match &draft.id {
        Some(id) if *id != key => Err(Refusal::invalid(
            POINTER,
            "differs from the event's own id: leave the header out",
        )),
        Some(_) | None => Ok(Draft {
            id: Some(key),
            ..draft
        }),
    }
}
