//! One trace from the publisher to the receiver, as an OpenTelemetry collector gets it.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use testkit::cluster::Role;
use testkit::receiver::{Receiver, Request, Respond};
use testkit::{Cluster, Collector, Span, Stack, eventually, raw};

use crate::support::{Caller, PROGRAM};

const DEADLINE: Duration = Duration::from_secs(60);
const PUBLISHERS: &str = "b7ad6b7169203331";
/// What must be in no span: the payload, the URL's path and query, and a header's value have it.
const CANARY: &str = "canary-7f3a";

/// A publisher's trace that is recorded.
fn traceparent(trace: &str) -> String {
    format!("00-{trace}-{PUBLISHERS}-01")
}

fn event(tenant: &str) -> String {
    let event = json!({"tenant": tenant, "event": "shipment.created", "data": {"id": CANARY}});
    event.to_string()
}

/// The program, which sends its spans there.
async fn cluster(stack: &Stack, endpoint: String, dispatcher: &[&str]) -> Cluster {
    let mut cluster = Cluster::prepare(Path::new(PROGRAM), stack).await;
    let loopback = ["--allow-network", "127.0.0.0/8", "--allow-http"];
    cluster.arguments(Role::Dispatcher, &[&loopback[..], dispatcher].concat());
    cluster.environment("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
    cluster.environment("POSTHASTE_LOG_FORMAT", "json");
    // Spans leave ten times a second instead of every five seconds.
    cluster.environment("OTEL_BSP_SCHEDULE_DELAY", "100");
    for role in Role::ALL {
        cluster.start_role(role).await;
    }
    cluster
}

/// A tenant's only endpoint, whose receiver answers so.
async fn receiver(cluster: &Cluster, tenant: &str, script: Vec<Respond>) -> Receiver {
    let receiver = Receiver::start(script).await;
    let made = json!({"name": tenant, "external_id": tenant});
    cluster.make("/v1/tenants", &made).await;
    let endpoint = json!({
        "url": format!("{}/{CANARY}?token={CANARY}", receiver.url()),
        "retry_waits_s": [1, 1],
        "headers": {"x-own": CANARY},
    });
    let path = format!("/v1/tenants/{tenant}/endpoints");
    cluster.make(&path, &endpoint).await;
    receiver
}

fn fails_twice() -> Vec<Respond> {
    vec![Respond::status(500), Respond::status(500), Respond::ok()]
}

async fn publish(cluster: &Cluster, tenant: &str, trace: &str) {
    let publisher = Caller {
        url: cluster.ingest_url(),
        key: cluster.key().to_owned(),
    };
    let parent = traceparent(trace);
    let headers = [("traceparent", &*parent), ("tracestate", "vendor=1")];
    let answer = publisher
        .send(Method::POST, "/v1/events", &headers, event(tenant))
        .await;
    assert_eq!(answer.status, 202, "{answer:?}");
}

/// The trace when it is complete: every hop in it as often as it is made.
async fn complete(collector: &Collector, trace: &str, first: &[&'static str]) -> Vec<Span> {
    let mut expected: BTreeMap<&str, usize> = first.iter().map(|name| (*name, 1)).collect();
    expected.extend([
        ("ingest publish posthaste.events:{lane}.{shard}", 1),
        ("fanout process posthaste.fanout.{shard}", 1),
        ("fanout publish posthaste.dispatch:{lane}.{shard}", 1),
        ("dispatcher process posthaste.dispatch.fresh.{shard}", 1),
        ("dispatcher process posthaste.dispatch.retry.{shard}", 2),
        ("dispatcher POST", 3),
        ("dispatcher publish posthaste.retry:{tier}.{shard}", 2),
        ("dispatcher publish posthaste.results:attempts", 3),
        ("recorder process posthaste.results", 3),
    ]);
    let what = "every hop to be in the trace";
    eventually(DEADLINE, what, async || {
        let spans = collector.trace(trace);
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for span in &spans {
            let role = span.service.trim_start_matches("posthaste-");
            *seen.entry(format!("{role} {}", span.name)).or_default() += 1;
        }
        let expected = expected.iter().map(|(name, count)| (*name, *count));
        if seen
            .iter()
            .map(|(name, count)| (&**name, *count))
            .eq(expected)
        {
            Ok(spans)
        } else {
            Err(format!("{seen:#?}"))
        }
    })
    .await
}

/// Every span is within another of the trace, up to the publisher's own.
fn assert_connected(spans: &[Span]) {
    let ids: HashSet<&str> = spans.iter().map(|span| &*span.id).collect();
    let roots = spans.iter().filter(|span| !ids.contains(&*span.parent));
    let parents: Vec<&str> = roots.map(|root| &*root.parent).collect();
    assert_eq!(
        parents,
        [PUBLISHERS],
        "one root, within the publisher's span"
    );
    for span in spans {
        let within_trace = |(trace, id): &(String, String)| {
            *trace == span.trace && (ids.contains(&**id) || id == PUBLISHERS)
        };
        assert!(span.links.iter().all(within_trace), "{span:?}");
    }
}

/// The attempts stand one after the other, each linked to the one before, and each receiver's header
/// names its attempt.
fn assert_attempts(spans: &[Span], requests: &[Request]) {
    let mut attempts: Vec<&Span> = spans.iter().filter(|span| span.name == "POST").collect();
    attempts.sort_by_key(|span| span.attributes["posthaste.attempt"].clone());
    let mut before = None;
    for (number, (attempt, request)) in (1..).zip(attempts.iter().zip(requests)) {
        let known = |name: &str| attempt.attributes.get(name).map(String::as_str);
        assert_eq!(
            known("posthaste.attempt"),
            Some(number.to_string().as_str())
        );
        let resent = (number > 1).then(|| (number - 1).to_string());
        assert_eq!(known("http.request.resend_count"), resent.as_deref());
        let last = number == 3;
        let (status, error) = if last {
            ("200", None)
        } else {
            ("500", Some("500"))
        };
        assert_eq!(known("http.response.status_code"), Some(status));
        assert_eq!((known("error.type"), attempt.failed), (error, !last));
        let linked: Vec<&str> = attempt.links.iter().map(|(_, id)| &**id).collect();
        assert_eq!(linked, Vec::from_iter(before), "the attempt before");
        before = Some(&*attempt.id);
        let told = format!("00-{}-{}-01", attempt.trace, attempt.id);
        assert_eq!(request.headers["traceparent"], told);
        assert!(
            !request.headers.contains_key("tracestate"),
            "it stops at our edge"
        );
    }
}

fn assert_discreet(spans: &[Span]) {
    for span in spans {
        let said = format!("{span:?}");
        assert!(!said.contains(CANARY), "{said}");
    }
}

/// One line an attempt, which names its span.
fn assert_logged(cluster: &Cluster, trace: &str, spans: &[Span]) {
    let lines = cluster.logged(Role::Dispatcher, "attempt finished");
    let lines = lines.iter().map(|line| {
        let line: Value = serde_json::from_str(line).expect("a line is one JSON object");
        line
    });
    let lines: Vec<Value> = lines.filter(|line| line["trace_id"] == trace).collect();
    let named: HashSet<&str> = lines
        .iter()
        .filter_map(|line| line["span_id"].as_str())
        .collect();
    let attempts = spans.iter().filter(|span| span.name == "POST");
    let attempts: HashSet<&str> = attempts.map(|span| &*span.id).collect();
    assert_eq!((lines.len(), named), (3, attempts));
    for line in &lines {
        for fact in [
            "delivery.id",
            "event.id",
            "endpoint.id",
            "tenant.id",
            "outcome",
            "duration_ms",
        ] {
            assert!(!line[fact].is_null(), "{fact} in {line}");
        }
    }
    for role in Role::ALL {
        assert!(!cluster.log_has(role, CANARY), "{} logs it", role.name());
    }
}

/// All that is to be found of a delivery that arrived with its third attempt.
async fn assert_followed(
    (cluster, collector): (&Cluster, &Collector),
    trace: &str,
    first: &'static str,
    receiver: &Receiver,
) {
    let requests = receiver.wait_for(3, DEADLINE).await;
    let spans = complete(collector, trace, &[first]).await;
    assert_connected(&spans);
    assert_attempts(&spans, &requests);
    assert_discreet(&spans);
    assert_logged(cluster, trace, &spans);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_the_publisher_to_the_receiver() {
    let stack = Stack::new().await;
    let collector = Collector::start().await;
    let cluster = cluster(&stack, collector.endpoint(), &[]).await;
    let seen = (&cluster, &collector);

    let trace = "0af7651916cd43dd8448eb211c80319c";
    let over_http = receiver(&cluster, "acme", fails_twice()).await;
    publish(&cluster, "acme", trace).await;
    assert_followed(seen, trace, "ingest POST /v1/events", &over_http).await;

    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let over_amqp = receiver(&cluster, "globex", fails_twice()).await;
    let headers = json!({"traceparent": traceparent(trace), "tracestate": "vendor=1"});
    let properties = json!({"content_type": "application/json", "headers": headers});
    let body = event("globex");
    let broker = stack.broker_admin();
    broker
        .publish("posthaste.inbox", "event", body.as_bytes(), properties)
        .await;
    assert_followed(seen, trace, "ingest process posthaste.inbox", &over_amqp).await;

    let trace = "70f5c2a9d1b84d6ab0a4c7e3f1962d58";
    let headers = json!({"traceparent": traceparent(trace)});
    let properties = json!({"content_type": "application/json", "headers": headers});
    let body = format!(r#"{{"no": "event of {CANARY}"}}"#);
    broker
        .publish("posthaste.inbox", "event", body.as_bytes(), properties)
        .await;
    let kept = eventually(DEADLINE, "the dead letter to be in the trace", async || {
        let mut spans = collector.trace(trace).into_iter();
        spans.find(|span| span.service == "posthaste-recorder")
    })
    .await;
    assert_eq!(kept.name, "process posthaste.rejected");
    let class = kept.attributes.get("error.type").map(String::as_str);
    assert_eq!((kept.failed, class), (true, Some("rejected")));
    assert_discreet(&collector.trace(trace));
}

/// One collector takes the connection and no more; the dispatcher's, over HTTP, takes the spans and
/// never answers.
#[tokio::test(flavor = "multi_thread")]
async fn collectors_that_hang_change_nothing() {
    const EVENTS: usize = 50;
    let stack = Stack::new().await;
    let mute = raw::Receiver::start(async |_stream| std::future::pending().await).await;
    let hanging = Receiver::start([Respond::hang()]).await;
    let endpoint = hanging.url().replace("/webhooks", "");
    let over_http = [
        "--otlp-endpoint",
        &endpoint,
        "--otlp-protocol",
        "http/protobuf",
    ];
    let mut cluster = cluster(&stack, format!("http://{}", mute.address()), &over_http).await;
    let receiver = receiver(&cluster, "acme", vec![Respond::ok()]).await;
    for _ in 0..EVENTS {
        publish(&cluster, "acme", "0af7651916cd43dd8448eb211c80319c").await;
    }
    receiver.wait_for(EVENTS, DEADLINE).await;

    let exported = hanging.wait_for(1, DEADLINE).await;
    assert_eq!(exported[0].uri.path(), "/v1/traces");
    assert_eq!(
        exported[0].headers["content-type"],
        "application/x-protobuf"
    );
    assert!(
        exported[0].body.windows(4).any(|bytes| bytes == b"POST"),
        "it has the spans"
    );
    assert!(mute.connections() > 0, "the others are exporting, too");
    for role in Role::ALL {
        let ended = cluster.terminate(role).await;
        assert!(ended.success(), "{} ends with {ended}", role.name());
    }
}
