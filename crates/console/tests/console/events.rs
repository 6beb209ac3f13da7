//! The log of events and an event's page.

use serde_json::json;

use crate::browser::{Browser, page};
use crate::past::{self, DATA, DEAD, DELIVERED};
use crate::world::{World, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_searched_by_id_type_and_time() {
    let world = World::start().await;
    let browser = Browser::of(&world, &world.acme).await;
    let events = format!("/tenants/{}/events", world.acme.id);
    let empty = browser.get(&events).await;
    assert!(page(&empty).contains("No events yet"));

    let created = past::recorded(&world, &world.acme, "shipment.created", "{}", &[]).await;
    let lost = past::recorded(&world, &world.acme, "shipment.lost", "{}", &[]).await;
    let theirs = past::recorded(&world, &world.umbrella, "shipment.lost", "{}", &[]).await;
    let (created, lost) = (created.to_string(), lost.to_string());
    for (query, found) in [
        ("", vec![&created, &lost]),
        ("?q=shipment.lost", vec![&lost]),
        (
            "?q=shipment.lost&since=2020-01-01T10:00&until=",
            vec![&lost],
        ),
        ("?until=2020-01-01T10:00", vec![]),
        ("?since=2999-01-01T10:00", vec![]),
    ] {
        let shown = browser.get(&format!("{events}{query}")).await;
        assert_eq!(shown.status, 200, "{query}");
        for id in [&created, &lost] {
            assert_eq!(
                page(&shown).contains(id),
                found.contains(&id),
                "{query} {id}"
            );
        }
        assert!(!page(&shown).contains(&theirs.to_string()), "{query}");
        let is_live = !query.contains("until=2");
        assert_eq!(page(&shown).contains("data-follow="), is_live, "{query}");
    }
    let first = browser
        .get(&format!("{events}?q=shipment.lost&limit=1"))
        .await;
    assert!(!page(&first).contains("Older events"));
    let first = browser.get(&format!("{events}?limit=1")).await;
    let (_, next) = page(&first).split_once("<a href=\"?cursor=").unwrap();
    let (next, _) = next.split_once('"').unwrap();
    let second = browser.get(&format!("{events}?cursor={next}")).await;
    assert!(page(&second).contains(&created) && !page(&second).contains("data-follow="));

    let by_id = browser.get(&format!("{events}?q=%20{lost}")).await;
    assert_eq!(by_id.status, 303);
    assert_eq!(by_id.headers["location"], format!("{events}/{lost}"));
    assert_eq!(browser.get(&format!("{events}/{theirs}")).await.status, 404);
    for (query, field) in [
        ("q=no%20type", "q"),
        ("since=monday", "since"),
        ("until=1", "until"),
    ] {
        let refused = browser.get(&format!("{events}?{query}")).await;
        assert_eq!(refused.status, 400, "{query}");
        assert!(
            page(&refused).contains(&format!("id=\"{field}-fault\"")),
            "{query}"
        );
    }
    assert_eq!(browser.get(&format!("{events}?limit=x")).await.status, 400);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_searched_by_endpoint_and_by_what_became_of_events() {
    let world = World::start().await;
    let (acme, browser) = (&world.acme, Browser::of(&world, &world.acme).await);
    let here = world.endpoint(acme).await;
    let there = world.endpoint(acme).await;
    let arrived = past::delivery(&world, acme, &here, DELIVERED).await;
    let given_up = past::delivery(&world, acme, &here, DEAD).await;
    let elsewhere = past::delivery(&world, acme, &there, DEAD).await;
    let all = [&arrived, &given_up, &elsewhere];
    let events = format!("/tenants/{}/events", acme.id);
    let here = text(&here, "id");
    for (query, found) in [
        ("state=dead".to_owned(), vec![1, 2]),
        (format!("endpoint={here}"), vec![0, 1]),
        (format!("endpoint={here}&state=dead"), vec![1]),
        (format!("endpoint={here}&state=held"), vec![]),
        ("state=dead&q=shipment.created".to_owned(), vec![1, 2]),
        ("state=dead&q=shipment.lost".to_owned(), vec![]),
        ("state=dead&until=2020-01-01T10:00".to_owned(), vec![]),
    ] {
        let shown = browser.get(&format!("{events}?{query}")).await;
        assert_eq!(shown.status, 200, "{query}");
        for (place, report) in all.iter().enumerate() {
            let is_shown = page(&shown).contains(&report.event.to_string());
            assert_eq!(is_shown, found.contains(&place), "{query} {place}");
        }
        assert!(!page(&shown).contains("data-follow="), "{query}");
    }
    // The API's own call says the same.
    let list = acme.path(&format!(
        "deliveries?endpoint={here}&state=dead&event_type=shipment.created"
    ));
    let listed = world.get(&acme.key, &list).await.json();
    assert_eq!(
        listed["data"][0]["event"],
        json!(given_up.event.to_string())
    );
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    let theirs = world.umbrella.path(&format!("deliveries?endpoint={here}"));
    let listed = world.get(&world.umbrella.key, &theirs).await.json();
    assert_eq!(listed["data"], json!([]));
    for (query, field) in [("state=lost", "state"), ("state=dead&q=no%20type", "q")] {
        let refused = browser.get(&format!("{events}?{query}")).await;
        assert_eq!(refused.status, 400, "{query}");
        assert!(
            page(&refused).contains(&format!("id=\"{field}-fault\"")),
            "{query}"
        );
    }
    let together = acme.path("deliveries?event=evt_1&state=dead");
    assert_eq!(world.get(&acme.key, &together).await.status, 400);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_tells_who_got_it_and_who_did_not() {
    let world = World::start().await;
    let endpoint = world.endpoint(&world.acme).await;
    let body = json!({"url": "https://other.example.com/", "event_types": ["user.*"]});
    let path = world.acme.path("endpoints");
    assert_eq!(world.post(&world.acme.key, &path, body).await.status, 201);
    let browser = Browser::of(&world, &world.acme).await;
    for (standing, words) in [(DELIVERED, "1 of 1"), (DEAD, "Given up at 1 of 1")] {
        let report = past::delivery(&world, &world.acme, &endpoint, standing).await;
        let path = format!("/tenants/{}/events/{}", world.acme.id, report.event);
        let shown = browser.get(&path).await;
        let shown = page(&shown);
        assert!(shown.contains(words), "{shown}");
        let delivery = format!("/deliveries/{}", report.delivery.id);
        assert!(shown.contains(&delivery), "{shown}");
        let (sent, unsent) = shown.split_once("Not sent to, and why").unwrap();
        assert!(sent.contains(text(&endpoint, "url")));
        assert!(unsent.contains("https://other.example.com/"));
        assert!(unsent.contains("Published without a key"));
        // Laid out for eyes, and byte for byte to keep.
        assert!(
            shown.contains("&#34;n&#34;: 1.0,\n  &#34;n&#34;: 2,"),
            "{shown}"
        );
        let kept = browser.get(&format!("{path}/payload")).await;
        assert_eq!(kept.body, DATA);
        let name = kept.headers["content-disposition"].to_str().unwrap();
        assert_eq!(
            name,
            format!("attachment; filename=\"{}.json\"", report.event)
        );
    }
    let alone = past::recorded(&world, &world.acme, "a.b", "[]", &[]).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let traced = format!("update events set traceparent = '00-{trace}-00f067aa0ba902b7-01'");
    world.stack.execute(&traced).await;
    let path = format!("/tenants/{}/events/{alone}", world.acme.id);
    let link = format!("href=\"https://traces.example.com/{trace}?a=b\"");
    let operator = Browser::by_key(&world, &world.platform).await;
    assert!(page(&operator.get(&path).await).contains(&link));
    let customers = browser.get(&path).await;
    assert!(page(&customers).contains(trace) && !page(&customers).contains(&link));
    let shown = browser
        .get(&format!("/tenants/{}/events/{alone}", world.acme.id))
        .await;
    assert!(page(&shown).contains("so it was sent to nobody"));
    world.stop().await;
}
