//! A customer's way through the dashboard, in a real browser.

use std::path::Path;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use signature::{Secret, guide};
use testkit::receiver::{Receiver, Respond};
use testkit::{Browser, Cluster, Stack, eventually};

use crate::support::PROGRAM;

const SOON: Duration = Duration::from_secs(60);

/// The link, the URL, shipment.created, saved, the secret, a test, and its arrival.
#[tokio::test(flavor = "multi_thread")]
async fn a_customer_registers_a_webhook_and_sees_a_test_arrive() {
    let stack = Stack::new().await;
    let cluster = Cluster::start(Path::new(PROGRAM), &stack).await;
    let tenant = json!({"name": "Acme", "external_id": "acme"});
    cluster.make("/v1/tenants", &tenant).await;
    let link = cluster
        .make("/v1/tenants/acme/portal-links", &json!({}))
        .await;
    let receiver = Receiver::start([Respond::ok().body("thank you")]).await;

    let Some(browser) = Browser::start().await else {
        return;
    };
    browser.open(link["url"].as_str().unwrap()).await;
    browser.text_with("Add your first endpoint").await;
    browser.click("main a.primary").await;
    browser.type_into("#url", &receiver.url()).await;
    browser.type_into("#search", "ment.cr").await;
    let shown =
        "return [...document.querySelectorAll('.one')].filter(one => one.offsetParent).length";
    assert_eq!(browser.run(shown).await, 1);
    browser.click("[value=\"shipment.created\"]").await;
    // What it would do is told while it is filled in: nothing was published yet.
    browser.click("#filter-part summary").await;
    browser.type_into("#filter", "@.status ==").await;
    browser.text_with("(at character 12)").await;
    browser.type_into("#filter", " 'created'").await;
    let page = browser.text_with("no events yet to try it on").await;
    assert!(page.contains("We can send to this URL"), "{page}");
    browser.click("main form .primary").await;

    browser.text_with("We show it this once").await;
    let secret = browser
        .run("return document.querySelector('#secret').textContent")
        .await;
    let secret = Secret::parse(secret.as_str().unwrap()).unwrap();
    // The page's address is no longer the form's: loading it again registers nothing.
    assert!(!browser.location().await.ends_with("/new"));
    browser.click("main .actions .primary").await;
    browser.text_with("Nothing sent yet").await;
    browser.click("#test button").await;

    let page = browser.text_with("your server answered 200").await;
    assert!(
        page.contains("thank you") && page.contains("Delivering"),
        "{page}"
    );
    let arrived = receiver.wait_for(1, SOON).await;
    guide::verify([&secret], &arrived[0].body).unwrap();
    let body: Value = serde_json::from_slice(&arrived[0].body).unwrap();
    assert_eq!(body["event"], "shipment.created");
    assert_eq!(body["data"]["id"], "ship_123");
    // What arrived is pasted into the checker, once as it is and once as a library writes it.
    let request = &arrived[0];
    let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"]
        .map(|name| format!("{name}: {}", request.headers[name].to_str().unwrap()));
    let headers = headers.join("\n");
    let (bytes, secret) = (String::from_utf8(request.body.to_vec()), secret.expose());
    let bytes = bytes.unwrap();
    let spaced = serde_json::to_string_pretty(&body).unwrap();
    browser.click("nav a[href$=\"/guide\"]").await;
    browser.text_with("POST /webhooks HTTP/1.1").await;
    browser.click("a[href*=\"/guide/signature\"]").await;
    for (body, verdict) in [
        (&bytes, "The signature holds"),
        (&spaced, "parsed and written again"),
    ] {
        let fill = "document.querySelectorAll('textarea').forEach((field) => { field.value = '' })";
        browser.run(fill).await;
        browser.type_into("#headers", &headers).await;
        browser.type_into("#body", body).await;
        browser.type_into("#secret", &secret).await;
        browser.click("main form .primary").await;
        browser.text_with(verdict).await;
    }
    // To the ledger it is a delivery like any other.
    eventually(SOON, "the ledger to know it", async || {
        let ledger = cluster.call(Method::GET, "/v1/ledger", None).await.json();
        let one = ledger["recorded"] == 1 && ledger["delivered"] == 1 && ledger["unsettled"] == 0;
        if one { Ok(()) } else { Err(ledger) }
    })
    .await;
    let local = "return document.querySelectorAll('time:not([data-local])').length";
    assert_eq!(
        browser.run(local).await,
        0,
        "times are in the reader's zone"
    );
}
