//! Why there is a dead letter, in words, and what to do about it.

use super::state::{Instant, State};
use crate::resources::dead_letters::Letter;

/// What kind of message it was.
pub(super) fn kind(kind: &str) -> &'static str {
    match kind {
        "delivery" => "Delivery",
        "rejected" => "Rejected message",
        _ => "Message of ours",
    }
}

/// How a letter stands: why it is one, or what was done about it.
pub(super) fn state(letter: &Letter) -> State {
    match letter.resolution.as_deref() {
        Some("replayed") => resolved("good", "Sent again", letter),
        Some(_) => resolved("idle", "Discarded", letter),
        None => State::new("bad", short(&letter.reason)),
    }
}

fn resolved(tone: &'static str, words: &str, letter: &Letter) -> State {
    State {
        since: letter.resolved_at.clone().map(Instant),
        ..State::new(tone, words)
    }
}

fn short(reason: &str) -> String {
    let known = match reason {
        "exhausted" => "Every attempt failed",
        "gone" => "Answered 410 Gone",
        "delivery_limit" => "Came back too often",
        "undecodable" => "Can’t be read",
        "panicked" => "A worker crashed on it",
        "payload_missing" => "Its payload is gone",
        "unrecordable" => "Can’t be recorded",
        "invalid" => "Not a valid event",
        "unroutable" => "Wrong routing key",
        other => return format!("Given up: {}", other.replace('_', " ")),
    };
    known.to_owned()
}

/// What the reason means, and what to do.
pub(super) fn meaning(reason: &str) -> (&'static str, &'static str) {
    match reason {
        "exhausted" => (
            "Every attempt that the endpoint’s retry policy allows has failed.",
            "See on the delivery’s page what was answered. Mend the endpoint, then send it again.",
        ),
        "gone" => (
            "The receiver answered that it wants no more events at this URL.",
            "If that was a mistake, mend it and resume the endpoint, then send it again.",
        ),
        "delivery_limit" => (
            "It was taken from its queue again and again without being finished, as when a worker \
             crashes on it.",
            "See the services’ logs at this time. Sent again, it is tried alone, so that it takes \
             nothing with it.",
        ),
        "undecodable" => (
            "Its bytes are not those of a message of ours.",
            "See who publishes to this queue. It may be of a later version: then upgrade, and send \
             it again.",
        ),
        "panicked" => (
            "A worker crashed on it, also when it was tried alone.",
            "That is a fault of ours: its log says where. Send it again after an upgrade.",
        ),
        "payload_missing" => (
            "Its event is no longer on record, so there is nothing to send.",
            "Discard it; a longer retention keeps events for late deliveries.",
        ),
        "unrecordable" => (
            "The record did not take it, also when it was tried alone.",
            "See the services’ logs at this time, then send it again.",
        ),
        "invalid" => (
            "A publisher put into the inbox what is no valid event.",
            "The detail says what is wrong. Correct it and send it again, or mend the publisher.",
        ),
        "unroutable" => (
            "A publisher put it into the inbox under a routing key that is none of ours.",
            "Mend the publisher; sent again, it goes to the inbox as an event.",
        ),
        _ => (
            "It was given up.",
            "The detail says why. Send it again once the cause is gone.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_told_as_it_is() {
        assert_eq!(short("exhausted"), "Every attempt failed");
        assert_eq!(short("of_a_later_version"), "Given up: of a later version");
        let (meaning, advice) = meaning("of_a_later_version");
        assert!(meaning.ends_with('.') && advice.ends_with('.'));
    }
}
