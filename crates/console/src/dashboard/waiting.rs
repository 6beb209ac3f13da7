//! How much waits at the broker, in words and as bars.

use super::state::Instant;
use super::words;
use crate::resources::queues::{Queue, Queues, Tier};

/// What each kind of queue holds, in the order in which an event comes by them; one that is not
/// named comes last, by its own name.
const HOLDS: [(&str, &str); 10] = [
    ("inbox", "Published by AMQP, not taken yet"),
    ("fanout", "Accepted events, to be recorded"),
    ("fanout_bulk", "The same, above their tenant’s share"),
    ("fresh", "First attempts"),
    ("retry", "Further attempts that are due"),
    ("bulk", "Attempts above their tenant’s share"),
    ("results", "Reports of attempts, to be recorded"),
    ("dead", "Given up, to be recorded"),
    ("rejected", "Published by AMQP, and no events"),
    ("quarantine", "Set apart, one at a time"),
];

/// What waits.
pub(super) struct Waiting {
    pub(super) asked: Instant,
    pub(super) queues: Vec<Kind>,
    pub(super) tiers: Vec<Bar>,
    /// How many wait in all tiers together.
    pub(super) parked: String,
}

/// A kind of queue.
pub(super) struct Kind {
    pub(super) holds: String,
    pub(super) messages: String,
    /// What is wrong with it.
    pub(super) trouble: Option<&'static str>,
}

/// A tier.
pub(super) struct Bar {
    pub(super) delay: String,
    pub(super) messages: String,
    /// How long its bar is, of 100.
    pub(super) long: u64,
}

impl Waiting {
    /// As the API tells it; none where nobody has asked yet.
    pub(super) fn of(queues: Queues) -> Option<Self> {
        let asked = Instant(queues.asked_at?);
        let most = queues.tiers.iter().map(|tier| tier.messages).max();
        let most = most.unwrap_or_default().max(1);
        let parked = queues.tiers.iter().map(|tier| tier.messages).sum();
        let mut in_order = queues.queues;
        in_order.sort_by_key(|queue| place(&queue.queue).unwrap_or(HOLDS.len()));
        Some(Self {
            asked,
            parked: count(parked),
            queues: in_order.into_iter().map(kind).collect(),
            tiers: queues.tiers.iter().map(|tier| bar(tier, most)).collect(),
        })
    }
}

fn kind(queue: Queue) -> Kind {
    let known = place(&queue.queue).map(|place| HOLDS[place]);
    let trouble = (queue.messages > 0 && queue.consumers == 0).then_some("nobody takes from it");
    Kind {
        messages: count(queue.messages),
        trouble,
        holds: known.map_or(queue.queue, |(_, words)| words.to_owned()),
    }
}

fn place(name: &str) -> Option<usize> {
    HOLDS.iter().position(|(known, _)| *known == name)
}

fn bar(tier: &Tier, most: u64) -> Bar {
    Bar {
        delay: words::wait(tier.delay_s),
        messages: count(tier.messages),
        // What there is, is seen.
        long: tier.messages.saturating_mul(100).div_ceil(most),
    }
}

fn count(number: u64) -> String {
    words::count(i64::try_from(number).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(name: &str, messages: u64, consumers: u64) -> Queue {
        Queue {
            queue: name.to_owned(),
            messages,
            consumers,
        }
    }

    fn tier(delay_s: u64, messages: u64) -> Tier {
        Tier {
            tier: format!("{delay_s}s"),
            delay_s,
            messages,
        }
    }

    #[test]
    fn what_waits_in_words() {
        let queues = Queues {
            asked_at: Some("2026-03-02T10:15:00Z".to_owned()),
            queues: vec![
                queue("bulk", 3, 0),
                queue("later", 0, 0),
                queue("fresh", 1_200, 2),
            ],
            tiers: vec![tier(1, 1), tier(3_600, 300), tier(7_200, 0)],
        };
        let waiting = Waiting::of(queues).unwrap();
        let queues = &waiting.queues;
        assert_eq!(queues[0].holds, "First attempts");
        assert_eq!(queues[0].messages, "1,200");
        assert_eq!(queues[1].trouble, Some("nobody takes from it"));
        assert_eq!((&*queues[2].holds, queues[2].trouble), ("later", None));
        assert_eq!(waiting.parked, "301");
        let long: Vec<_> = waiting.tiers.iter().map(|bar| bar.long).collect();
        assert_eq!(long, [1, 100, 0]);
        assert_eq!(waiting.tiers[1].delay, "1 h");
    }

    #[test]
    fn nothing_is_said_until_somebody_has_asked() {
        let unasked = Queues {
            asked_at: None,
            queues: Vec::new(),
            tiers: Vec::new(),
        };
        assert!(Waiting::of(unasked).is_none());
    }
}
