//! The log of events, live in a real browser.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use testkit::receiver::{Receiver, Respond};
use testkit::{Browser, Cluster, Stack, eventually};

use crate::support::PROGRAM;

const SOON: Duration = Duration::from_secs(60);

async fn publish(cluster: &Cluster, event_type: &str) -> String {
    let event = json!({"tenant": "acme", "event": event_type, "data": {"id": "ship_1"}});
    let accepted = cluster.publish(event.to_string()).await.unwrap();
    assert_eq!(accepted.status, 202, "{accepted:?}");
    accepted.json()["id"].as_str().unwrap().to_owned()
}

/// What is published waits behind a button, is shown when asked for, and leads to who got it.
#[tokio::test(flavor = "multi_thread")]
async fn new_events_wait_behind_a_button_and_nothing_jumps() {
    let stack = Stack::new().await;
    let cluster = Cluster::start(Path::new(PROGRAM), &stack).await;
    let tenant = json!({"name": "Acme", "external_id": "acme"});
    cluster.make("/v1/tenants", &tenant).await;
    let receiver = Receiver::start([Respond::ok()]).await;
    let endpoint = json!({"url": receiver.url(), "event_types": ["shipment.*"]});
    cluster.make("/v1/tenants/acme/endpoints", &endpoint).await;
    let link = cluster
        .make("/v1/tenants/acme/portal-links", &json!({}))
        .await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    browser.open(link["url"].as_str().unwrap()).await;
    browser.click("nav [href$=\"/events\"]").await;
    browser.text_with("No events yet").await;
    browser.text_with("Live").await;

    publish(&cluster, "shipment.created").await;
    browser.text_with("Show 1 new event").await;
    let last = publish(&cluster, "user.created").await;
    let page = browser.text_with("Show 2 new events").await;
    assert!(page.contains("No events yet"), "nothing moves by itself");
    browser.click(".news").await;
    browser.text_with(&last).await;
    let rows = "return document.querySelectorAll('[data-id]').length";
    assert_eq!(browser.run(rows).await, 2);
    let hidden = "return document.querySelector('.news').hidden";
    assert_eq!(browser.run(hidden).await, true);
    // What is shown already is not new again.
    publish(&cluster, "user.created").await;
    browser.text_with("Show 1 new event").await;

    receiver.wait_for(1, SOON).await;
    let open = "[...document.querySelectorAll('[data-id]')]
        .find(row => row.textContent.includes('shipment.created')).click()";
    browser.run(open).await;
    let told = "return document.querySelector('.strip')?.innerText ?? ''";
    eventually(SOON, "the page to tell that it was delivered", async || {
        let told = browser.run(told).await;
        if told.as_str().is_some_and(|told| told.contains("1 of 1")) {
            return Ok(());
        }
        browser.run("location.reload()").await;
        Err(told)
    })
    .await;
}
