//! The form of an endpoint: what it asks for, what it keeps, and what it tries before it is saved.

use serde_json::json;

use crate::browser::{Browser, page};
use crate::past;
use crate::world::{World, problem, text};

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_checked_all_at_once_and_nothing_is_saved() {
    let world = World::start().await;
    let path = world.acme.path("endpoints/check");
    let given = json!({
        "url": "https://10.0.0.1/hooks",
        "filter": "@.a =",
        "headers": {"Cookie": "a=b"},
        "retry_waits_s": [0],
    });
    let checked = world.post(&world.reader, &path, given).await;
    assert_eq!(checked.status, 200, "{checked:?}");
    let checked = checked.json();
    let errors = checked["errors"].as_array().unwrap().iter();
    let places: Vec<_> = errors.map(|error| text(error, "pointer")).collect();
    let expected = ["#/url", "#/filter", "#/headers/cookie", "#/retry_waits_s"];
    assert_eq!(places, expected);
    assert_eq!(checked["retry"], json!(null));

    let good = json!({"url": "https://example.com/", "retry_waits_s": [60, 3_600]});
    let checked = world.post(&world.reader, &path, good).await.json();
    assert_eq!(checked["errors"], json!([]));
    assert_eq!(checked["retry"]["span_s"], 3_660);
    let endpoints = world.acme.path("endpoints");
    let listed = world.get(&world.reader, &endpoints).await.json();
    assert_eq!(listed["data"], json!([]));
    let foreign = world.umbrella.path("endpoints/check");
    problem(&world.post(&world.acme.key, &foreign, json!({})).await, 404);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_keeps_the_values_of_headers_that_it_names_alone() {
    let world = World::start().await;
    let made = world.endpoint(&world.acme).await;
    let api = world.acme.path(&format!("endpoints/{}", text(&made, "id")));
    let given = json!({"headers": {"authorization": "Bearer 1", "x-team": "a"}});
    assert_eq!(world.patch(&api, "*", given).await.status, 200);
    let kept = json!({"headers": {"Authorization": null, "x-team": "b"}});
    assert_eq!(world.patch(&api, "*", kept).await.status, 200);
    assert_eq!(headers(&world, &made).await, ["Bearer 1", "b"]);
    let unknown = json!({"headers": {"x-other": null}});
    let refused = problem(&world.patch(&api, "*", unknown).await, 422);
    assert_eq!(refused["errors"][0]["pointer"], "#/headers/x-other");
    world.stop().await;
}

/// The values of the headers that the record has for an endpoint.
async fn headers(world: &World, endpoint: &serde_json::Value) -> Vec<String> {
    let id = text(endpoint, "id").parse().unwrap();
    let found = world.store.endpoint(world.acme.id, id).await.unwrap();
    let values = found.settings.headers.into_iter().map(|(_, value)| value);
    values.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_tried_and_nothing_is_saved_or_lost() {
    let world = World::start().await;
    let (acme, browser) = (&world.acme, Browser::of(&world, &world.acme).await);
    past::recorded(&world, acme, "shipment.created", r#"{"kg":12}"#, &[]).await;
    past::recorded(&world, acme, "shipment.created", r#"{"kg":2}"#, &[]).await;
    past::recorded(&world, acme, "user.created", r#"{"kg":99}"#, &[]).await;
    let new = format!("/tenants/{}/webhooks/new", acme.id);
    let typed = [
        ("deed", "try"),
        ("url", "https://example.com/hooks"),
        ("events", "chosen"),
        ("event_type", "shipment.created"),
        ("filter", "@.kg > 10"),
        ("header_name", "x-team"),
        ("header_value", "orders"),
        ("schedule", "own"),
        ("waits", "1 min, 1 h"),
    ];
    let tried = browser.post(&new, &typed).await;
    assert_eq!(tried.status, 200);
    for expected in [
        "1 of the last 3 events",
        "We can send to this URL",
        "3 attempts in all. A delivery survives an outage of 1.1 h.",
        "value=\"x-team\"",
        "value=\"orders\"",
        "value=\"1 min, 1 h\"",
        "@.kg &#62; 10</textarea>",
        "value=\"shipment.created\" checked",
    ] {
        assert!(
            page(&tried).contains(expected),
            "{expected}: {}",
            page(&tried)
        );
    }

    // All that is wrong is told at once.
    let wrong = [
        ("deed", "try"),
        ("url", "http://localhost/"),
        ("events", "chosen"),
        ("filter", "@.kg >"),
        ("header_name", "host"),
        ("header_value", "example.com"),
        ("schedule", "own"),
        ("waits", "soon"),
        ("format", "guide"),
        ("timeout_s", "31"),
        ("per_second", "fast"),
        ("channels", "a b!"),
    ];
    let told = browser.post(&new, &wrong).await;
    for id in [
        "url-fault",
        "filter-fault",
        "waits-fault",
        "timeout-fault",
        "rate-fault",
        "channels-fault",
    ] {
        assert!(page(&told).contains(&format!("id=\"{id}\"")), "{id}");
    }
    assert!(page(&told).contains("<code>host</code>: This name is reserved"));
    // An empty form has nothing wrong with it yet.
    let empty = browser.post(&new, &[("deed", "try")]).await;
    assert!(
        !page(&empty).contains("class=\"fault\""),
        "{}",
        page(&empty)
    );
    let listed = world.get(&acme.key, &acme.path("endpoints")).await.json();
    assert_eq!(listed["data"], json!([]));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_form_saves_is_shown_again_but_for_values_of_headers() {
    let world = World::start().await;
    let (acme, browser) = (&world.acme, Browser::of(&world, &world.acme).await);
    let webhooks = format!("/tenants/{}/webhooks", acme.id);
    let fields = [
        ("deed", "save"),
        ("url", "https://example.com/hooks"),
        ("events", "all"),
        ("filter", "@.kg > 10"),
        ("header_name", "Authorization"),
        ("header_value", "Bearer s3cret"),
        ("header_name", "x-team"),
        ("header_value", "orders"),
        ("header_name", ""),
        ("header_value", ""),
        ("schedule", "own"),
        ("waits", "5 s, 2 min"),
        ("format", "standard"),
        ("timeout_s", "5"),
        ("per_second", "10"),
        ("burst", "20"),
        ("channels", "eu, us"),
    ];
    let made = browser.post(&format!("{webhooks}/new"), &fields).await;
    assert_eq!(made.status, 201, "{}", page(&made));
    let listed = world.get(&acme.key, &acme.path("endpoints")).await.json();
    let endpoint = &listed["data"][0];
    assert_eq!(endpoint["filter"], "@.kg > 10");
    assert_eq!(endpoint["headers"], json!(["authorization", "x-team"]));
    assert_eq!(endpoint["retry"]["waits_s"], json!([5, 120]));
    assert_eq!(endpoint["format"], "standard");
    assert_eq!(endpoint["timeout_s"], 5);
    assert_eq!(
        endpoint["rate_limit"],
        json!({"per_second": 10, "burst": 20})
    );
    assert_eq!(endpoint["channels"], json!(["eu", "us"]));

    let path = format!("{webhooks}/{}", text(endpoint, "id"));
    let form = browser.get(&format!("{path}/edit")).await;
    for shown in [
        "5 s, 2 min",
        "3 attempts in all",
        "@.kg &#62; 10",
        "kept as it is",
        "value=\"standard\" selected",
        "name=\"timeout_s\" class=\"short\" type=\"number\" inputmode=\"numeric\" min=\"1\" max=\"30\" value=\"5\"",
        "placeholder=\"no limit\" value=\"10\"",
        "placeholder=\"the same\" value=\"20\"",
        "value=\"eu, us\"",
    ] {
        assert!(page(&form).contains(shown), "{shown}");
    }
    assert!(!page(&form).contains("s3cret"));
    // One is kept, one is removed, and the schedule is the platform's again.
    let changed = [
        ("version", "*"),
        ("url", "https://example.com/hooks"),
        ("events", "all"),
        ("filter", ""),
        ("header_name", "authorization"),
        ("header_value", ""),
        ("schedule", "usual"),
        ("waits", "5 s, 2 min"),
    ];
    let saved = browser.post(&format!("{path}/edit"), &changed).await;
    assert_eq!(saved.status, 303, "{}", page(&saved));
    let api = acme.path(&format!("endpoints/{}", text(endpoint, "id")));
    let now = world.get(&acme.key, &api).await.json();
    assert_eq!(now["filter"], json!(null));
    assert_eq!(now["retry"]["source"], "built_in");
    // A form without these fields leaves them alone.
    assert_eq!(now["format"], "standard");
    assert_eq!(now["rate_limit"]["burst"], 20);
    let usual = [
        ("version", "*"),
        ("url", "https://example.com/hooks"),
        ("events", "all"),
        ("header_name", "authorization"),
        ("header_value", ""),
        ("format", "guide"),
        ("timeout_s", ""),
        ("per_second", ""),
        ("burst", ""),
        ("channels", ""),
    ];
    let saved = browser.post(&format!("{path}/edit"), &usual).await;
    assert_eq!(saved.status, 303, "{}", page(&saved));
    let now = world.get(&acme.key, &api).await.json();
    assert_eq!(
        (&now["format"], &now["timeout_s"]),
        (&json!("guide"), &json!(15))
    );
    assert_eq!(
        (&now["rate_limit"], &now["channels"]),
        (&json!(null), &json!([]))
    );
    assert_eq!(headers(&world, endpoint).await, ["Bearer s3cret"]);
    world.stop().await;
}
