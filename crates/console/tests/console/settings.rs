//! What the platform sets for all its endpoints, and what is told of their breakers.

use axum::http::Method;
use domain::breaker::{BreakerNotice, BreakerStanding, BreakerState};
use domain::id::DispatcherId;
use serde_json::{Value, json};
use testkit::Fetched;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::world::{World, problem, send_json, text};

const SETTINGS: &str = "/v1/settings";

async fn put(world: &World, tag: &str, body: Value) -> Fetched {
    let request = world.request(&world.platform, Method::PUT, SETTINGS);
    send_json(request.header("if-match", tag), &body).await
}

fn tag(answer: &Fetched) -> String {
    answer.headers["etag"].to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platforms_retry_policy_is_shown_at_every_endpoint_without_its_own() {
    let world = World::start().await;
    let plain = world.endpoint(&world.acme).await;
    let path = world
        .acme
        .path(&format!("endpoints/{}", text(&plain, "id")));
    assert_eq!(plain["retry"]["source"], "built_in");
    let before = world.get(&world.platform, SETTINGS).await;
    assert_eq!(before.json()["retry"], plain["retry"]);

    let set = put(&world, &tag(&before), json!({"retry_waits_s": [3, 60]})).await;
    assert_eq!(set.status, 200, "{set:?}");
    let shown = json!({"waits_s": [3, 60], "attempts": 3, "span_s": 63, "source": "platform"});
    assert_eq!(set.json()["retry"], shown);
    let got = world.get(&world.platform, SETTINGS).await;
    assert_eq!((got.json(), tag(&got)), (set.json(), tag(&set)));
    let endpoint = world.get(&world.platform, &path).await;
    assert_eq!(endpoint.json()["retry"], shown);

    // A policy of its own comes first, and goes again.
    let own = json!({"retry_waits_s": [7]});
    let own = world.patch(&path, "*", own).await.json();
    assert_eq!(own["retry"]["source"], "endpoint");
    assert_eq!(own["retry"]["waits_s"], json!([7]));
    let gone = world.patch(&path, "*", json!({"retry_waits_s": null}));
    assert_eq!(gone.await.json()["retry"], shown);

    // As a rule, and back to what is built in.
    let growing = json!({"base_s": 5, "factor": 2, "cap_s": 60, "attempts": 3});
    let set = put(&world, "*", json!({"retry_exponential": growing})).await;
    assert_eq!(set.json()["retry"]["waits_s"], json!([5, 10]));
    let back = put(&world, "*", json!({})).await;
    assert_eq!(back.json()["retry"], plain["retry"]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_not_overwritten_unseen_and_have_their_bounds() {
    let world = World::start().await;
    let seen = tag(&world.get(&world.platform, SETTINGS).await);
    assert_eq!(put(&world, &seen, json!({})).await.status, 200);
    problem(&put(&world, &seen, json!({})).await, 412);
    let request = world.request(&world.platform, Method::PUT, SETTINGS);
    problem(&send_json(request, &json!({})).await, 428);
    let answer = put(&world, "*", json!({"retry_waits_s": [0]})).await;
    let refused = problem(&answer, 422);
    assert_eq!(refused["errors"][0]["pointer"], "#/retry_waits_s");
    problem(&put(&world, "*", json!({"retry": {}})).await, 400);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_shows_its_breaker_and_that_of_no_other() {
    let world = World::start().await;
    let endpoint = world.endpoint(&world.acme).await;
    let other = world.endpoint(&world.acme).await;
    let closed = json!({"state": "closed", "since": null, "retry_at": null});
    assert_eq!(endpoint["breaker"], closed);

    let since = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap();
    let retry_at = since + time::Duration::seconds(30);
    let notice = BreakerNotice {
        endpoint: text(&endpoint, "id").parse().unwrap(),
        dispatcher: DispatcherId::from_uuid(uuid::Uuid::now_v7()),
        standing: BreakerStanding {
            state: BreakerState::Open { retry_at },
            since,
        },
    };
    world.store.record_breakers(&[notice]).await.unwrap();
    let instant = |at: OffsetDateTime| at.format(&Rfc3339).unwrap();
    let open = json!({"state": "open", "since": instant(since), "retry_at": instant(retry_at)});
    let list = world.acme.path("endpoints");
    let listed = world.get(&world.acme.key, &list).await.json();
    for shown in listed["data"].as_array().unwrap() {
        let breaker = if shown["id"] == endpoint["id"] {
            &open
        } else {
            assert_eq!(shown["id"], other["id"]);
            &closed
        };
        assert_eq!(shown["breaker"], *breaker);
    }
    world.stop().await;
}
