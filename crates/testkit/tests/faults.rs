//! Servers of a test's own, killed and started again: what was confirmed and committed is there.

use std::time::Duration;

use sandbox::Servers;
use serde_json::json;
use testkit::{Stack, eventually, server_options};

const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_kill_loses_nothing_that_was_confirmed_or_committed() {
    let servers = Servers::start(server_options()).await.unwrap();
    let stack = Stack::on(servers.access()).await;
    let admin = stack.broker_admin();
    admin
        .declare_queue("work", json!({"x-queue-type": "quorum"}))
        .await;
    admin.publish("", "work", b"kept", json!({})).await;
    stack
        .execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
        .await;

    stack.queues_on_disk().await;
    servers.broker().kill().await.unwrap();
    servers.postgres().kill().await.unwrap();
    assert!(servers.broker().process().is_none() && servers.postgres().process().is_none());
    servers.postgres().start().await.unwrap();
    servers.broker().start().await.unwrap();

    eventually(SOON, "the queue is counted again", async || {
        match admin.queue("work").await {
            Some(depth) if depth.ready == 1 => Ok(()),
            other => Err(other),
        }
    })
    .await;
    assert_eq!(admin.take("work", 2).await[0].body, "kept");
    stack
        .execute("DO $$ BEGIN ASSERT (SELECT n FROM kept) = 7; END $$")
        .await;
    drop(stack);
    servers.stop().await.unwrap();
}
