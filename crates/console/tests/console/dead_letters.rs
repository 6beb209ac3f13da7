//! Dead letters: searched, looked at, replayed and discarded, one by one and many at once.

use axum::http::Method;
use broker::topology::{Lane, queue};
use bytes::Bytes;
use domain::attempt::Trigger;
use domain::id::DeadLetterId;
use serde_json::{Value, json};
use store::dead_letters::{DeadLetterKind, NewDeadLetter};
use uuid::Uuid;

use crate::past::{self, DEAD};
use crate::world::{World, problem, send, text};

pub(crate) fn letter(kind: DeadLetterKind, body: &'static [u8]) -> NewDeadLetter {
    NewDeadLetter {
        id: DeadLetterId::from_uuid(Uuid::now_v7()),
        kind,
        reason: "undecodable".to_owned(),
        detail: "not ours".to_owned(),
        origin: "posthaste.fanout.00".to_owned(),
        tenant: None,
        event: None,
        delivery: None,
        endpoint: None,
        event_type: None,
        event_day: None,
        content_type: Some("text/html".to_owned()),
        message_kind: None,
        message_id: Some("order-7".to_owned()),
        body: Bytes::from_static(body),
        headers: json!({"posthaste-reason": "undecodable", "traceparent": "00-1"}).to_string(),
    }
}

async fn keep(world: &World, letters: &[NewDeadLetter]) {
    world.store.insert_dead_letters(letters).await.unwrap();
}

async fn ids(world: &World, key: &str, path: &str) -> Vec<String> {
    let answer = world.get(key, path).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    let listed = answer.json();
    let rows = listed["data"].as_array().unwrap();
    rows.iter().map(|one| text(one, "id").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_looked_at_and_discarded() {
    let world = World::start().await;
    let [readable, binary] =
        [b"<script>" as &[u8], b"\xff\0"].map(|body| letter(DeadLetterKind::Poison, body));
    keep(&world, &[readable.clone(), binary.clone()]).await;
    let list = async || {
        let listed = world.get(&world.platform, "/v1/dead-letters").await.json();
        listed["data"].as_array().unwrap().clone()
    };
    let listed = list().await;
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|one| one.get("body").is_none()));

    let path = |of: &NewDeadLetter| format!("/v1/dead-letters/{}", of.id);
    let got = world.get(&world.platform, &path(&readable)).await.json();
    assert_eq!(got["body"], json!({"text": "<script>"}));
    assert_eq!(got["content_type"], "text/html");
    assert_eq!(got["message_id"], "order-7");
    assert_eq!(got["reason"], "undecodable");
    let got = world.get(&world.platform, &path(&binary)).await.json();
    assert_eq!(got["body"], json!({"base64": "/wA="}));

    let discard = async || world.delete(&world.platform, &path(&binary)).await;
    assert_eq!(discard().await.status, 204);
    problem(&discard().await, 409);
    let [left] = list().await.try_into().unwrap();
    assert_eq!(text(&left, "id"), readable.id.to_string());
    let got = world.get(&world.platform, &path(&binary)).await.json();
    assert_eq!(got["resolution"], "discarded");
    assert!(got["resolved_at"].is_string());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_by_what_is_known() {
    let world = World::start().await;
    let endpoint = world.endpoint(&world.acme).await;
    let report = past::delivery(&world, &world.acme, &endpoint, DEAD).await;
    let mine = past::letter(&world, &report).await;
    let theirs = world.endpoint(&world.umbrella).await;
    let report = past::delivery(&world, &world.umbrella, &theirs, DEAD).await;
    let theirs = past::letter(&world, &report).await;
    // About one of acme's events, and still not acme's to see.
    let poison = NewDeadLetter {
        tenant: Some(world.acme.id),
        ..letter(DeadLetterKind::Poison, b"x")
    };
    let rejected = letter(DeadLetterKind::Rejected, b"y");
    keep(&world, &[poison.clone(), rejected.clone()]).await;

    let (mine, theirs) = (mine.id.to_string(), theirs.id.to_string());
    let (poison, rejected) = (poison.id.to_string(), rejected.id.to_string());
    let (acme, endpoint) = (world.acme.id, text(&endpoint, "id"));
    for (query, mut expected) in [
        ("kind=delivery".to_owned(), vec![&mine, &theirs]),
        ("kind=poison".to_owned(), vec![&poison]),
        ("reason=undecodable".to_owned(), vec![&poison, &rejected]),
        (format!("tenant={acme}"), vec![&mine, &poison]),
        (format!("endpoint={endpoint}"), vec![&mine]),
        ("event=shipment.created".to_owned(), vec![&mine, &theirs]),
        (
            format!("tenant={acme}&kind=delivery&state=all"),
            vec![&mine],
        ),
        ("since=2999-01-01T00:00:00Z".to_owned(), vec![]),
        (
            "until=2999-01-01T00:00:00%2B01:00".to_owned(),
            vec![&mine, &theirs, &poison, &rejected],
        ),
    ] {
        let path = format!("/v1/dead-letters?{query}");
        let mut found = ids(&world, &world.platform, &path).await;
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
    }
    for query in [
        "kind=x",
        "tenant=acme",
        "endpoint=x",
        "event=a%20b",
        "since=x",
        "state=shut",
    ] {
        let path = format!("/v1/dead-letters?{query}");
        problem(&world.get(&world.platform, &path).await, 400);
    }
    let own = world.acme.path("dead-letters");
    assert_eq!(ids(&world, &world.acme.key, &own).await, [mine.as_str()]);
    let gone = format!("{own}?reason=gone");
    assert!(ids(&world, &world.acme.key, &gone).await.is_empty());
    for foreign in [&theirs, &poison, &rejected] {
        let path = format!("{own}/{foreign}");
        problem(&world.get(&world.acme.key, &path).await, 404);
        problem(&world.delete(&world.acme.key, &path).await, 404);
        let replay = format!("{path}/replay");
        problem(
            &world.post(&world.acme.key, &replay, json!(null)).await,
            404,
        );
    }
    let got = world.get(&world.acme.key, &format!("{own}/{mine}")).await;
    assert_eq!(got.json()["event_type"], "shipment.created");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_delivery_is_replayed_as_a_new_one() {
    let world = World::start().await;
    let endpoint = world.endpoint(&world.acme).await;
    for of_tenant in [true, false] {
        let report = past::delivery(&world, &world.acme, &endpoint, DEAD).await;
        let letter = past::letter(&world, &report).await;
        let answer = if of_tenant {
            let path = world
                .acme
                .path(&format!("dead-letters/{}/replay", letter.id));
            let request = world.request(&world.acme.key, Method::POST, &path);
            send(request, "").await
        } else {
            let path = format!("/v1/dead-letters/{}/replay", letter.id);
            world.post(&world.platform, &path, json!({})).await
        };
        assert_eq!(answer.status, 202, "{answer:?}");
        let sent = world.next_on_retry_lane().await.due.delivery;
        assert_eq!(text(&answer.json(), "delivery"), sent.id.to_string());
        assert_eq!(
            (sent.trigger, sent.replay_of),
            (Trigger::Replay, Some(report.delivery.id))
        );
        let path = format!("/v1/dead-letters/{}", letter.id);
        let kept = world.get(&world.platform, &path).await.json();
        assert_eq!(kept["resolution"], "replayed");
        let again = format!("{path}/replay");
        problem(&world.post(&world.platform, &again, json!({})).await, 409);
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_goes_again_where_it_came_from() {
    let world = World::start().await;
    let poison = letter(DeadLetterKind::Poison, b"\xff\0");
    let rejected = letter(DeadLetterKind::Rejected, b"{}");
    let nowhere = NewDeadLetter {
        origin: String::new(),
        ..letter(DeadLetterKind::Poison, b"?")
    };
    keep(&world, &[poison.clone(), rejected.clone(), nowhere.clone()]).await;
    let replay = async |of: &NewDeadLetter, body: Value| {
        let path = format!("/v1/dead-letters/{}/replay", of.id);
        world.post(&world.platform, &path, body).await
    };
    let answer = replay(&poison, json!({})).await;
    assert_eq!(answer.json()["published_to"], "posthaste.quarantine:events");
    let got = world.next_of(queue::quarantine(Lane::Events)).await;
    assert_eq!(got.body, poison.body, "byte for byte");
    assert_eq!(got.properties.message_id.as_deref(), Some("order-7"));
    assert_eq!(got.properties.headers.text("traceparent"), Some("00-1"));
    assert_eq!(got.properties.headers.text("posthaste-reason"), None);

    problem(&replay(&poison, json!({})).await, 409);
    problem(&replay(&nowhere, json!({})).await, 409);
    problem(&replay(&nowhere, json!({"text": "x"})).await, 422);
    for body in [
        json!({"text": "a", "base64": "YQ=="}),
        json!({"base64": "?"}),
    ] {
        problem(&replay(&rejected, body).await, 422);
    }
    problem(&replay(&rejected, json!({"txet": "a"})).await, 400);
    let corrected = json!({"text": "{\"a\":1}", "content_type": "application/json"});
    let answer = replay(&rejected, corrected).await;
    assert_eq!(answer.json()["published_to"], "posthaste.inbox:event");
    let got = world.next_of(queue::inbox()).await;
    assert_eq!(got.body, &b"{\"a\":1}"[..]);
    assert_eq!(
        got.properties.content_type.as_deref(),
        Some("application/json")
    );
    assert_eq!(got.properties.message_id.as_deref(), Some("order-7"));
    let open = ids(&world, &world.platform, "/v1/dead-letters").await;
    assert_eq!(open, [nowhere.id.to_string()]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_replayed_and_discarded_after_a_dry_run() {
    let world = World::start().await;
    let endpoint = world.endpoint(&world.acme).await;
    for _ in 0..3 {
        let report = past::delivery(&world, &world.acme, &endpoint, DEAD).await;
        past::letter(&world, &report).await;
    }
    let mut letters: Vec<_> = (0..4)
        .map(|_| letter(DeadLetterKind::Poison, b"x"))
        .collect();
    letters[3].origin = String::new();
    keep(&world, &letters).await;
    let post = async |key: &str, path: &str, body: Value| world.post(key, path, body).await;
    let told = |count: u64, left: u64| json!({"count": count, "left": left, "complete": true});

    let (replay, discard) = ("/v1/dead-letters/replay", "/v1/dead-letters/discard");
    let platform = &world.platform;
    problem(
        &post(platform, replay, json!({"kind": "delivery"})).await,
        422,
    );
    problem(&post(platform, replay, json!({})).await, 422);
    problem(&post(platform, discard, json!({"kind": "x"})).await, 422);
    problem(&post(platform, discard, json!({"state": "all"})).await, 400);
    let dry = json!({"kind": "poison", "dry_run": true});
    assert_eq!(post(platform, replay, dry.clone()).await.json(), told(4, 0));
    let answer = post(platform, replay, json!({"kind": "poison"})).await;
    assert_eq!(answer.json(), told(3, 1));
    for _ in 0..3 {
        let got = world.next_of(queue::quarantine(Lane::Events)).await;
        assert_eq!(got.body, &b"x"[..]);
    }
    assert_eq!(
        post(platform, discard, dry.clone()).await.json(),
        told(1, 0)
    );
    assert_eq!(
        post(platform, discard, json!({"kind": "poison"}))
            .await
            .json(),
        told(1, 0)
    );
    assert_eq!(post(platform, discard, dry).await.json(), told(0, 0));

    let own = world.acme.path("dead-letters/discard");
    let theirs = world.umbrella.path("dead-letters/discard");
    assert_eq!(
        post(&world.umbrella.key, &theirs, json!({})).await.json(),
        told(0, 0)
    );
    let other = json!({"reason": "gone"});
    assert_eq!(post(&world.acme.key, &own, other).await.json(), told(0, 0));
    assert_eq!(
        post(&world.acme.key, &own, json!({})).await.json(),
        told(3, 0)
    );
    assert!(ids(&world, platform, "/v1/dead-letters").await.is_empty());
    let audit = world.get(platform, "/v1/audit").await.json();
    assert_eq!(audit["data"][0]["action"], "dead_letters.discarded");
    assert_eq!(audit["data"][0]["detail"]["count"], 3);
    world.stop().await;
}
