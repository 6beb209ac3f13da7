use domain::attempt::Trigger;
use domain::delivery::Delivery;
use domain::id::EndpointId;
use futures::FutureExt;
use uuid::Uuid;

use super::*;

fn due(attempt: u32) -> Due {
    Due {
        delivery: Delivery {
            id: DeliveryId::from_uuid(Uuid::from_u128(1)),
            endpoint: EndpointId::from_uuid(Uuid::from_u128(2)),
            trigger: Trigger::Automatic,
            replay_of: None,
        },
        attempt: AttemptNumber::new(attempt).unwrap(),
    }
}

fn begun(entered: Entered) -> Flight {
    match entered {
        Entered::Begun(flight) => flight,
        Entered::UnderWay(_) | Entered::Settled => panic!("somebody else has it"),
    }
}

fn watched(entered: Entered) -> Watch {
    match entered {
        Entered::UnderWay(watch) => watch,
        Entered::Begun(_) | Entered::Settled => panic!("it is not under way"),
    }
}

#[tokio::test]
async fn a_redelivery_watches_the_running_attempt() {
    let memory = Memory::new();
    let flight = begun(memory.enter(due(1)));
    let mut again = watched(memory.enter(due(1))).end(Custody::Sole).boxed();
    assert_eq!(again.as_mut().now_or_never(), None);
    flight.settle();
    assert_eq!(again.await, Seen::Safe);
    assert!(matches!(memory.enter(due(1)), Entered::Settled));
}

#[test]
fn the_next_attempt_is_another_one() {
    let memory = Memory::new();
    begun(memory.enter(due(1))).settle();
    drop(begun(memory.enter(due(2))));
}

/// What was parked may come back before its confirm does. It is not a redelivery: nobody else
/// will see to it.
#[tokio::test]
async fn who_watched_an_attempt_that_was_not_made_takes_it_up() {
    let memory = Memory::new();
    let flight = begun(memory.enter(due(1)));
    let parked = watched(memory.enter(due(1)));
    drop(flight);
    assert_eq!(parked.end(Custody::Sole).await, Seen::NotMade);
    drop(begun(memory.enter(due(1))));
}

#[tokio::test]
async fn a_copy_frees_the_message_and_keeps_the_attempt() {
    let memory = Memory::new();
    let flight = begun(memory.enter(due(1)));
    flight.copied();
    let redelivered = watched(memory.enter(due(1)));
    assert_eq!(redelivered.end(Custody::Sole).await, Seen::Safe);
    let mut copy = watched(memory.enter(due(1)))
        .end(Custody::HandedOver)
        .boxed();
    assert_eq!(copy.as_mut().now_or_never(), None);
    flight.settle();
    assert_eq!(copy.await, Seen::Safe);
}
