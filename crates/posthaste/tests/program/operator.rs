//! An operator's way through the dashboard, in a real browser: what fails is found, understood,
//! mended and sent again.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use http::Method;
use serde_json::json;
use testkit::receiver::{Receiver, Respond};
use testkit::{Browser, Cluster, Stack, eventually};

use crate::support::{PROGRAM, Publisher};

const SOON: Duration = Duration::from_secs(60);

const EVENTS: usize = 4;

/// Publishes events to an endpoint that answers 404 and is tried once, which opens no circuit
/// breaker; gives their ids when all deliveries are dead letters.
async fn failed(cluster: &Cluster) -> HashSet<String> {
    let wrong = Receiver::start([Respond::status(404)]).await;
    let tenant = json!({"name": "Acme", "external_id": "acme"});
    cluster.make("/v1/tenants", &tenant).await;
    let endpoint = json!({"url": wrong.url(), "event_types": ["*"], "retry_waits_s": []});
    cluster.make("/v1/tenants/acme/endpoints", &endpoint).await;
    let publisher = Publisher::of(cluster);
    let mut ids = HashSet::new();
    for number in 0..EVENTS {
        let data = number.to_string();
        ids.insert(publisher.publish_until_accepted("acme", &data).await);
    }
    let dead = "/v1/tenants/acme/dead-letters";
    eventually(SOON, "all to be given up", async || {
        let listed = cluster.call(Method::GET, dead, None).await.json();
        let found = listed["data"].as_array().map(Vec::len);
        if found == Some(EVENTS) {
            Ok(())
        } else {
            Err(listed)
        }
    })
    .await;
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_mends_an_endpoint_and_replays_what_failed() {
    let stack = Stack::new().await;
    let cluster = Cluster::start(Path::new(PROGRAM), &stack).await;
    let published = failed(&cluster).await;

    let Some(browser) = Browser::start().await else {
        return;
    };
    browser.open(&cluster.console_url()).await;
    browser.type_into("#key", cluster.key()).await;
    browser.click("main form button").await;
    let overview = browser.text_with("Failing since").await;
    assert!(
        overview.contains("answered 404") && overview.contains("Acme"),
        "{overview}"
    );
    assert!(browser.location().await.ends_with("/overview"));
    browser.click("[aria-labelledby=\"failing-title\"] a").await;
    browser
        .text_with("Your server has nothing at this path.")
        .await;

    let receiver = Receiver::start([Respond::ok()]).await;
    browser.click(".tools a[href$=\"/edit\"]").await;
    browser.text_with("Edit endpoint").await;
    browser
        .run("document.querySelector('#url').value = ''")
        .await;
    browser.type_into("#url", &receiver.url()).await;
    browser.click("main form .primary").await;
    browser.text_with("Latest deliveries").await;

    browser.click(".tools a[href$=\"/replay\"]").await;
    browser.text_with("Nothing is sent yet").await;
    // Slow enough to be watched.
    browser
        .run("document.querySelector('#rate').value = 1")
        .await;
    browser.click("[value=\"count\"]").await;
    browser
        .text_with(&format!("{EVENTS} deliveries, about {EVENTS} s"))
        .await;
    assert!(receiver.requests().is_empty(), "only counted");
    browser.click("[value=\"begin\"]").await;

    // The page follows by itself: it isn't loaded again.
    browser.text_with(&format!("of {EVENTS} done")).await;
    browser.run("window.stayed = true").await;
    let page = browser
        .text_with(&format!("{EVENTS} of {EVENTS} done"))
        .await;
    assert!(page.contains("All sent"), "{page}");
    assert_eq!(browser.run("return window.stayed").await, json!(true));
    let progress = "const bar = document.querySelector('progress'); return bar.value / bar.max";
    assert_eq!(browser.run(progress).await, json!(1));

    let arrived = receiver.wait_for(EVENTS, SOON).await;
    let arrived: HashSet<String> = arrived
        .iter()
        .map(|request| request.headers["webhook-id"].to_str().unwrap().to_owned())
        .collect();
    assert_eq!(arrived, published, "each event, under its own id");
    browser
        .open(&format!("{}/overview", cluster.console_url()))
        .await;
    browser.text_with("Each endpoint took the last event").await;
}
