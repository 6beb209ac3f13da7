//! Endpoints' health, as their attempts come in and as it is judged.

use std::time::Duration as Span;

use domain::delivery::DeadReason;
use domain::endpoint::EndpointState;
use domain::health::{DisableRule, FailingRule, Health, Reason};
use domain::id::{EndpointId, TenantId};
use domain::report::{Report, Standing};
use serde_json::json;
use store::endpoints::{EndpointRecord, FAILING, Precondition, Switch};
use time::{Duration, OffsetDateTime};

use crate::operational::{data, gone, told};
use crate::support::{Db, answered, minted, now, number, report};

/// A report of a delivery's only attempt, which began then and was answered so.
fn attempted(endpoint: &EndpointRecord, at: OffsetDateTime, status: u16) -> Report {
    let attempt = number(1);
    let standing = match status {
        200..=299 => Standing::Delivered { attempt },
        _ => Standing::Waiting {
            attempt: number(2),
            next_attempt_at: at,
        },
    };
    let mut report = report(&minted(endpoint.tenant), endpoint.id, standing);
    let mut attempt = answered(1, status);
    attempt.started_at = at;
    report.attempt = Some(attempt);
    report
}

async fn health(db: &Db, tenant: TenantId, endpoint: EndpointId) -> Health {
    let found = db.store.endpoints_health(tenant, [endpoint]).await.unwrap();
    found[&endpoint].health
}

struct Watched {
    db: Db,
    endpoint: EndpointRecord,
    /// When what is told of begins.
    begun: OffsetDateTime,
}

impl Watched {
    async fn new() -> Self {
        let db = Db::new().await;
        let tenant = db.tenant().await;
        let endpoint = db.endpoint(tenant, "*").await;
        let begun = now() + Duration::MINUTE;
        Self {
            db,
            endpoint,
            begun,
        }
    }

    /// Records an attempt that began so long after the beginning.
    async fn attempt(&self, after: Duration, status: u16) {
        let report = attempted(&self.endpoint, self.begun + after, status);
        self.db.store.record_reports(&[report]).await.unwrap();
    }

    async fn health(&self) -> Health {
        health(&self.db, self.endpoint.tenant, self.endpoint.id).await
    }

    async fn switch(&self, switch: Switch<'_>) -> EndpointRecord {
        let (tenant, id) = (self.endpoint.tenant, self.endpoint.id);
        let switched = self
            .db
            .store
            .switch_endpoint(tenant, id, Precondition::Any, switch);
        switched.await.unwrap()
    }

    /// The types of what was told since this was last asked.
    async fn told(&self) -> Vec<String> {
        let events = told(&self.db.store).await;
        let types = events.iter().map(|one| one.event_type.to_string());
        types.collect()
    }
}

#[tokio::test]
async fn attempts_are_counted_once_and_by_when_they_began() {
    let watched = Watched::new().await;
    assert_eq!(watched.health().await, Health::default());
    let at = |seconds| watched.begun + Duration::seconds(seconds);
    let reports = [(0, 200), (10, 500), (20, 503)]
        .map(|(seconds, status)| attempted(&watched.endpoint, at(seconds), status));
    for _ in 0..2 {
        watched.db.store.record_reports(&reports).await.unwrap();
    }
    let health = watched.health().await;
    assert_eq!(health.failing_since, Some(at(10)));
    assert_eq!(health.failures, 2, "reports that come again count nothing");
    assert_eq!(health.last_success_at, Some(at(0)));
    assert_eq!(health.last_failure.unwrap().reason, Reason::Answered(503));
    watched.attempt(Duration::seconds(15), 200).await;
    let health = watched.health().await;
    assert_eq!((health.failing_since, health.failures), (Some(at(20)), 1));
    watched.attempt(Duration::seconds(30), 200).await;
    let health = watched.health().await;
    assert_eq!((health.failing_since, health.failures), (None, 0));
    watched.attempt(Duration::seconds(25), 500).await;
    assert_eq!(watched.health().await.failing_since, None, "it came late");
}

/// The last success is written once a minute, and yet no failure before it counts.
#[tokio::test]
async fn a_success_that_was_not_written_is_found_among_the_attempts() {
    let watched = Watched::new().await;
    let at = |seconds| watched.begun + Duration::seconds(seconds);
    watched.attempt(Duration::ZERO, 200).await;
    watched.attempt(Duration::seconds(30), 200).await;
    assert_eq!(watched.health().await.last_success_at, Some(at(0)));
    watched.attempt(Duration::seconds(20), 500).await;
    let health = watched.health().await;
    assert_eq!(health.failing_since, None);
    assert_eq!(health.last_success_at, Some(at(30)));
    watched.attempt(Duration::seconds(40), 500).await;
    assert_eq!(watched.health().await.failing_since, Some(at(40)));
}

#[tokio::test]
async fn an_attempt_is_no_change_of_the_directory() {
    let watched = Watched::new().await;
    let epoch = async || watched.db.value("select epoch from directory_epoch").await;
    let before = epoch().await;
    for (seconds, status) in [(0, 200), (100, 500), (200, 200)] {
        watched.attempt(Duration::seconds(seconds), status).await;
    }
    let (rule, far) = (DisableRule::default(), watched.begun + Duration::days(9));
    let store = &watched.db.store;
    assert_eq!(store.disable_failing(rule, far, 10).await.unwrap(), 0);
    assert_eq!(epoch().await, before);
}

#[tokio::test]
async fn failing_and_recovered_are_told_once_each() {
    let watched = Watched::new().await;
    let store = &watched.db.store;
    let rule = FailingRule {
        attempts: 3,
        lasting: Span::from_secs(60),
    };
    watched.attempt(Duration::ZERO, 200).await;
    for seconds in [1, 2, 3] {
        watched.attempt(Duration::seconds(seconds), 500).await;
    }
    assert_eq!(store.tell_failing(rule, 10).await.unwrap(), 0, "too short");
    watched.attempt(Duration::seconds(70), 502).await;
    assert_eq!(store.tell_failing(rule, 10).await.unwrap(), 1);
    assert_eq!(store.tell_failing(rule, 10).await.unwrap(), 0, "told");
    assert_eq!(store.tell_recovered(10).await.unwrap(), 0);
    let [event] = told(store).await.try_into().unwrap();
    assert_eq!(event.event_type.as_str(), "endpoint.failing");
    let data = data(&event);
    assert_eq!(data["reason"], "answered 502");
    assert_eq!(data["failures"], 4);
    assert_eq!(data["endpoint"]["id"], json!(watched.endpoint.id));

    // Paused and enabled again, it is failing no longer and has not recovered yet.
    watched.switch(Switch::Pause).await;
    watched.switch(Switch::Enable).await;
    assert_eq!(watched.health().await.failing_since, None);
    assert_eq!(store.tell_recovered(10).await.unwrap(), 0);
    watched.attempt(Duration::seconds(75), 500).await;
    assert_eq!(store.tell_failing(rule, 10).await.unwrap(), 0);
    watched.attempt(Duration::seconds(80), 200).await;
    assert_eq!(store.tell_recovered(10).await.unwrap(), 1);
    assert_eq!(store.tell_recovered(10).await.unwrap(), 0);
    assert_eq!(watched.told().await, ["endpoint.recovered"]);

    for seconds in [90, 100, 160] {
        watched.attempt(Duration::seconds(seconds), 500).await;
    }
    assert_eq!(store.tell_failing(rule, 10).await.unwrap(), 1, "once more");
    assert_eq!(watched.told().await, ["endpoint.failing"]);
}

#[tokio::test]
async fn nothing_but_failures_for_five_days_disables() {
    let watched = Watched::new().await;
    let store = &watched.db.store;
    let rule = DisableRule {
        attempts: 3,
        ..DisableRule::default()
    };
    watched.attempt(Duration::ZERO, 200).await;
    let disabled = async |days: i64, hours: i64| {
        let now = watched.begun + Duration::days(days) + Duration::hours(hours);
        store.disable_failing(rule, now, 10).await.unwrap()
    };
    for hours in [1, 50] {
        watched.attempt(Duration::hours(hours), 500).await;
    }
    assert_eq!(disabled(5, 2).await, 0, "two attempts are too few");
    watched.attempt(Duration::hours(60), 500).await;
    assert_eq!(disabled(5, 2).await, 0, "nothing was sent in the last day");
    watched.attempt(Duration::hours(119), 500).await;
    assert_eq!(disabled(5, 0).await, 0, "five days are not over");
    assert_eq!(disabled(5, 2).await, 1);
    assert_eq!(disabled(5, 2).await, 0, "it is disabled");
    let (tenant, id) = (watched.endpoint.tenant, watched.endpoint.id);
    let endpoint = store.endpoint(tenant, id).await.unwrap();
    assert_eq!(endpoint.state, EndpointState::Disabled);
    assert_eq!(endpoint.state_reason.as_deref(), Some(FAILING));
    let [event] = told(store).await.try_into().unwrap();
    let data = data(&event);
    assert_eq!(event.event_type.as_str(), "endpoint.disabled");
    assert_eq!(data["cause"], "failing");
    let reason = "nothing but failures, the last one: answered 500";
    assert_eq!(
        (&data["reason"], &data["failures"]),
        (&json!(reason), &json!(4))
    );

    // Enabled again it begins anew: one failure more doesn't disable it.
    watched.switch(Switch::Enable).await;
    watched.attempt(Duration::hours(121), 500).await;
    assert_eq!(disabled(5, 3).await, 0);
    assert_eq!(watched.health().await.failures, 1);
}

#[tokio::test]
async fn what_its_owner_paused_is_not_disabled() {
    let watched = Watched::new().await;
    let rule = DisableRule {
        attempts: 1,
        ..DisableRule::default()
    };
    for hours in [0, 120] {
        watched.attempt(Duration::hours(hours), 500).await;
    }
    watched.switch(Switch::Pause).await;
    let now = watched.begun + Duration::hours(121);
    let disabled = watched.db.store.disable_failing(rule, now, 10).await;
    assert_eq!(disabled.unwrap(), 0);
}

#[tokio::test]
async fn the_platforms_own_endpoints_are_judged_and_not_told_of() {
    let db = Db::new().await;
    let endpoint = db.endpoint(TenantId::PLATFORM, "*").await;
    let begun = now();
    for hours in [0, 60, 120] {
        let report = attempted(&endpoint, begun + Duration::hours(hours), 500);
        db.store.record_reports(&[report]).await.unwrap();
    }
    let failing = FailingRule {
        attempts: 1,
        lasting: Span::ZERO,
    };
    assert_eq!(db.store.tell_failing(failing, 10).await.unwrap(), 1);
    let rule = DisableRule {
        attempts: 1,
        ..DisableRule::default()
    };
    let now = begun + Duration::hours(121);
    assert_eq!(db.store.disable_failing(rule, now, 10).await.unwrap(), 1);
    assert!(told(&db.store).await.is_empty());
}

fn exhausted(endpoint: &EndpointRecord) -> Report {
    let mut report = attempted(endpoint, now(), 503);
    report.standing = Standing::Dead {
        attempt: number(1),
        reason: DeadReason::Exhausted,
    };
    report
}

#[tokio::test]
async fn an_exhausted_delivery_is_told_once() {
    let watched = Watched::new().await;
    let store = &watched.db.store;
    let report = exhausted(&watched.endpoint);
    let mut repeated = report.clone();
    repeated.at += Duration::MINUTE;
    for batch in [[report.clone(), report.clone()], [report.clone(), repeated]] {
        store.record_reports(&batch).await.unwrap();
    }
    let [event] = told(store).await.try_into().unwrap();
    assert_eq!(event.event_type.as_str(), "delivery.exhausted");
    let data = data(&event);
    assert_eq!(data["delivery"], json!(report.delivery.id));
    let named = json!({"id": report.event, "type": "shipment.created"});
    assert_eq!(data["event"], named);
    assert_eq!(data["reason"], "answered 503");
    assert_eq!(data["attempts"], 1);
    store.record_reports(&[report]).await.unwrap();
    assert!(told(store).await.is_empty(), "it was published");
}

#[tokio::test]
async fn thousands_of_exhausted_deliveries_are_each_told_once() {
    let watched = Watched::new().await;
    let store = &watched.db.store;
    let reports: Vec<_> = (0..3_000).map(|_| exhausted(&watched.endpoint)).collect();
    for _ in 0..2 {
        store.record_reports(&reports).await.unwrap();
    }
    let mut ids = std::collections::BTreeSet::new();
    loop {
        let batch = told(store).await;
        if batch.is_empty() {
            break;
        }
        assert!(batch.len() <= 1_000);
        ids.extend(batch.into_iter().map(|event| event.id));
    }
    assert_eq!(ids.len(), 3_000);
}

#[tokio::test]
async fn what_arrived_after_all_is_not_told_as_exhausted() {
    let watched = Watched::new().await;
    let store = &watched.db.store;
    let report = exhausted(&watched.endpoint);
    let mut arrived = report.clone();
    arrived.standing = Standing::Delivered { attempt: number(1) };
    arrived.attempt = Some(answered(1, 200));
    store.record_reports(&[arrived]).await.unwrap();
    store.record_reports(&[report]).await.unwrap();
    assert!(told(store).await.is_empty());
}

/// What an example of the catalogue shows is what is told.
#[tokio::test]
async fn the_catalogues_examples_are_true() {
    let watched = Watched::new().await;
    let store = &watched.db.store;
    let at = |hours| watched.begun + Duration::hours(hours);
    store
        .record_reports(&[exhausted(&watched.endpoint)])
        .await
        .unwrap();
    for hours in [1, 120] {
        watched.attempt(Duration::hours(hours), 500).await;
    }
    store
        .tell_failing(
            FailingRule {
                attempts: 1,
                lasting: Span::ZERO,
            },
            1,
        )
        .await
        .unwrap();
    let disable = DisableRule {
        attempts: 1,
        ..DisableRule::default()
    };
    store.disable_failing(disable, at(122), 1).await.unwrap();
    watched.switch(Switch::Enable).await;
    watched.attempt(Duration::hours(123), 200).await;
    store.tell_recovered(1).await.unwrap();
    let other = watched.db.endpoint(watched.endpoint.tenant, "*").await;
    store.record_reports(&[gone(&other)]).await.unwrap();
    let told = told(store).await;
    assert_eq!(told.len(), 5);
    for event in told {
        let entry = store.event_type(&event.event_type).await.unwrap();
        let example: serde_json::Value = serde_json::from_str(&entry.example).unwrap();
        let members = |value: &serde_json::Value| {
            let members = value.as_object().unwrap().keys().cloned();
            members.collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(members(&data(&event)), members(&example), "{}", entry.name);
    }
}

#[tokio::test]
async fn what_is_held_is_counted_with_the_health_of_a_page() {
    let watched = Watched::new().await;
    let (db, tenant) = (&watched.db, watched.endpoint.tenant);
    let other = db.endpoint(tenant, "*").await;
    let held = Standing::Held { attempt: number(1) };
    let reports: Vec<_> = (0..3)
        .map(|_| report(&minted(tenant), watched.endpoint.id, held))
        .collect();
    db.store.record_reports(&reports).await.unwrap();
    let page = [watched.endpoint.id, other.id];
    let found = db.store.endpoints_health(tenant, page).await.unwrap();
    assert_eq!((found[&page[0]].held, found[&page[1]].held), (3, 0));
    let stranger = db.tenant().await;
    let found = db.store.endpoints_health(stranger, page).await.unwrap();
    assert!(found.is_empty());
}
