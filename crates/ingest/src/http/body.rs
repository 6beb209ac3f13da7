//! A request's body, within its bounds, and what it says it is.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use domain::dispatch::HOPS_HEADER;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use service::problem::Problem;
use tokio::time::timeout;

use crate::batcher::NotAccepted;
use crate::check::{Reason, Refusal};
use crate::http::problem::Fault;
use crate::room::{Place, Room};

/// How long a client may take to send a body.
const PATIENCE: Duration = Duration::from_secs(15);

/// A body, and the room that it takes until the request is answered.
pub(super) struct Read {
    pub(super) bytes: Bytes,
    _place: Place,
}

/// Reads a body of at most `most` bytes, if there is room for it.
pub(super) async fn read(body: Body, most: usize, room: &Room) -> Result<Read, Fault> {
    // What says itself that it is too large isn't waited for.
    let at_least = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if at_least > most {
        return Err(too_large(most).into());
    }
    let bytes = match body.size_hint().exact() {
        Some(_) => at_least,
        None => most,
    };
    let place = room.take(bytes);
    let place = place.ok_or(Fault::NotAccepted(NotAccepted::Overloaded))?;
    let reading = Limited::new(body, most).collect();
    match timeout(PATIENCE, reading).await {
        Ok(Ok(collected)) => Ok(Read {
            bytes: collected.to_bytes(),
            _place: place,
        }),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(most).into()),
        Ok(Err(_)) => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "broken-body",
            "The body broke off",
            "the body broke off: send it again",
        )
        .into()),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "timeout",
            "Too slow",
            format!("the body took longer than {} s", PATIENCE.as_secs()),
        )
        .into()),
    }
}

fn too_large(most: usize) -> Refusal {
    let detail = format!("the body is larger than {most} bytes: send less at once");
    Refusal::new(Reason::TooLarge, "", detail)
}

/// The content type, in lower case and without parameters. A body in another encoding is refused.
pub(super) fn content_type(headers: &HeaderMap) -> Result<String, Refusal> {
    if headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity")
    {
        let detail = "compressed bodies are not read: send it as it is";
        let pointer = "header:Content-Encoding";
        return Err(Refusal::new(Reason::UnsupportedType, pointer, detail));
    }
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let value = value.ok_or_else(|| {
        let detail = "missing: send Content-Type: application/json";
        Refusal::new(Reason::UnsupportedType, "header:Content-Type", detail)
    })?;
    let essence = value.split(';').next().unwrap_or_default();
    Ok(essence.trim().to_ascii_lowercase())
}

/// Refuses what is a delivery by its headers, ours or another Posthaste's.
pub(super) fn is_no_delivery(headers: &HeaderMap) -> Result<(), Refusal> {
    if !headers.contains_key(HOPS_HEADER) {
        return Ok(());
    }
    let detail = "this is a delivery: the URL of an endpoint must not be where events come in";
    Err(Refusal::new(Reason::Loop, "header:Webhook-Hops", detail))
}

/// The refusal of a content type that is not read here.
pub(super) fn unread(content_type: &str, read: &str) -> Refusal {
    let detail = format!("{content_type:.100} is not read here: send {read}");
    Refusal::new(Reason::UnsupportedType, "header:Content-Type", detail)
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt, stream};

    use super::*;

    const ROOM_BYTES: usize = 64 * 1024;

    async fn outcome(body: Body, most: usize, room: &Room) -> Result<Bytes, u16> {
        let read = read(body, most, room).await;
        read.map(|read| read.bytes).map_err(|fault| match fault {
            Fault::Refused(refusal) if refusal.reason == Reason::TooLarge => 413,
            Fault::NotAccepted(NotAccepted::Overloaded) => 503,
            Fault::Request(problem) => problem.status().as_u16(),
            Fault::Refused(_) | Fault::NotAccepted(_) => 0,
        })
    }

    /// A body whose length nobody knows before, and that never ends.
    fn endless(chunk: &'static [u8], chunks: usize) -> Body {
        let chunks = stream::repeat(chunk)
            .map(Ok::<_, std::io::Error>)
            .take(chunks);
        Body::from_stream(chunks.chain(stream::pending()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_read_within_its_bounds() {
        let room = Room::new(ROOM_BYTES);
        assert_eq!(
            outcome(Body::from("12345"), 5, &room).await,
            Ok("12345".into())
        );
        assert_eq!(outcome(Body::from("12345"), 4, &room).await, Err(413));
        assert_eq!(outcome(endless(b"x", 6), 5, &room).await, Err(413));
        assert_eq!(outcome(endless(b"x", 5), 5, &room).await, Err(408));
        let broken = [
            Ok("x"),
            Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe)),
        ];
        let broken = stream::iter(broken);
        let broken = Body::from_stream(broken);
        assert_eq!(outcome(broken, 5, &room).await, Err(400));
        assert!(room.take(ROOM_BYTES).is_some(), "the room is free again");
    }

    #[tokio::test]
    async fn there_is_room_for_so_many() {
        let room = Room::new(ROOM_BYTES);
        let held = read(endless(b"x", 0), ROOM_BYTES, &room);
        let mut held = Box::pin(held);
        assert!(futures::poll!(&mut held).is_pending());
        assert_eq!(outcome(Body::from("1"), 5, &room).await, Err(503));
        drop(held);
        assert!(outcome(Body::from("1"), 5, &room).await.is_ok());
    }
}
