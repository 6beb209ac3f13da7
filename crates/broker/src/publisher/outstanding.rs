//! Which message a confirm is about.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::oneshot;

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is stored.
    Confirmed,
    /// It came back: no queue was bound for it.
    Unroutable,
    /// A queue refused it.
    Refused,
    /// Nobody knows.
    Lost,
}

/// A completed confirm.
#[derive(Debug, Clone, Copy)]
pub(super) struct Confirmed {
    /// What it says about its message, unless that turns out to have been returned.
    pub(super) verdict: Verdict,
    /// The tag of the returned message that came with it.
    pub(super) returned: Option<u64>,
}

/// A channel's outstanding confirms, in the order of their tags.
///
/// The library hands a message that the broker returned to whichever confirm it completes next,
/// and it completes those of one `multiple` acknowledgement in no order. So an unroutable message
/// can look confirmed, and its neighbour unroutable. Each message therefore carries a tag, by which
/// a returned one is known; and a confirm counts only after one more look at all the others. What
/// took its message's return was completed before it, so that look finds it.
pub(super) struct Outstanding {
    flights: VecDeque<Flight>,
}

struct Flight {
    tag: u64,
    stage: Stage,
    returned: bool,
    reply: oneshot::Sender<Verdict>,
}

enum Stage {
    Waiting(BoxFuture<'static, Confirmed>),
    /// Completed; what was completed before it has yet to be looked at.
    Fresh(Verdict),
    Settled(Verdict),
}

impl Outstanding {
    pub(super) const fn new() -> Self {
        Self {
            flights: VecDeque::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.flights.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.flights.is_empty()
    }

    /// Adds a message. Tags must ascend.
    pub(super) fn push(
        &mut self,
        tag: u64,
        confirm: BoxFuture<'static, Confirmed>,
        reply: oneshot::Sender<Verdict>,
    ) {
        self.flights.push_back(Flight {
            tag,
            stage: Stage::Waiting(confirm),
            returned: false,
            reply,
        });
    }

    /// Looks at all confirms, and answers those that count. Ready when there was anything new;
    /// then it has to be called again, since what is new waits for the next look.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut news = false;
        let mut returned = Vec::new();
        for flight in &mut self.flights {
            match &mut flight.stage {
                Stage::Waiting(confirm) => {
                    if let Poll::Ready(confirmed) = confirm.poll_unpin(cx) {
                        flight.stage = Stage::Fresh(confirmed.verdict);
                        returned.extend(confirmed.returned);
                        news = true;
                    }
                }
                Stage::Fresh(verdict) => {
                    flight.stage = Stage::Settled(*verdict);
                    news = true;
                }
                Stage::Settled(_) => {}
            }
        }
        for tag in returned {
            if let Ok(at) = self.flights.binary_search_by_key(&tag, |flight| flight.tag) {
                self.flights[at].returned = true;
            }
        }
        if !news {
            return Poll::Pending;
        }
        self.answer();
        Poll::Ready(())
    }

    fn answer(&mut self) {
        for flight in std::mem::take(&mut self.flights) {
            let Stage::Settled(verdict) = flight.stage else {
                self.flights.push_back(flight);
                continue;
            };
            let verdict = if flight.returned {
                Verdict::Unroutable
            } else {
                verdict
            };
            // Nobody may be waiting any more.
            let _ = flight.reply.send(verdict);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::future::poll_fn;
    use std::sync::{Arc, Mutex};
    use std::task::Waker;

    use proptest::prelude::*;

    use super::*;

    /// The library, completing confirms while we look at them.
    struct Library {
        /// Tags in the order in which their confirms are completed.
        to_complete: VecDeque<u64>,
        /// Tags of the messages that the broker has returned, in its order.
        returned: VecDeque<u64>,
        completed: HashMap<u64, Confirmed>,
        /// How many confirms it completes before each of our looks.
        pace: VecDeque<usize>,
    }

    impl Library {
        fn advance(&mut self) {
            let steps = self.pace.pop_front().unwrap_or(1);
            for _ in 0..steps {
                let Some(tag) = self.to_complete.pop_front() else {
                    return;
                };
                let returned = self.returned.pop_front();
                let verdict = match returned {
                    None => Verdict::Confirmed,
                    Some(returned) if returned == tag => Verdict::Unroutable,
                    Some(_) => Verdict::Lost,
                };
                self.completed.insert(tag, Confirmed { verdict, returned });
            }
        }
    }

    proptest! {
        /// However returned messages and confirms are mixed up, an unroutable message never counts
        /// as stored, and a stored one never as unroutable.
        #[test]
        fn no_verdict_is_wrong(
            unroutable in proptest::collection::vec(proptest::bool::weighted(0.3), 1..30),
            order in any::<proptest::sample::Selector>(),
            pace in proptest::collection::vec(0usize..4, 0..200),
        ) {
            let tags: Vec<u64> = (1..).take(unroutable.len()).collect();
            let mut rest = tags.clone();
            let mut to_complete = VecDeque::new();
            while !rest.is_empty() {
                let at = order.select(0..rest.len());
                to_complete.push_back(rest.swap_remove(at));
            }
            let lost: VecDeque<u64> = tags
                .iter()
                .zip(&unroutable)
                .filter_map(|(tag, unroutable)| unroutable.then_some(*tag))
                .collect();
            let library = Arc::new(Mutex::new(Library {
                to_complete,
                returned: lost,
                completed: HashMap::new(),
                pace: pace.into(),
            }));

            let mut outstanding = Outstanding::new();
            let mut replies = Vec::new();
            for tag in tags {
                let (reply, verdict) = oneshot::channel();
                let library = Arc::clone(&library);
                let confirm = poll_fn(move |_| {
                    let mut library = library.lock().unwrap();
                    library.advance();
                    library.completed.get(&tag).map_or(Poll::Pending, |one| Poll::Ready(*one))
                });
                outstanding.push(tag, confirm.boxed(), reply);
                replies.push(verdict);
            }
            let mut cx = Context::from_waker(Waker::noop());
            for _ in 0..1_000 {
                let _ = outstanding.poll(&mut cx);
            }
            prop_assert!(outstanding.is_empty());
            for (mut reply, unroutable) in replies.into_iter().zip(unroutable) {
                let wrong = if unroutable { Verdict::Confirmed } else { Verdict::Unroutable };
                prop_assert_ne!(reply.try_recv().unwrap(), wrong);
            }
        }
    }
}
