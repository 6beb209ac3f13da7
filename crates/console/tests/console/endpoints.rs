//! Endpoints: registering, changing, pausing, removing.

use axum::http::Method;
use serde_json::{Value, json};

use crate::world::{World, problem, send_json, text};

fn tag(answer: &testkit::Fetched) -> String {
    answer.headers["etag"].to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_from_its_registration_to_its_end() {
    let world = World::start().await;
    let (key, list) = (&world.acme.key, world.acme.path("endpoints"));
    let body = json!({"url": "https://Example.com:8443/hooks?a=b"});
    let made = world.post(key, &list, body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let path = made.headers["location"].to_str().unwrap().to_owned();
    let endpoint = made.json();
    assert_eq!(path, format!("{list}/{}", text(&endpoint, "id")));
    assert_eq!(endpoint["url"], "https://example.com:8443/hooks?a=b");
    assert_eq!(endpoint["event_types"], json!(["*"]));
    assert_eq!(endpoint["format"], "guide");
    assert_eq!(endpoint["timeout_s"], 15);
    assert_eq!(endpoint["state"], "enabled");
    let waits = endpoint["retry"]["waits_s"].as_array().unwrap();
    assert_eq!(endpoint["retry"]["attempts"], waits.len() + 1);

    let got = world.get(key, &path).await;
    assert_eq!((got.status.as_u16(), tag(&got)), (200, tag(&made)));
    let mut shown = endpoint;
    shown.as_object_mut().unwrap().remove("secret");
    assert_eq!(got.json(), shown);
    assert_eq!(world.get(key, &list).await.json()["data"], json!([shown]));

    for (deed, state) in [("pause", "paused"), ("resume", "enabled")] {
        let answer = world
            .post(key, &format!("{path}/{deed}"), json!(null))
            .await;
        assert_eq!(answer.json()["state"], state);
        let got = world.get(key, &path).await;
        assert_eq!(got.json()["state"], state);
        assert_eq!(tag(&got), tag(&answer));
    }

    assert_eq!(world.delete(key, &path).await.status, 204);
    problem(&world.get(key, &path).await, 404);
    problem(&world.delete(key, &path).await, 404);
    problem(&world.patch(&path, "*", json!({})).await, 404);
    assert_eq!(world.get(key, &list).await.json()["data"], json!([]));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_of_the_members_given_and_no_others() {
    let world = World::start().await;
    let body = json!({
        "url": "https://example.com/a",
        "event_types": ["shipment.*", "user.created"],
        "channels": ["region:eu"],
        "filter": "@.status == 'created'",
        "description": "the first",
        "headers": {"X-Api-Key": "abc"},
        "format": "cloudevents",
        "timeout_s": 7,
        "retry_waits_s": [5, 30],
    });
    let made = world
        .post(&world.platform, &world.acme.path("endpoints"), body)
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    let path = made.headers["location"].to_str().unwrap().to_owned();
    let mut before = world.get(&world.platform, &path).await;
    let changes: [(&str, Value, Value); 12] = [
        (
            "url",
            json!("https://example.org/b"),
            json!("https://example.org/b"),
        ),
        ("event_types", json!(["a.b"]), json!(["a.b"])),
        ("channels", json!([]), json!([])),
        ("filter", json!("@.n > 1"), json!("@.n > 1")),
        ("filter", json!(null), json!(null)),
        ("description", json!(""), json!("")),
        ("headers", json!({"X-Other": "def"}), json!(["x-other"])),
        ("format", json!("standard"), json!("standard")),
        ("timeout_s", json!(30), json!(30)),
        (
            "rate_limit",
            json!({"per_second": 10}),
            json!({"per_second": 10, "burst": 10}),
        ),
        ("rate_limit", json!(null), json!(null)),
        (
            "retry_waits_s",
            json!([60]),
            json!({"waits_s": [60], "attempts": 2, "span_s": 60, "source": "endpoint"}),
        ),
    ];
    for (member, given, expected) in changes {
        let changed = world
            .patch(&path, &tag(&before), json!({ member: given }))
            .await;
        assert_eq!(changed.status, 200, "{changed:?}");
        assert_ne!(tag(&changed), tag(&before), "{member}");
        let shown = if member == "retry_waits_s" {
            "retry"
        } else {
            member
        };
        let mut wanted = before.json();
        wanted[shown] = expected;
        let mut got = changed.json();
        assert_ne!(got["updated_at"], before.json()["updated_at"], "{member}");
        got["updated_at"] = wanted["updated_at"].clone();
        assert_eq!(got, wanted, "{member}");
        before = world.get(&world.platform, &path).await;
        assert_eq!(before.json(), changed.json());
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_overwrites_what_they_have_not_seen() {
    let world = World::start().await;
    let made = world.endpoint(&world.acme).await;
    let path = world.acme.path(&format!("endpoints/{}", text(&made, "id")));
    let seen = tag(&world.get(&world.platform, &path).await);
    let change = json!({"description": "mine"});
    let request = world.request(&world.platform, Method::PATCH, &path);
    problem(&send_json(request, &change).await, 428);

    let first = world.patch(&path, &seen, change.clone()).await;
    assert_eq!(first.status, 200, "{first:?}");
    let second = json!({"description": "theirs"});
    problem(&world.patch(&path, &seen, second.clone()).await, 412);
    let got = world.get(&world.platform, &path).await;
    assert_eq!(got.json()["description"], "mine");
    assert_eq!(tag(&got), tag(&first));

    for wrong in ["", "1", "W/\"1\"", "\"x\"", "\"1\", \"2\""] {
        problem(&world.patch(&path, wrong, second.clone()).await, 400);
    }
    assert_eq!(world.patch(&path, "*", second).await.status, 200);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_not_inside_nor_elsewhere_than_https() {
    let world = World::start().await;
    let refused = [
        "http://example.com/",
        "ftp://example.com/",
        "https://10.0.0.1/",
        "https://0x7f.1/",
        "https://2130706433/",
        "https://127.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://localhost/",
        "https://localhost./",
        "https://db.internal/",
        "https://user@example.com/",
        "https://user:password@example.com/",
        "https://example.com:22/",
        "https://example.com:5432/",
        "https://example.com/#fragment",
        "https://exa mple.com/",
        "//example.com/",
        "example.com",
        "",
    ];
    let list = world.acme.path("endpoints");
    let made = world.endpoint(&world.acme).await;
    let path = format!("{list}/{}", text(&made, "id"));
    for url in refused {
        let body = json!({ "url": url });
        let registered = world.post(&world.platform, &list, body.clone()).await;
        assert_eq!(
            problem(&registered, 422)["errors"][0]["pointer"],
            "#/url",
            "{url}"
        );
        let changed = world.patch(&path, "*", body).await;
        assert_eq!(
            problem(&changed, 422)["errors"][0]["pointer"],
            "#/url",
            "{url}"
        );
    }
    let listed = world.get(&world.platform, &list).await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    assert_eq!(listed["data"][0]["url"], made["url"]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_values_are_refused_where_they_stand() {
    let world = World::start().await;
    let list = world.acme.path("endpoints");
    let refused = [
        ("event_types", json!([]), "#/event_types"),
        ("event_types", json!(["a", "no type"]), "#/event_types/1"),
        ("channels", json!(["two words"]), "#/channels/0"),
        ("description", json!("a\u{0}b"), "#/description"),
        ("description", json!("a".repeat(2_001)), "#/description"),
        ("headers", json!({"Host": "x"}), "#/headers/host"),
        ("headers", json!({"x-a": "b\r\nc: d"}), "#/headers/x-a"),
        ("format", json!("xml"), "#/format"),
        ("timeout_s", json!(0), "#/timeout_s"),
        ("timeout_s", json!(31), "#/timeout_s"),
        ("retry_waits_s", json!([0]), "#/retry_waits_s"),
        ("retry_waits_s", json!([u64::MAX, 1]), "#/retry_waits_s"),
        (
            "retry_exponential",
            json!({"base_s": 86_400, "factor": 2, "cap_s": 604_800, "attempts": 9}),
            "#/retry_exponential",
        ),
        (
            "retry_exponential",
            json!({"base_s": 5, "factor": 0.5, "cap_s": 60, "attempts": 9}),
            "#/retry_exponential",
        ),
        ("rate_limit", json!({"per_second": 0}), "#/rate_limit"),
        (
            "rate_limit",
            json!({"per_second": 1, "burst": 10_001}),
            "#/rate_limit",
        ),
        ("secret", json!("whsec_c2hvcnQ="), "#/secret"),
        ("secret", json!("no secret"), "#/secret"),
    ];
    for (member, value, pointer) in refused {
        let body = json!({"url": "https://example.com/", member: value});
        let answer = world.post(&world.platform, &list, body).await;
        let problem = problem(&answer, 422);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let growing = json!({"base_s": 5, "factor": 2, "cap_s": 60, "attempts": 3});
    let both = json!({
        "url": "https://example.com/",
        "retry_waits_s": [5],
        "retry_exponential": growing,
    });
    let answer = world.post(&world.platform, &list, both).await;
    let both = problem(&answer, 422);
    assert_eq!(both["errors"][0]["pointer"], "#/retry_exponential");
    let listed = world.get(&world.platform, &list).await.json();
    assert_eq!(listed["data"], json!([]));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_growing_retry_policy_is_shown_as_its_waits() {
    let world = World::start().await;
    let list = world.acme.path("endpoints");
    let body = json!({
        "url": "https://example.com/",
        "retry_exponential": {"base_s": 5, "factor": 3, "cap_s": 100, "attempts": 5},
    });
    let made = world.post(&world.acme.key, &list, body).await;
    let shown =
        json!({"waits_s": [5, 15, 45, 100], "attempts": 5, "span_s": 165, "source": "endpoint"});
    assert_eq!(made.json()["retry"], shown);

    let path = made.headers["location"].to_str().unwrap().to_owned();
    let change = json!({
        "retry_exponential": {"base_s": 1, "factor": 1, "cap_s": 1, "attempts": 2},
    });
    let changed = world.patch(&path, &tag(&made), change).await;
    let shown = json!({"waits_s": [1], "attempts": 2, "span_s": 1, "source": "endpoint"});
    assert_eq!(changed.json()["retry"], shown);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_are_none_name_nothing() {
    let world = World::start().await;
    let made = world.endpoint(&world.acme).await;
    let id = text(&made, "id");
    let uuid = id.strip_prefix("ep_").unwrap();
    let wrong = [
        "x".to_owned(),
        uuid.to_owned(),
        format!("dlv_{uuid}"),
        format!("ep_{uuid}0"),
        format!("{id}%00"),
        "ep_%ff%fe".to_owned(),
        "%F0%9F%90%8E".to_owned(),
    ];
    for id in wrong {
        for resource in ["endpoints", "events", "deliveries"] {
            let path = world.acme.path(&format!("{resource}/{id}"));
            problem(&world.get(&world.platform, &path).await, 404);
        }
        for path in [
            format!("/v1/tenants/{id}"),
            format!("/v1/tenants/{id}/endpoints"),
            format!("/v1/dead-letters/{id}"),
        ] {
            problem(&world.get(&world.platform, &path).await, 404);
        }
    }
    // An id of another tenant's is none here, and neither is one that is nowhere.
    for id in [id, "ep_0193a5c8e0b87c3aa1f2c9d8e7f60512"] {
        let path = world.umbrella.path(&format!("endpoints/{id}"));
        problem(&world.get(&world.platform, &path).await, 404);
    }
    world.stop().await;
}
