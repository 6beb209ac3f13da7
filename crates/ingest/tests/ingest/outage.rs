//! The broker goes away and comes back; ingest is told to stop.

use std::collections::HashSet;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use service::Drained;
use testkit::eventually;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::{PATIENCE, Rig, event};

/// What is said to be accepted is in the queue, whatever happens meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_accepted_while_the_broker_is_away() {
    let rig = Rig::start().await;
    let before = rig.accepted_id(&[], event("1")).await;
    rig.amqp.refuse().await;
    rig.amqp.cut().await;
    eventually(PATIENCE, "ingest says so", async || !rig.is_ready()).await;
    let refused = rig.publish(event("2")).await;
    assert_eq!(refused.status, 503, "{}", refused.json());
    assert_eq!(refused.headers["retry-after"], "1");

    rig.amqp.accept().await;
    let after = eventually(PATIENCE, "an event is accepted again", async || {
        let answer = rig.publish(event("3")).await;
        (answer.status == 202).then(|| answer.json()["id"].as_str().unwrap().to_owned())
    })
    .await;
    let stored: HashSet<String> = [rig.event().await, rig.event().await]
        .map(|event| event.id.to_string())
        .into();
    assert_eq!(stored, HashSet::from([before, after]));
    eventually(PATIENCE, "ingest is ready again", async || rig.is_ready()).await;
    rig.stop().await;
}

/// A message whose confirm was lost may come twice, and never not at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_under_load_loses_nothing() {
    let rig = Rig::start().await;
    rig.amqp.delay(Duration::from_millis(20));
    let posts = (0..200).map(|n| {
        let (rig, body) = (&rig, event(&n.to_string()));
        async move { rig.publish(body).await }
    });
    let mut posts: FuturesUnordered<_> = posts.collect();
    // The first has its confirm: what came behind it is waiting or on its way.
    let mut answers = vec![posts.next().await.unwrap()];
    let (rest, cut) = tokio::join!(posts.collect::<Vec<_>>(), rig.amqp.cut());
    answers.extend(rest);
    assert!(cut > 0, "nothing was cut");
    let mut missing = HashSet::new();
    for answer in answers {
        match answer.status.as_u16() {
            202 => assert!(missing.insert(answer.json()["id"].as_str().unwrap().to_owned())),
            503 => assert_eq!(answer.headers["retry-after"], "1"),
            other => panic!("{other}: {}", answer.json()),
        }
    }
    while !missing.is_empty() {
        for stored in rig.message().await {
            missing.remove(&stored.id.to_string());
        }
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_is_answered_before_the_end() {
    let rig = Rig::start().await;
    let body = event("1");
    let head = rig.head(&format!(
        "expect: 100-continue\r\ncontent-length: {}",
        body.len()
    ));
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server reads the body from here on: the request is in its hands.
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");

    let life = rig.life.clone();
    let drain = tokio::spawn(async move { life.drain(PATIENCE).await });
    rig.life.stop().cancelled().await;
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    assert_eq!(drain.await.unwrap(), Drained::Clean);
    assert!(answer.contains(&rig.event().await.id.to_string()));
}
