//! The inbox is interrupted with messages in hand: none is lost, and none becomes another event.

use std::collections::BTreeSet;
use std::time::Duration;

use broker::Outgoing;
use broker::topology::Route;
use domain::id::EventId;
use service::Drained;

use crate::rig::{PATIENCE, Rig, event, next};

/// Several times what ingest takes at once.
const COUNT: usize = 2_000;

/// How long a chunk of bytes is on its way: so long that what ingest takes at once is too.
const LATENCY: Duration = Duration::from_millis(50);

impl Rig {
    /// Fills the inbox with messages that have ids, before ingest gets any; returns which events
    /// they are.
    async fn fill_inbox(&self) -> BTreeSet<EventId> {
        self.amqp.stall();
        let messages = (0..COUNT).map(|n| {
            let body = event(&n.to_string());
            let message = Outgoing::new(Route::inbox(), body, "", "application/json");
            self.submit_message(message.with_message_id(name(n)))
        });
        futures::future::join_all(messages).await;
        self.amqp.delay(LATENCY);
        (0..COUNT).map(|n| self.event_id(&name(n))).collect()
    }

    fn event_id(&self, message_id: &str) -> EventId {
        EventId::keyed(self.tenant, message_id)
    }
}

fn name(n: usize) -> String {
    format!("m-{n}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_loses_nothing_of_the_inbox() {
    let rig = Rig::start().await;
    let expected = rig.fill_inbox().await;
    let mut stored: BTreeSet<_> = rig.message().await.iter().map(|event| event.id).collect();
    assert!(stored.len() < COUNT, "some are still on their way");
    assert!(rig.amqp.cut().await > 0, "nothing was cut");
    while stored.len() < COUNT {
        stored.extend(rig.message().await.iter().map(|event| event.id));
    }
    assert!(stored == expected);
    rig.inbox_is_done().await;
    rig.stop().await;
}

/// Each message is an event already, or stays with the broker. Acknowledgements are not confirmed:
/// a message may be both, and then comes back as the same event.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_loses_nothing_of_the_inbox() {
    let rig = Rig::start().await;
    let expected = rig.fill_inbox().await;
    let mut found: BTreeSet<_> = rig.message().await.iter().map(|event| event.id).collect();
    assert_eq!(rig.life.drain(PATIENCE).await, Drained::Clean);

    let (inbox, mut left) = (rig.inbox(), 0);
    // Kept when the other comes first: what was taken must not be dropped.
    let (mut events, mut message) = (Box::pin(rig.message()), Box::pin(next(&inbox)));
    while found.len() < COUNT {
        tokio::select! {
            done = &mut events => {
                found.extend(done.iter().map(|event| event.id));
                events = Box::pin(rig.message());
            }
            done = &mut message => {
                left += 1;
                found.insert(rig.event_id(&done.properties.message_id.unwrap()));
                message = Box::pin(next(&inbox));
            }
        }
    }
    assert!(found == expected);
    assert!(left > 0, "it was not interrupted");
}
