//! The broker says nothing more: the connection stands, and no byte passes.

use testkit::eventually;

use crate::rig::{PATIENCE, Rig, event_with};

/// Whether it was stored, nobody can tell; with a key of its own it is one event either way.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_confirmed_is_not_accepted() {
    let rig = Rig::start().await;
    let keyed = || event_with(r#""id":"order-1""#);
    rig.amqp.stall();
    let answer = rig.publish(keyed()).await;
    assert_eq!(answer.status, 503, "{}", answer.json());
    assert_eq!(answer.headers["retry-after"], "1");

    rig.amqp.resume();
    let id = eventually(PATIENCE, "an event is accepted again", async || {
        let answer = rig.publish(keyed()).await;
        (answer.status == 202).then(|| answer.json()["id"].as_str().unwrap().to_owned())
    })
    .await;
    for stored in rig.message().await {
        assert_eq!(stored.id.to_string(), id);
    }
    rig.stop().await;
}
