//! What becomes of a message in the dead letters: decided here, without doing anything.

use broker::topology::{Lane, Route};
use broker::{Delivered, Outgoing, Properties};
use bytes::Bytes;
use store::dead_letters::NewDeadLetter;
use wire::DecodeError;

use crate::letter;

/// Why the broker gave up on a message that came back too often.
const RETURNED_TOO_OFTEN: &str = "delivery_limit";

/// What becomes of a message in the dead letters.
#[derive(Debug, Clone)]
pub(crate) enum Fate {
    /// It came back too often, which says nothing of any single item in it: each is tried once
    /// more, alone.
    Quarantine(Vec<Outgoing>),
    /// Nothing more is done for it, but for keeping it.
    Keep(Box<NewDeadLetter>),
}

/// Decides on a message from the dead letters.
pub(crate) fn of(message: &Delivered) -> Fate {
    let keep = |letter| Fate::Keep(Box::new(letter));
    let Some(lane) = returned_too_often(message) else {
        return keep(letter::dead(message));
    };
    match alone(lane, message) {
        Ok(items) if !items.is_empty() => Fate::Quarantine(items),
        Ok(_) => keep(letter::poison(message, "empty", "a batch without items")),
        Err(error) => keep(letter::poison(message, "undecodable", &error.to_string())),
    }
}

/// The lane of the work queue that gave the message up for its returns; none for quarantine
/// queues, where it has had its turn alone, and for what a role has judged and parked.
fn returned_too_often(message: &Delivered) -> Option<Lane> {
    let death = message.death.as_ref()?;
    Lane::of_queue(&death.queue).filter(|_| death.reason == RETURNED_TOO_OFTEN)
}

/// Every item of the message as a message of its own.
fn alone(lane: Lane, message: &Delivered) -> Result<Vec<Outgoing>, DecodeError> {
    match lane {
        // Not of our making, and ingest alone knows what is in it.
        Lane::Inbox => Ok(vec![whole(message)]),
        Lane::Events | Lane::Results => each_item(message, lane, item_alone),
        Lane::Dispatch => each_item(message, lane, deliveries_alone),
    }
}

fn whole(message: &Delivered) -> Outgoing {
    let Properties {
        content_type,
        kind,
        message_id,
        timestamp: _,
        headers,
    } = message.properties.clone();
    Outgoing {
        route: Route::quarantine(Lane::Inbox),
        body: message.body.clone(),
        kind: kind.unwrap_or_default().into(),
        content_type: content_type.unwrap_or_default().into(),
        message_id,
        headers,
    }
}

/// Of the message's own type, since that says what its items are.
fn each_item(
    message: &Delivered,
    lane: Lane,
    bodies: fn(Bytes) -> Vec<Bytes>,
) -> Result<Vec<Outgoing>, DecodeError> {
    let items = wire::batch::split(message.body.clone())?;
    let kind = message.properties.kind.clone().unwrap_or_default();
    let outgoing = |body| {
        Outgoing::new(
            Route::quarantine(lane),
            body,
            kind.clone(),
            wire::CONTENT_TYPE,
        )
    };
    Ok(items.into_iter().flat_map(bodies).map(outgoing).collect())
}

fn item_alone(item: Bytes) -> Vec<Bytes> {
    vec![wire::batch::join(vec![item])]
}

/// The deliveries of an item are each other's neighbours too. An item that can't be decoded stays
/// as it is: the dispatcher says so, and keeps it.
fn deliveries_alone(item: Bytes) -> Vec<Bytes> {
    match wire::dispatch::decode(item.clone()) {
        Ok(dispatches) => dispatches
            .iter()
            .map(wire::dispatch::encode_alone)
            .collect(),
        Err(_) => item_alone(item),
    }
}

#[cfg(test)]
#[path = "fate_tests.rs"]
mod tests;
