//! What becomes of what nobody could work on.

use std::collections::BTreeSet;

use broker::message::header;
use broker::topology::{Lane, Route, queue};
use broker::{Headers, Outgoing};
use bytes::Bytes;
use domain::delivery::DeadReason;
use domain::dispatch::Dispatch;
use domain::limits;
use domain::report::Standing;
use serde_json::json;
use store::dead_letters::DeadLetterKind;
use testkit::eventually;
use wire::MessageType;

use crate::rig::{PATIENCE, Rig, shard};

fn deliveries(items: impl IntoIterator<Item = Bytes>) -> Vec<Dispatch> {
    let items = items.into_iter();
    items
        .flat_map(|item| wire::dispatch::decode(item).unwrap())
        .collect()
}

/// A batch that came back too often is taken apart: every delivery in it is tried alone, and the
/// one item that nobody can read is a message of its own too.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_given_up_by_the_broker_is_tried_item_by_item() {
    let rig = Rig::start().await;
    let poison = Bytes::from_static(b"\xff\xff no dispatch");
    let healthy = [rig.dispatch(3), rig.dispatch(1)];
    let items = vec![healthy[0].clone(), poison.clone(), healthy[1].clone()];
    rig.publish(Route::dispatch_now(shard()), MessageType::Dispatch, items)
        .await;
    rig.give_back(&queue::dispatch_fresh(shard()), limits::DELIVERY_LIMIT + 1)
        .await;

    let alone = rig.bodies(queue::quarantine(Lane::Dispatch), 5).await;
    let mut alone: Vec<Bytes> = alone
        .into_iter()
        .map(|body| {
            let [item] = wire::batch::split(body).unwrap().try_into().unwrap();
            item
        })
        .collect();
    let position = alone.iter().position(|item| *item == poison).unwrap();
    alone.remove(position);
    let tried: Vec<_> = alone.into_iter().map(|item| deliveries([item])).collect();
    assert!(tried.iter().all(|one| one.len() == 1));
    let ids = |dispatches: &[Dispatch]| -> BTreeSet<_> {
        dispatches.iter().map(|one| one.due.delivery.id).collect()
    };
    assert_eq!(ids(&tried.concat()), ids(&deliveries(healthy)));
    rig.letters(0).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_in_quarantine_too_is_kept() {
    let rig = Rig::start().await;
    let item = rig.dispatch(1);
    let lane = Lane::Dispatch;
    rig.publish(
        Route::quarantine(lane),
        MessageType::Dispatch,
        vec![item.clone()],
    )
    .await;
    rig.give_back(&queue::quarantine(lane), 11).await;
    let [letter] = rig.letters(1).await.try_into().unwrap();
    assert_eq!(letter.kind, DeadLetterKind::Poison);
    assert_eq!(letter.reason, "delivery_limit");
    assert_eq!(letter.origin, queue::quarantine(lane));
    assert_eq!(letter.body, wire::batch::join(vec![item.clone()]));
    let due = deliveries([item])[0].due;
    assert_eq!(letter.delivery, Some(due.delivery.id));
    // The record knows that nothing more is done for it.
    let record = eventually(PATIENCE, "the delivery's end is recorded", async || {
        rig.store.delivery(rig.tenant, due.delivery.id).await
    })
    .await;
    let end = Standing::Dead {
        attempt: due.attempt,
        reason: DeadReason::Poison,
    };
    assert_eq!((record.delivery, record.standing), (due.delivery, end));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exhausted_delivery_is_kept_as_one() {
    let rig = Rig::start().await;
    let item = rig.dispatch(1);
    let headers = Headers::new()
        .with(header::REASON, "exhausted")
        .with(header::DETAIL, "ten attempts \0 failed")
        .with(header::ORIGIN, queue::dispatch_retry(shard()));
    let kind = MessageType::Dispatch.as_str();
    let body = wire::batch::join(vec![item.clone()]);
    let message = Outgoing::new(Route::dead(), body, kind, wire::CONTENT_TYPE);
    rig.publisher
        .publish(message.with_headers(headers))
        .await
        .unwrap();
    let [letter] = rig.letters(1).await.try_into().unwrap();
    let dispatch = &deliveries([item])[0];
    assert_eq!(letter.kind, DeadLetterKind::Delivery);
    assert_eq!(letter.reason, "exhausted");
    assert_eq!(letter.detail, "ten attempts \u{fffd} failed");
    assert_eq!(letter.tenant, Some(rig.tenant));
    assert_eq!(letter.event, Some(dispatch.content.event));
    assert_eq!(letter.delivery, Some(dispatch.due.delivery.id));
    assert_eq!(letter.endpoint, Some(dispatch.due.delivery.endpoint));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_kept_byte_for_byte() {
    let rig = Rig::start().await;
    let garbage: Vec<u8> = (0..=u8::MAX).collect();
    let admin = rig.stack.broker_admin();
    admin
        .publish("posthaste.dead", "", &garbage, json!({}))
        .await;
    let [letter] = rig.letters(1).await.try_into().unwrap();
    assert_eq!(letter.kind, DeadLetterKind::Poison);
    assert_eq!(letter.body, garbage);
    assert_eq!(letter.message_kind, None);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_publishers_got_wrong_is_kept_for_them() {
    let rig = Rig::start().await;
    let headers = Headers::new()
        .with(header::REASON, "invalid")
        .with(header::DETAIL, "/event: not an event type");
    let message = Outgoing::new(Route::rejected(), "{}", "", "application/json");
    rig.publisher
        .publish(message.with_headers(headers))
        .await
        .unwrap();
    // A wrong routing key comes by the inbox's alternate exchange.
    let admin = rig.stack.broker_admin();
    admin
        .publish("posthaste.inbox", "evnet", b"{}", json!({}))
        .await;
    let letters = rig.letters(2).await;
    assert!(
        letters
            .iter()
            .all(|one| one.kind == DeadLetterKind::Rejected)
    );
    let mut reasons: Vec<_> = letters.iter().map(|one| one.reason.as_str()).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["invalid", "unroutable"]);
    rig.stop().await;
}
