//! The operators' overview, and the calls behind it.

use std::time::Duration;

use domain::attempt::AttemptNumber;
use domain::breaker::{BreakerNotice, BreakerStanding, BreakerState};
use domain::id::DispatcherId;
use domain::outcome::{Failure, Observed};
use domain::report::Standing;
use serde_json::json;
use store::depths::Depth;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::browser::{Browser, page, sign_in};
use crate::past::{self, DELIVERED};
use crate::world::{World, problem, text};

/// Makes Acme's endpoint fail once, after this long.
async fn failing(world: &World, after: Duration) -> String {
    let endpoint = world.endpoint(&world.acme).await;
    let mut report = past::delivery(world, &world.acme, &endpoint, DELIVERED).await;
    let attempt = report.attempt.as_mut().unwrap();
    attempt.number = AttemptNumber::FIRST.next();
    attempt.started_at += after;
    attempt.observed = Observed::Failed(Failure::ConnectionRefused);
    report.standing = Standing::Waiting {
        attempt: AttemptNumber::FIRST.next(),
        next_attempt_at: report.at,
    };
    world.store.record_reports(&[report]).await.unwrap();
    text(&endpoint, "id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_anywhere_is_listed_the_longest_first() {
    let world = World::start().await;
    let late = failing(&world, Duration::from_secs(9)).await;
    let early = failing(&world, Duration::from_secs(2)).await;
    let path = "/v1/failing-endpoints?limit=1";
    let first = world.get(&world.platform, path).await.json();
    let row = &first["data"][0];
    assert_eq!(text(row, "endpoint"), early);
    assert_eq!(text(row, "tenant_name"), "acme");
    assert_eq!(text(row, "last_failure"), "connection refused");
    assert_eq!(row["breaker"]["state"], "closed");
    let path = format!("{path}&cursor={}", text(&first, "next_cursor"));
    let second = world.get(&world.platform, &path).await.json();
    assert_eq!(text(&second["data"][0], "endpoint"), late);
    assert_eq!(second["next_cursor"], json!(null));

    let retry_at = OffsetDateTime::now_utc() + Duration::from_secs(30);
    let notice = BreakerNotice {
        endpoint: late.parse().unwrap(),
        dispatcher: DispatcherId::from_uuid(Uuid::new_v4()),
        standing: BreakerStanding {
            state: BreakerState::Open { retry_at },
            since: OffsetDateTime::now_utc(),
        },
    };
    world.store.record_breakers(&[notice]).await.unwrap();
    let alone = world.get(&world.platform, "/v1/open-breakers").await.json();
    assert_eq!(text(&alone["data"][0], "endpoint"), late);
    assert_eq!(alone["data"][0]["breaker"]["state"], "open");
    assert_eq!(alone["data"].as_array().unwrap().len(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_begins_with_the_overview() {
    let world = World::start().await;
    let begun = sign_in(&world, &world.platform).await;
    assert_eq!(begun.headers["location"], "/overview");
    let operator = Browser::by_key(&world, &world.platform).await;
    world.store.take_ledger(None, Some(2)).await.unwrap();
    let quiet = operator.get("/overview").await;
    let told = page(&quiet);
    for words in [
        "Everything is accounted for",
        "Each endpoint took the last event",
        "Nothing waits",
        "2 messages of accepted events wait to be recorded",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let endpoint = failing(&world, Duration::from_secs(2)).await;
    past::unreported(&world, &world.acme, &json!({"id": endpoint})).await;
    world.store.take_ledger(None, None).await.unwrap();
    let troubled = operator.get("/overview").await;
    let told = page(&troubled);
    for words in [
        "Not every queue has told yet",
        "Failing since",
        ": refused",
        &format!("href=\"/tenants/{}/webhooks/{endpoint}\"", world.acme.id),
        "1 on their way",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    // From a tenant's page an operator finds back; the tenant has nowhere to go back to.
    let shown = format!("/tenants/{}/webhooks/{endpoint}", world.acme.id);
    let back = "href=\"/overview\"";
    assert!(page(&operator.get(&shown).await).contains(back));
    let customer = Browser::of(&world, &world.acme).await;
    assert!(!page(&customer.get(&shown).await).contains(back));

    let backlogs = world.get(&world.platform, "/v1/backlogs").await.json();
    assert_eq!(
        text(&backlogs["data"][0], "tenant"),
        world.acme.id.to_string()
    );
    assert_eq!(backlogs["data"][0]["unsettled"], 1);

    let bad = operator.get("/overview?cursor=forged").await;
    assert_eq!(bad.status, 400);
    let tenant = Browser::by_key(&world, &world.acme.key).await;
    assert_eq!(tenant.get("/overview").await.status, 404);
    problem(&world.get(&world.acme.key, "/v1/backlogs").await, 404);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_at_the_broker_is_told_as_it_was_asked_last() {
    let world = World::start().await;
    let unasked = world.get(&world.platform, "/v1/queues").await.json();
    assert_eq!(
        unasked,
        json!({"asked_at": null, "queues": [], "tiers": []})
    );
    let depth = |name: &str, delay: Option<u64>, messages, consumers| Depth {
        name: name.to_owned(),
        delay: delay.map(Duration::from_secs),
        messages,
        consumers,
    };
    let before = [
        depth("fresh", None, 9_000, 0),
        depth("1h", Some(3_600), 7, 0),
    ];
    world.store.note_depths(&before).await.unwrap();
    let now = [
        depth("fresh", None, 1_200, 0),
        depth("5s", Some(5), 3, 0),
        depth("1h", Some(3_600), 4, 0),
    ];
    world.store.note_depths(&now).await.unwrap();
    let asked = world.get(&world.platform, "/v1/queues").await.json();
    let fresh = json!({"queue": "fresh", "messages": 1_200, "consumers": 0});
    assert_eq!(asked["queues"], json!([fresh]));
    let tiers = json!([
        {"tier": "5s", "delay_s": 5, "messages": 3},
        {"tier": "1h", "delay_s": 3_600, "messages": 4},
    ]);
    assert_eq!(asked["tiers"], tiers);
    assert!(asked["asked_at"].is_string());
    problem(&world.get(&world.acme.key, "/v1/queues").await, 404);
    let browser = Browser::by_key(&world, &world.platform).await;
    let shown = browser.get("/overview").await;
    for words in [
        "First attempts",
        "1,200 <small>nobody takes from it",
        "7 in all tiers",
    ] {
        assert!(page(&shown).contains(words), "{words}: {}", page(&shown));
    }
    world.stop().await;
}
