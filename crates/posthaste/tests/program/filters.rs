//! Filters through the real program: an endpoint gets what its filter selects, byte for byte, and
//! what one filter makes of an event is nobody else's matter.

use std::path::Path;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use testkit::receiver::{Receiver, Respond};
use testkit::{Cluster, Stack, eventually};

use crate::support::{Caller, PROGRAM, payload};

const DEADLINE: Duration = Duration::from_secs(60);

/// A cluster with a tenant, and who manages it.
async fn platform(stack: &Stack) -> (Cluster, Caller) {
    let cluster = Cluster::start(Path::new(PROGRAM), stack).await;
    let new = json!({"name": "acme", "external_id": "acme"});
    cluster.make("/v1/tenants", &new).await;
    let caller = Caller {
        url: cluster.console_url(),
        key: cluster.key().to_owned(),
    };
    (cluster, caller)
}

/// Registers a receiver with this filter; gives the endpoint's path.
async fn endpoint(cluster: &Cluster, receiver: &Receiver, filter: Option<&str>) -> String {
    let body = json!({"url": receiver.url(), "filter": filter});
    let made = cluster.make("/v1/tenants/acme/endpoints", &body).await;
    assert_eq!(made["filter"], json!(filter));
    format!(
        "/v1/tenants/acme/endpoints/{}",
        made["id"].as_str().unwrap()
    )
}

async fn publish(cluster: &Cluster, data: &str) -> String {
    let body = format!(r#"{{"tenant":"acme","event":"order.paid","data":{data}}}"#);
    let answer = cluster.publish(body).await.unwrap();
    assert_eq!(answer.status, 202, "{data}");
    answer.json()["id"].as_str().unwrap().to_owned()
}

/// The payloads of what arrived, sorted: deliveries have no order.
async fn arrived(receiver: &Receiver, count: usize) -> Vec<String> {
    let requests = receiver.wait_for(count, DEADLINE).await;
    let mut payloads: Vec<String> = requests
        .iter()
        .map(|request| String::from_utf8(payload(&request.body).to_vec()).unwrap())
        .collect();
    payloads.sort();
    payloads
}

fn sorted(payloads: &[&str]) -> Vec<String> {
    let mut payloads: Vec<String> = payloads.iter().map(ToString::to_string).collect();
    payloads.sort();
    payloads
}

/// Waits until the event is on record; gives the reason for this endpoint.
async fn reason(caller: &Caller, event: &str, endpoint: &str) -> String {
    let endpoint = endpoint.rsplit('/').next().unwrap();
    let path = format!("/v1/tenants/acme/events/{event}/explain?endpoint={endpoint}");
    eventually(DEADLINE, "the event to be explained", async || {
        let told: Value = caller.get(&path).await.json();
        let reason = told["data"][0]["reason"].as_str().map(ToOwned::to_owned);
        reason.filter(|reason| reason != "under_way").ok_or(told)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_gets_what_its_filter_selects_byte_for_byte() {
    let stack = Stack::new().await;
    let (cluster, caller) = platform(&stack).await;
    let selective = Receiver::start([Respond::ok()]).await;
    let everything = Receiver::start([Respond::ok()]).await;
    let filter = "@.total >= 100 && @.items[?@.sku == 'B-7']";
    let filtered = endpoint(&cluster, &selective, Some(filter)).await;
    endpoint(&cluster, &everything, None).await;
    let selected = [
        r#"{"total":100,"items":[{"sku":"B-7"}]}"#,
        "{ \"total\" :\t1.00e2, \"total\":100.000,\"items\":[{\"sku\":\"A\"},{\"sku\":\"\\u0042-7\"}] }",
        r#"{"total":1e400,"items":[{"sku":"B-7","note":"\ud800 \u0000 \ud83d"}],"n":9007199254740993}"#,
    ];
    let others = [
        r#"{"total":99.99,"items":[{"sku":"B-7"}]}"#,
        r#"{"total":100,"items":[{"sku":"C-9"}]}"#,
        r#"{"total":"100","items":[{"sku":"B-7"}]}"#,
        r#"{"total":100}"#,
        "null",
        "[]",
    ];
    let mut unselected = Vec::new();
    for data in others {
        unselected.push(publish(&cluster, data).await);
    }
    for data in selected {
        publish(&cluster, data).await;
    }
    let all: Vec<&str> = selected.into_iter().chain(others).collect();
    assert_eq!(arrived(&everything, all.len()).await, sorted(&all));
    assert_eq!(arrived(&selective, selected.len()).await, sorted(&selected));
    for event in unselected {
        assert_eq!(reason(&caller, &event, &filtered).await, "filter_false");
    }
    assert_eq!(selective.requests().len(), selected.len());
}

/// A filter that takes too long on a payload keeps that event from its own endpoint, which is
/// told; all else goes on at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_cannot_be_judged_is_nobody_elses_matter() {
    let stack = Stack::new().await;
    let (cluster, caller) = platform(&stack).await;
    let greedy = Receiver::start([Respond::ok()]).await;
    let plain = Receiver::start([Respond::ok()]).await;
    let endless = endpoint(&cluster, &greedy, Some("$[?$[?@ == -1] || @ == 1]")).await;
    endpoint(&cluster, &plain, Some("$[0]")).await;
    let large = format!("[0{}]", ",0".repeat(10_000));
    let mut sent = Vec::new();
    let mut unjudged = Vec::new();
    for _ in 0..20 {
        unjudged.push(publish(&cluster, &large).await);
        sent.push(large.as_str());
        publish(&cluster, "[1]").await;
        sent.push("[1]");
    }
    assert_eq!(arrived(&plain, sent.len()).await, sorted(&sent));
    assert_eq!(arrived(&greedy, 20).await, sorted(&["[1]"; 20]));
    for event in unjudged {
        assert_eq!(reason(&caller, &event, &endless).await, "filter_unknown");
    }
    assert_eq!(greedy.requests().len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_filter_holds_for_the_next_event() {
    let stack = Stack::new().await;
    let (cluster, caller) = platform(&stack).await;
    let receiver = Receiver::start([Respond::ok()]).await;
    let path = endpoint(&cluster, &receiver, Some("@.n == 0")).await;
    let change = async |filter: Value| {
        let body = json!({ "filter": filter }).to_string();
        let headers = [("if-match", "*")];
        let changed = caller.send(Method::PATCH, &path, &headers, body).await;
        assert_eq!(changed.status, 200, "{changed:?}");
    };
    let mut expected = Vec::new();
    for n in 1..=10 {
        let (data, other) = (format!(r#"{{"n":{n}}}"#), r#"{"n":0}"#);
        change(json!(format!("@.n == {n}"))).await;
        let passed_over = publish(&cluster, other).await;
        publish(&cluster, &data).await;
        expected.push(data);
        assert_eq!(
            arrived(&receiver, expected.len()).await.len(),
            expected.len()
        );
        assert_eq!(reason(&caller, &passed_over, &path).await, "filter_false");
    }
    change(Value::Null).await;
    publish(&cluster, r#"{"n":0}"#).await;
    expected.push(r#"{"n":0}"#.to_owned());
    expected.sort();
    assert_eq!(arrived(&receiver, expected.len()).await, expected);
}
