//! Custody of a message: it is acknowledged when each item in it has succeeded or stands confirmed
//! elsewhere, and not before.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use broker::Acker;

/// One item's place in a message that is yet to be acknowledged.
///
/// **Invariant:** only [`Ticket::finish`] gives a place up. A ticket that is dropped, because its
/// task was aborted, keeps the message from ever being acknowledged, so the broker delivers it
/// again.
#[derive(Debug)]
#[must_use = "a dropped ticket keeps its message from being acknowledged"]
pub(crate) struct Ticket<A = Acker> {
    message: Arc<Message<A>>,
}

#[derive(Debug)]
struct Message<A> {
    /// Places not yet given up.
    open: AtomicUsize,
    acker: Mutex<Option<A>>,
}

/// As many tickets as the message has items. With no items there is nothing to wait for, and the
/// right to acknowledge comes back at once.
pub(crate) fn issue<A>(acker: A, places: usize) -> Result<Vec<Ticket<A>>, A> {
    if places == 0 {
        return Err(acker);
    }
    let message = Arc::new(Message {
        open: AtomicUsize::new(places),
        acker: Mutex::new(Some(acker)),
    });
    let ticket = || Ticket {
        message: Arc::clone(&message),
    };
    Ok((0..places).map(|_| ticket()).collect())
}

impl<A> Ticket<A> {
    /// Gives the place up. Whoever gives up the last one gets the right to acknowledge.
    pub(crate) fn finish(self) -> Option<A> {
        // Release and acquire: what every item did is seen by the one that acknowledges.
        if self.message.open.fetch_sub(1, Ordering::AcqRel) > 1 {
            return None;
        }
        let mut acker = self
            .message
            .acker
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        acker.take()
    }
}

impl Ticket {
    /// The item is done with; the last one of a message acknowledges it.
    pub(crate) async fn done(self) {
        if let Some(acker) = self.finish() {
            acker.ack().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_without_items_is_acknowledged_at_once() {
        assert_eq!(issue("acker", 0).unwrap_err(), "acker");
    }

    proptest! {
        #[test]
        fn the_last_one_acknowledges_and_a_dropped_ticket_never_does(
            drops in proptest::collection::vec(any::<bool>(), 1..64),
        ) {
            let tickets = issue((), drops.len()).unwrap();
            let mut acknowledged = 0;
            for (at, (ticket, drop_it)) in tickets.into_iter().zip(&drops).enumerate() {
                if *drop_it {
                    drop(ticket);
                } else if ticket.finish().is_some() {
                    prop_assert_eq!(at, drops.len() - 1);
                    acknowledged += 1;
                }
            }
            prop_assert_eq!(acknowledged, usize::from(!drops.contains(&true)));
        }
    }
}
