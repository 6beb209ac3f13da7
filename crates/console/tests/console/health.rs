//! An endpoint's health, as its owner sees it.

use domain::attempt::AttemptNumber;
use domain::id::DeliveryId;
use domain::outcome::{Failure, Observed};
use domain::report::{Report, Standing};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::past::{self, DELIVERED, HELD};
use crate::world::{World, text};

/// The same for a delivery whose first attempt began a second later and failed.
fn failed(report: &Report) -> Report {
    let mut failed = report.clone();
    failed.delivery.id = DeliveryId::from_uuid(Uuid::now_v7());
    failed.standing = Standing::Waiting {
        attempt: AttemptNumber::FIRST.next(),
        next_attempt_at: report.at,
    };
    let attempt = failed.attempt.as_mut().unwrap();
    attempt.started_at += time::Duration::SECOND;
    attempt.observed = Observed::Failed(Failure::ConnectionRefused);
    failed
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_shown_in_words_and_values() {
    let world = World::start().await;
    let endpoint = world.endpoint(&world.acme).await;
    assert_eq!(endpoint["health"]["status"], "untried");
    assert_eq!(endpoint["health"]["failing_since"], Value::Null);
    let path = world
        .acme
        .path(&format!("endpoints/{}", text(&endpoint, "id")));
    let health = async || {
        let got = world.get(&world.acme.key, &path).await.json();
        let list = world.acme.path("endpoints");
        let listed = world.get(&world.acme.key, &list).await.json();
        assert_eq!(listed["data"][0], got, "a list shows the same");
        got["health"].clone()
    };
    assert_eq!(health().await["status"], "untried");

    let arrived = past::delivery(&world, &world.acme, &endpoint, DELIVERED).await;
    let healthy = health().await;
    assert_eq!(healthy["summary"], "healthy");
    assert!(healthy["last_success_at"].is_string(), "{healthy}");

    let failed = failed(&arrived);
    world.store.record_reports(&[failed]).await.unwrap();
    let failing = health().await;
    assert_eq!(failing["status"], "failing");
    let since = text(&failing, "failing_since");
    let summary = format!("failing since {since}: connection refused");
    assert_eq!(failing["summary"], summary);
    assert_eq!(failing["failures"], 1);
    assert_eq!(failing["last_failure"], "connection refused");
    assert_eq!(failing["last_failure_at"], failing["failing_since"]);

    let switch = async |deed: &str| {
        let path = format!("{path}/{deed}");
        let answer = world.post(&world.acme.key, &path, json!(null)).await;
        answer.json()["health"].clone()
    };
    assert_eq!(switch("pause").await["summary"], "paused");
    for _ in 0..2 {
        past::delivery(&world, &world.acme, &endpoint, HELD).await;
    }
    let paused = health().await;
    assert_eq!(
        (&paused["held"], &paused["summary"]),
        (&json!(2), &json!("paused, 2 held"))
    );
    let resumed = switch("resume").await;
    assert_eq!(resumed["failures"], 0, "counted anew: {resumed}");
    world.stop().await;
}

/// The recorder disables; its owner sees why, and enables it again.
#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_endpoint_says_why_and_is_enabled_by_resuming() {
    let world = World::start().await;
    let endpoint = world.endpoint(&world.acme).await;
    let arrived = past::delivery(&world, &world.acme, &endpoint, DELIVERED).await;
    let mut gone = failed(&arrived);
    let attempt = gone.attempt.as_mut().unwrap();
    attempt.started_at += time::Duration::MINUTE;
    attempt.observed = Observed::Answered {
        status: 410,
        retry_after: None,
    };
    world.store.record_reports(&[gone]).await.unwrap();
    let id = text(&endpoint, "id");
    let path = world.acme.path(&format!("endpoints/{id}"));
    let disabled = world.get(&world.acme.key, &path).await.json();
    assert_eq!(disabled["state_reason"], "gone");
    assert_eq!(disabled["health"]["summary"], "disabled: gone");
    assert_eq!(disabled["health"]["last_failure"], "answered 410");
    let resume = format!("{path}/resume");
    let answer = world.post(&world.acme.key, &resume, json!(null)).await;
    let enabled = answer.json();
    assert_eq!(
        (&enabled["state"], &enabled["state_reason"]),
        (&json!("enabled"), &Value::Null)
    );
    assert_eq!(enabled["health"]["status"], "healthy");
    world.stop().await;
}
