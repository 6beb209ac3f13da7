//! A database and a virtual host of its own for each test, gone when it ends.

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::{Stack, eventually};

/// The broker's own count comes four times a second; its statistics would be five seconds old.
const COUNTED: Duration = Duration::from_secs(3);

#[tokio::test]
async fn stacks_are_isolated_and_removed() {
    let began = Instant::now();
    let one = Stack::new().await;
    println!("the first stack took {:?}", began.elapsed());
    let began = Instant::now();
    let other = Stack::new().await;
    println!("the second stack took {:?}", began.elapsed());
    one.broker_admin()
        .declare_queue("work", json!({"x-queue-type": "quorum"}))
        .await;
    assert_eq!(other.broker_admin().queue("work").await, None);
    one.execute("CREATE TABLE only_here ()").await;
    other.execute("CREATE TABLE only_here ()").await;

    let admin = one.broker_admin().clone();
    assert_eq!(admin.queues().await.len(), 1);
    let began = Instant::now();
    drop(one);
    println!("the removal took {:?}", began.elapsed());
    let left = tokio::spawn(async move { admin.queues().await }).await;
    assert!(left.is_err(), "the virtual host is gone: {left:?}");
}

#[tokio::test]
async fn messages_are_published_counted_and_taken() {
    let stack = Stack::new().await;
    let admin = stack.broker_admin();
    admin
        .declare_queue("work", json!({"x-queue-type": "quorum"}))
        .await;
    for body in [b"one\0".as_slice(), b"two"] {
        admin
            .publish("", "work", body, json!({"headers": {"n": 7}}))
            .await;
    }
    let began = Instant::now();
    eventually(COUNTED, "both messages are counted", async || {
        let depth = admin.queue("work").await.unwrap();
        if depth.ready == 2 { Ok(()) } else { Err(depth) }
    })
    .await;
    println!("the count lagged {:?}", began.elapsed());
    let taken = admin.take("work", 10).await;
    let bodies: Vec<&[u8]> = taken.iter().map(|message| &message.body[..]).collect();
    assert_eq!(bodies, [b"one\0".as_slice(), b"two"]);
    assert_eq!(taken[0].properties["headers"]["n"], 7);
    assert_eq!(
        (taken[0].exchange.as_str(), taken[0].routing_key.as_str()),
        ("", "work")
    );
}
