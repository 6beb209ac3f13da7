//! The Webhooks section, page by page.

use domain::attempt::Trigger;
use serde_json::json;

use crate::browser::{Browser, page};
use crate::past::{self, DEAD, DELIVERED};
use crate::world::{World, problem, text};

/// The secret that a page shows.
fn secret(page: &str) -> Option<&str> {
    let (_, after) = page.split_once("whsec_")?;
    after.split_once('<').map(|(secret, _)| secret)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_registered_and_its_secret_shown_once() {
    let world = World::start().await;
    let browser = Browser::of(&world, &world.acme).await;
    let webhooks = format!("/tenants/{}/webhooks", world.acme.id);
    let empty = browser.get(&webhooks).await;
    assert!(page(&empty).contains("Add your first endpoint"));

    let new = format!("{webhooks}/new");
    let form = browser.get(&new).await;
    assert!(page(&form).contains("value=\"shipment.created\""));
    let fields = [
        ("url", "https://example.com/hooks"),
        ("description", "Orders <b>"),
        ("events", "chosen"),
        ("event_type", "shipment.created"),
        ("event_type", "user.*"),
    ];
    let made = browser.post(&new, &fields).await;
    assert_eq!(made.status, 201);
    let shown = secret(page(&made)).unwrap().to_owned();

    let listed = world
        .get(&world.acme.key, &world.acme.path("endpoints"))
        .await
        .json();
    let endpoint = &listed["data"][0];
    assert_eq!(
        endpoint["event_types"],
        json!(["shipment.created", "user.*"])
    );
    let path = format!("{webhooks}/{}", text(endpoint, "id"));
    for path in [&webhooks, &path, &format!("{path}/edit")] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(secret(page(&answer)).is_none(), "{path}");
        assert!(!page(&answer).contains("Orders <b>"), "{path}");
        assert!(
            page(&answer).contains("https://example.com/hooks"),
            "{path}"
        );
    }
    let rotated = browser.post(&format!("{path}/rotate-secret"), &[]).await;
    let renewed = secret(page(&rotated)).unwrap();
    assert_ne!(renewed, shown);
    assert!(page(&rotated).contains("24 hours"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_stands_beside_its_field_and_nothing_is_lost() {
    let world = World::start().await;
    let browser = Browser::of(&world, &world.acme).await;
    let new = format!("/tenants/{}/webhooks/new", world.acme.id);
    let typed = [
        ("url", "https://10.0.0.1/hooks"),
        ("description", "Orders \"new\""),
        ("events", "chosen"),
        ("event_type", "user.updated"),
    ];
    let refused = browser.post(&new, &typed).await;
    assert_eq!(refused.status, 422);
    let text = page(&refused);
    let fault = text.find("id=\"url-fault\">").unwrap();
    assert!(
        text[fault..].starts_with("id=\"url-fault\">The URL&#39;s address is in a private network"),
        "{}",
        &text[fault..fault + 120]
    );
    assert!(text.contains("value=\"https://10.0.0.1/hooks\""));
    assert!(text.contains("value=\"Orders &#34;new&#34;\""), "{text}");
    assert!(text.contains("value=\"user.updated\" checked"));
    assert!(!text.contains("value=\"user.created\" checked"));

    let none = browser
        .post(
            &new,
            &[("url", "https://example.com/"), ("events", "chosen")],
        )
        .await;
    assert!(page(&none).contains("id=\"events-fault\""));
    let endpoints = world
        .get(&world.acme.key, &world.acme.path("endpoints"))
        .await;
    assert_eq!(endpoints.json()["data"], json!([]));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_edited_paused_resumed_and_deleted() {
    let world = World::start().await;
    let browser = Browser::of(&world, &world.acme).await;
    let made = world.endpoint(&world.acme).await;
    let webhooks = format!("/tenants/{}/webhooks", world.acme.id);
    let path = format!("{webhooks}/{}", text(&made, "id"));
    let api = world.acme.path(&format!("endpoints/{}", text(&made, "id")));
    let tag = world.get(&world.acme.key, &api).await.headers["etag"]
        .to_str()
        .unwrap()
        .to_owned();

    let edit = format!("{path}/edit");
    let form = browser.get(&edit).await;
    assert!(page(&form).contains("value=\"all\" checked"));
    let changed = [
        ("version", &*tag),
        ("url", "https://example.org/new"),
        ("events", "chosen"),
        ("event_type", "shipment.*"),
    ];
    assert_eq!(browser.post(&edit, &changed).await.status, 303);
    let now = world.get(&world.acme.key, &api).await.json();
    assert_eq!(now["url"], "https://example.org/new");
    assert_eq!(now["event_types"], json!(["shipment.*"]));
    // Somebody else's change in between is not overwritten.
    let stale = browser.post(&edit, &changed).await;
    assert_eq!(stale.status, 412);
    assert!(page(&stale).contains("It has changed since"));

    for (deed, words) in [("pause", "Paused"), ("resume", "Nothing sent yet")] {
        assert_eq!(
            browser.post(&format!("{path}/{deed}"), &[]).await.status,
            303
        );
        assert!(page(&browser.get(&path).await).contains(words), "{deed}");
    }
    let deleted = browser.post(&format!("{path}/delete"), &[]).await;
    assert_eq!(deleted.headers["location"], webhooks);
    assert_eq!(browser.get(&path).await.status, 404);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_is_an_event_of_one_endpoint() {
    let world = World::start().await;
    let browser = Browser::of(&world, &world.acme).await;
    let made = world.endpoint(&world.acme).await;
    world.endpoint(&world.acme).await;
    let path = format!("/tenants/{}/webhooks/{}", world.acme.id, text(&made, "id"));
    let sent = browser
        .post(&format!("{path}/test"), &[("event_type", "user.created")])
        .await;
    assert_eq!(sent.status, 303);
    let to = sent.headers["location"].to_str().unwrap();
    let awaited = browser.get(to.split('#').next().unwrap()).await;
    assert!(page(&awaited).contains("Waiting for your server’s answer"));

    let events = world
        .get(&world.acme.key, &world.acme.path("events"))
        .await
        .json();
    let event = &events["data"][0];
    assert_eq!(text(event, "event"), "user.created");
    let dispatch = world.next_on_fresh_lane().await;
    assert_eq!(
        dispatch.due.delivery.endpoint.to_string(),
        text(&made, "id")
    );
    assert_eq!(dispatch.due.delivery.trigger, Trigger::Automatic);
    assert_eq!(dispatch.content.event.to_string(), text(event, "id"));
    assert!(to.contains(&dispatch.due.delivery.id.to_string()), "{to}");

    let api = world
        .acme
        .path(&format!("endpoints/{}/test", text(&made, "id")));
    let body = json!({"event_type": "no.such"});
    let refused = problem(&world.post(&world.acme.key, &api, body).await, 422);
    assert_eq!(refused["errors"][0]["pointer"], "#/event_type");
    assert_eq!(
        browser.post(&format!("{path}/pause"), &[]).await.status,
        303
    );
    let body = json!({"event_type": "user.created"});
    problem(&world.post(&world.acme.key, &api, body).await, 409);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_told_in_words_and_sent_again() {
    let world = World::start().await;
    let browser = Browser::of(&world, &world.acme).await;
    let endpoint = world.endpoint(&world.acme).await;
    let good = past::delivery(&world, &world.acme, &endpoint, DELIVERED).await;
    let dead = past::delivery(&world, &world.acme, &endpoint, DEAD).await;
    let tenant = format!("/tenants/{}", world.acme.id);
    let overview = browser
        .get(&format!("{tenant}/webhooks/{}", text(&endpoint, "id")))
        .await;
    assert!(page(&overview).contains("Delivered: 200"));
    assert!(page(&overview).contains("Given up"));
    let path = format!("{tenant}/deliveries/{}", good.delivery.id);
    let shown = browser.get(&path).await;
    // What others wrote is text and nothing else: as it was published, and as it was answered.
    for text in [
        "\\u00e9&#34;\n}</pre>",
        "&#60;b&#62;thanks&#60;/b&#62;…</pre>",
    ] {
        assert!(page(&shown).contains(text), "{text}: {}", page(&shown));
    }

    let path = format!("{tenant}/deliveries/{}", dead.delivery.id);
    let again = browser.post(&format!("{path}/replay"), &[]).await;
    assert_eq!(again.status, 303);
    let to = again.headers["location"].to_str().unwrap();
    let dispatch = world.next_on_retry_lane().await;
    assert!(to.ends_with(&dispatch.due.delivery.id.to_string()), "{to}");
    let begun = browser.get(to).await;
    assert!(page(&begun).contains("On its way"), "{}", page(&begun));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_is_filled_in() {
    let world = World::start().await;
    let browser = Browser::of(&world, &world.acme).await;
    let guide = browser
        .get(&format!("/tenants/{}/guide", world.acme.id))
        .await;
    assert_eq!(guide.status, 200);
    for text in [
        "192.0.2.7/32",
        "shipment.created",
        "10 times in all",
        "5 s, 30 s, 2 min",
    ] {
        assert!(page(&guide).contains(text), "{text}");
    }
    world.stop().await;
}
