//! A message that comes twice.

use std::time::Duration;

use broker::Headers;
use broker::message::header;
use broker::topology::{Route, queue};
use domain::attempt::AttemptNumber;
use domain::dispatch::{Custody, Dispatch};
use domain::report::Standing;
use rstest::rstest;
use testkit::{Receiver, Respond, eventually};
use time::OffsetDateTime;

use crate::world::{SOON, World, config, encode, shard};

#[tokio::test]
async fn a_redelivery_during_the_attempt_makes_no_second_post() {
    let world = World::start().await;
    let receiver = Receiver::start([Respond::ok().after(Duration::from_millis(900))]).await;
    let endpoint = world.endpoint(&receiver.url(), &[1]).await;
    let dispatch = world.dispatch(endpoint);
    world.publish(std::slice::from_ref(&dispatch)).await;
    receiver.wait_for(1, SOON).await;
    world.break_connections().await;

    world.reports(&dispatch, 1).await;
    world.ready().await;
    world.drained(&queue::dispatch_fresh(shard())).await;
    assert_eq!(receiver.requests().len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn what_was_just_settled_is_not_made_again() {
    let world = World::start().await;
    let receiver = Receiver::start([Respond::ok()]).await;
    let endpoint = world.endpoint(&receiver.url(), &[1]).await;
    let dispatch = world.dispatch(endpoint);
    world.publish(std::slice::from_ref(&dispatch)).await;
    world.reports(&dispatch, 1).await;
    world.drained(&queue::dispatch_fresh(shard())).await;
    world.publish(std::slice::from_ref(&dispatch)).await;
    world.drained(&queue::dispatch_fresh(shard())).await;
    assert_eq!(receiver.requests().len(), 1);
    world.stop().await;
}

/// Of two handed-over copies of attempts that this dispatcher knows nothing of, the one that the
/// record knows is dropped, and the other one is made.
#[tokio::test]
async fn a_handed_over_copy_asks_the_record() {
    let world = World::start().await;
    let receiver = Receiver::start([Respond::ok()]).await;
    let endpoint = world.endpoint(&receiver.url(), &[1]).await;
    let recorded = handed_over(world.dispatch(endpoint));
    let lost = handed_over(world.dispatch(endpoint));
    world.record_attempt(&recorded).await;
    let route = Route::dispatch_slow(shard());
    for copy in [&recorded, &lost] {
        world.publish_items(route.clone(), vec![encode(copy)]).await;
    }

    let requests = receiver.wait_for(1, SOON).await;
    let id = lost.content.event.to_string();
    assert_eq!(requests[0].headers["webhook-id"], id.as_str());
    let report = world.reports(&lost, 1).await.remove(0);
    assert!(matches!(report.standing, Standing::Delivered { .. }));
    world.drained(&queue::dispatch_retry(shard())).await;
    assert_eq!(receiver.requests().len(), 1);
    world.stop().await;
}

/// The same for what fan-out may have published before, and for a message whose publisher had no
/// confirm and published it again.
#[rstest]
#[case::fan_out_had_it_before(Custody::Repeated, Headers::new())]
#[case::it_was_published_again(Custody::Sole, Headers::new().with_number(header::AGAIN, 1))]
#[tokio::test]
async fn what_may_have_come_before_asks_the_record(
    #[case] custody: Custody,
    #[case] headers: Headers,
) {
    let world = World::start().await;
    let receiver = Receiver::start([Respond::ok()]).await;
    let endpoint = world.endpoint(&receiver.url(), &[1]).await;
    let dispatch = || Dispatch {
        custody,
        ..world.dispatch(endpoint)
    };
    let (recorded, lost) = (dispatch(), dispatch());
    world.record_attempt(&recorded).await;
    let items = [&recorded, &lost].map(encode).to_vec();
    let route = Route::dispatch_now(shard());
    world.publish_with(route, items, headers).await;

    let requests = receiver.wait_for(1, SOON).await;
    let id = lost.content.event.to_string();
    assert_eq!(requests[0].headers["webhook-id"], id.as_str());
    world.reports(&lost, 1).await;
    world.drained(&queue::dispatch_fresh(shard())).await;
    assert_eq!(receiver.requests().len(), 1);
    world.stop().await;
}

/// What one dispatcher was making when it lost the broker comes to the other one as well, which
/// waits for what the first has to say.
#[tokio::test]
async fn what_another_dispatcher_made_is_not_made_again() {
    const MESSAGES: usize = 12;
    let world = World::start().await;
    world.join(config(&[])).await;
    let receiver = Receiver::start([Respond::ok().after(Duration::from_millis(500))]).await;
    let endpoint = world.endpoint(&receiver.url(), &[1]).await;
    let dispatches: Vec<_> = (0..MESSAGES).map(|_| world.dispatch(endpoint)).collect();
    for dispatch in &dispatches {
        world.publish(std::slice::from_ref(dispatch)).await;
    }
    receiver.wait_for(MESSAGES, SOON).await;
    world.break_connections().await;
    for dispatch in &dispatches {
        world.record_attempt(dispatch).await;
    }
    for dispatch in &dispatches {
        world.reports(dispatch, 1).await;
    }
    world.ready().await;
    world.drained(&queue::dispatch_fresh(shard())).await;
    assert_eq!(receiver.requests().len(), MESSAGES);
    world.stop().await;
}

/// The record may be behind with what it was told: it is asked again.
#[tokio::test]
async fn a_record_that_is_behind_is_waited_for() {
    let world = World::start().await;
    let receiver = Receiver::start([Respond::ok()]).await;
    let endpoint = world.endpoint(&receiver.url(), &[1]).await;
    let dispatch = Dispatch {
        custody: Custody::Repeated,
        ..world.dispatch(endpoint)
    };
    world.tell(OffsetDateTime::now_utc()).await;
    world.publish(std::slice::from_ref(&dispatch)).await;
    let asked = "select count(*)::text from pg_stat_activity \
                 where query like '-- attempts_settled%' and state = 'idle'";
    eventually(SOON, "the record to have been asked", async || {
        world.stack.ask(asked).await.is_ok_and(|asked| asked != "0")
    })
    .await;
    world.record_attempt(&dispatch).await;
    world.tell(OffsetDateTime::now_utc()).await;
    world.drained(&queue::dispatch_fresh(shard())).await;
    assert_eq!(receiver.requests().len(), 0);
    world.stop().await;
}

/// A record that says nothing keeps nothing back.
#[tokio::test]
async fn what_may_have_come_before_is_made_while_the_record_is_away() {
    let world = World::start().await;
    let receiver = Receiver::start([Respond::ok()]).await;
    let endpoint = world.endpoint(&receiver.url(), &[1]).await;
    world.stall_postgres();
    let dispatch = Dispatch {
        custody: Custody::Repeated,
        ..world.dispatch(endpoint)
    };
    world.publish(std::slice::from_ref(&dispatch)).await;
    receiver.wait_for(1, SOON).await;
    world.reports(&dispatch, 1).await;
    world.stop().await;
}

fn handed_over(mut dispatch: Dispatch) -> Dispatch {
    dispatch.custody = Custody::HandedOver;
    dispatch.due.attempt = AttemptNumber::FIRST;
    dispatch
}

/// What was taken is finished, and nothing of it is left for another dispatcher to repeat.
#[tokio::test]
async fn a_stop_finishes_what_is_in_flight() {
    let world = World::start().await;
    let receiver = Receiver::start([Respond::ok().after(Duration::from_millis(700))]).await;
    let endpoint = world.endpoint(&receiver.url(), &[1]).await;
    let batch: Vec<_> = (0..8).map(|_| world.dispatch(endpoint)).collect();
    world.publish(&batch).await;
    receiver.wait_for(8, SOON).await;
    world.stop_dispatcher().await;
    for dispatch in &batch {
        let report = world.reports(dispatch, 1).await.remove(0);
        assert!(matches!(report.standing, Standing::Delivered { .. }));
    }
    world.drained(&queue::dispatch_fresh(shard())).await;
}
