//! A dead letter on its way again.

use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use broker::Outgoing;
use broker::message::{HeaderValue, Headers};
use broker::topology::{Lane, Route, queue};
use bytes::Bytes;
use domain::id::{DeliveryId, EndpointId, EventId, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use service::problem::Problem;
use store::StoreError;
use store::audit::{Action, Actor};
use store::dead_letters::{DeadLetter, DeadLetterKind, NewDeadLetter, Resolution, Viewer};
use time::OffsetDateTime;
use utoipa::ToSchema;
use wire::MessageType;

use crate::api::Api;
use crate::problem;
use crate::resources::again::{self, Again};
use crate::resources::audit;

/// What the names of our own headers begin with: they tell of the letter's past.
const OUR_HEADERS: &str = "posthaste-";

/// A letter is named by its message and the second in which it was given up: in the same second
/// the next one would be taken for the same.
const APART: Duration = Duration::from_secs(1);

/// What is published instead of a rejected message's body.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Corrected {
    /// The body as text.
    pub(crate) text: Option<String>,
    /// The body as base64.
    pub(crate) base64: Option<String>,
    /// Its content type, such as `application/json`; as it was, if left out.
    pub(crate) content_type: Option<String>,
}

/// The body and content type that are published instead.
pub(super) struct Correction {
    body: Bytes,
    content_type: Option<String>,
}

/// Where a dead letter went.
#[derive(Serialize, ToSchema)]
pub(crate) struct Replayed {
    /// The new delivery, of a letter that was one.
    pub(crate) delivery: Option<String>,
    /// The exchange and routing key that any other message was published to.
    pub(crate) published_to: Option<String>,
}

impl Corrected {
    /// The correction, if there is one and the letter takes it.
    pub(super) fn judged(self, found: &DeadLetter) -> Result<Option<Correction>, Problem> {
        let body = match (self.text, self.base64) {
            (None, None) if self.content_type.is_none() => return Ok(None),
            (None, None) => found.letter.body.clone(),
            (Some(text), None) => text.into(),
            (None, Some(base64)) => {
                let bytes = STANDARD.decode(base64);
                bytes
                    .map_err(|error| problem::invalid("#/base64", error))?
                    .into()
            }
            (Some(_), Some(_)) => {
                return Err(problem::invalid(
                    "#/base64",
                    "give text or base64, not both",
                ));
            }
        };
        match found.letter.kind {
            DeadLetterKind::Rejected => Ok(Some(Correction {
                body,
                content_type: self.content_type,
            })),
            DeadLetterKind::Delivery | DeadLetterKind::Poison => Err(problem::invalid(
                "#",
                "only a rejected message can be corrected",
            )),
        }
    }
}

/// What a letter was to deliver, where that can be told.
struct Delivery {
    tenant: TenantId,
    event: EventId,
    delivery: DeliveryId,
    endpoint: EndpointId,
}

/// Sends a letter on its way, and then says so: a crash in between leaves it open.
pub(super) async fn replay(
    api: &Api,
    by: Actor,
    found: DeadLetter,
    correction: Option<Correction>,
) -> Result<(StatusCode, Json<Replayed>), Problem> {
    if found.resolved.is_some() {
        return Err(problem::of_store(&StoreError::Conflict));
    }
    let (letter, is_corrected) = (found.letter.id, correction.is_some());
    let tenant = found.letter.tenant;
    let replayed = match delivery(&found.letter) {
        Some(delivery) => deliver(api, &found.letter, delivery).await?,
        None => publish(api, found, correction).await?,
    };
    let detail = json!({"corrected": is_corrected});
    let action = Action::DeadLetterReplayed;
    let deed = audit::deed(by, tenant, action, letter, &detail);
    let (viewer, resolution) = (Viewer::Platform, Resolution::Replayed);
    let resolved = api
        .store
        .resolve_dead_letter(viewer, letter, resolution, &deed)
        .await;
    match resolved {
        // Somebody else has replayed it at the same time: a delivery's copy is the same one.
        Ok(()) | Err(StoreError::Conflict) => {}
        Err(error) => {
            tracing::warn!(%error, dead_letter.id = %letter, "a replayed dead letter stays open");
        }
    }
    Ok((StatusCode::ACCEPTED, Json(replayed)))
}

/// What a letter was to deliver. A message that only came back too often says so too.
fn delivery(letter: &NewDeadLetter) -> Option<Delivery> {
    let is_dispatch = letter.message_kind.as_deref() == Some(MessageType::Dispatch.as_str());
    let is_delivery = is_dispatch || letter.kind == DeadLetterKind::Delivery;
    is_delivery.then_some(())?;
    Some(Delivery {
        tenant: letter.tenant?,
        event: letter.event?,
        delivery: letter.delivery?,
        endpoint: letter.endpoint?,
    })
}

/// As a new delivery: under its old id a dispatcher may remember that it is done with it.
async fn deliver(api: &Api, letter: &NewDeadLetter, dead: Delivery) -> Result<Replayed, Problem> {
    let event = match api.store.event(dead.tenant, dead.event).await {
        Ok(event) => event,
        Err(StoreError::NotFound) => return Err(hopeless("its event is no longer on record")),
        Err(error) => return Err(problem::of_store(&error)),
    };
    let id = DeliveryId::repeated(letter.id, dead.delivery);
    let again = Again {
        id,
        original: dead.delivery,
        endpoint: dead.endpoint,
        event: &event,
    };
    again::deliver(api, again).await?;
    Ok(Replayed {
        delivery: Some(id.to_string()),
        published_to: None,
    })
}

/// With its own bytes, where it came from. The broker counts its returns anew.
async fn publish(
    api: &Api,
    found: DeadLetter,
    correction: Option<Correction>,
) -> Result<Replayed, Problem> {
    let letter = found.letter;
    let Some(route) = route(&letter) else {
        return Err(hopeless("it is not known where it came from"));
    };
    let (body, content_type) = match correction {
        Some(correction) => (correction.body, correction.content_type),
        None => (letter.body, None),
    };
    let told = Replayed {
        delivery: None,
        published_to: Some(route.to_string()),
    };
    let message = Outgoing {
        route,
        body,
        kind: letter.message_kind.unwrap_or_default().into(),
        content_type: content_type
            .or(letter.content_type)
            .unwrap_or_default()
            .into(),
        message_id: letter.message_id,
        headers: headers(&letter.headers),
    };
    tokio::time::sleep(wait(found.created_at, OffsetDateTime::now_utc())).await;
    let published = api.publisher.publish(message).await;
    published.map_err(|error| again::unpublished(&error))?;
    Ok(told)
}

/// Where a message goes again: a publisher's to the inbox, and what came back too often to the
/// quarantine of its lane, where it is tried alone.
fn route(letter: &NewDeadLetter) -> Option<Route> {
    if letter.kind == DeadLetterKind::Rejected {
        return Some(Route::inbox());
    }
    let quarantined = || {
        let mut lanes = Lane::ALL.into_iter();
        lanes.find(|lane| queue::quarantine(*lane) == letter.origin)
    };
    let by_kind = || match MessageType::from_name(letter.message_kind.as_deref()?)? {
        MessageType::InboxEvent | MessageType::InboxBatch => Some(Lane::Inbox),
        MessageType::Accepted => Some(Lane::Events),
        MessageType::Dispatch => Some(Lane::Dispatch),
        MessageType::Report | MessageType::Watermark | MessageType::Breakers => Some(Lane::Results),
    };
    let lane = Lane::of_queue(&letter.origin)
        .or_else(quarantined)
        .or_else(by_kind);
    lane.map(Route::quarantine)
}

/// A letter's headers without ours.
fn headers(json: &str) -> Headers {
    let members: serde_json::Map<String, Value> = serde_json::from_str(json).unwrap_or_default();
    let mut headers = Headers::new();
    for (name, value) in members {
        let value = match value {
            Value::String(text) => HeaderValue::Text(text),
            Value::Number(number) => match number.as_i64() {
                Some(number) => HeaderValue::Number(number),
                None => continue,
            },
            _ => continue,
        };
        if !name.starts_with(OUR_HEADERS) {
            headers.insert(&name, value);
        }
    }
    headers
}

fn wait(kept_at: OffsetDateTime, now: OffsetDateTime) -> Duration {
    let past = Duration::try_from(now - kept_at).unwrap_or_default();
    APART.saturating_sub(past)
}

fn hopeless(detail: &str) -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "cannot-be-replayed",
        "It can't be replayed",
        detail,
    )
}

#[cfg(test)]
mod tests {
    use domain::id::DeadLetterId;
    use rstest::rstest;
    use uuid::Uuid;

    use super::*;

    fn letter(kind: DeadLetterKind, origin: &str, message_kind: Option<&str>) -> NewDeadLetter {
        NewDeadLetter {
            id: DeadLetterId::from_uuid(Uuid::nil()),
            kind,
            reason: "delivery_limit".to_owned(),
            detail: String::new(),
            origin: origin.to_owned(),
            tenant: None,
            event: None,
            delivery: None,
            endpoint: None,
            event_type: None,
            event_day: None,
            content_type: None,
            message_kind: message_kind.map(str::to_owned),
            message_id: None,
            body: Bytes::new(),
            headers: "{}".to_owned(),
        }
    }

    #[rstest]
    #[case::rejected(
        DeadLetterKind::Rejected,
        "posthaste.inbox",
        None,
        Some(Route::inbox())
    )]
    #[case::inbox(
        DeadLetterKind::Poison,
        "posthaste.inbox",
        None,
        Some(Route::quarantine(Lane::Inbox))
    )]
    #[case::fresh(
        DeadLetterKind::Poison,
        "posthaste.dispatch.fresh.07",
        None,
        Some(Route::quarantine(Lane::Dispatch))
    )]
    #[case::alone(
        DeadLetterKind::Poison,
        "posthaste.quarantine.results",
        None,
        Some(Route::quarantine(Lane::Results))
    )]
    #[case::by_kind(
        DeadLetterKind::Poison,
        "",
        Some("posthaste.v1.Batch+AcceptedEvent"),
        Some(Route::quarantine(Lane::Events))
    )]
    #[case::unknown(DeadLetterKind::Poison, "posthaste.retry.1s", Some("x"), None)]
    fn where_a_message_goes_again(
        #[case] kind: DeadLetterKind,
        #[case] origin: &str,
        #[case] message_kind: Option<&str>,
        #[case] expected: Option<Route>,
    ) {
        assert_eq!(route(&letter(kind, origin, message_kind)), expected);
    }

    #[test]
    fn its_past_is_left_behind() {
        let kept = headers(r#"{"posthaste-reason":"x","traceparent":"00-1","n":7,"f":1.5}"#);
        let expected = Headers::new()
            .with("traceparent", "00-1")
            .with_number("n", 7);
        assert_eq!(kept, expected);
    }

    #[test]
    fn two_letters_of_one_message_are_a_second_apart() {
        let kept = OffsetDateTime::UNIX_EPOCH;
        assert_eq!(wait(kept, kept), APART);
        assert_eq!(wait(kept, kept + APART), Duration::ZERO);
        assert_eq!(wait(kept, kept - APART), APART);
    }
}
