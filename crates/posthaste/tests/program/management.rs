//! The management API: what it does, and what it shows to whom.

use std::path::Path;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use testkit::cluster::Role;
use testkit::receiver::{Receiver, Respond};
use testkit::{Cluster, Stack, eventually};

use crate::support::{Caller, PROGRAM};

const SOON: Duration = Duration::from_secs(30);

/// What anybody may read.
const PUBLIC: [&str; 3] = ["/v1/egress-ips", "/v1/branding", "/v1/branding/logo"];

/// What is posted and changes nothing: who may read may do it.
const LOOKS: [&str; 2] = [
    "/v1/tenants/{tenant}/check-signature",
    "/v1/tenants/{tenant}/endpoints/check",
];

async fn console() -> (Stack, Cluster, Caller) {
    let stack = Stack::new().await;
    let mut cluster = Cluster::prepare(Path::new(PROGRAM), &stack).await;
    cluster.start_role(Role::Console).await;
    for name in ["acme", "other"] {
        cluster
            .make("/v1/tenants", &json!({"name": name, "external_id": name}))
            .await;
    }
    let caller = Caller {
        url: cluster.console_url(),
        key: cluster.key().to_owned(),
    };
    (stack, cluster, caller)
}

async fn endpoint(caller: &Caller, tenant: &str, body: &Value) -> Value {
    let path = format!("/v1/tenants/{tenant}/endpoints");
    let answer = caller.json(Method::POST, &path, body).await;
    assert_eq!(answer.status, 201, "{}", answer.json());
    answer.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_changed_only_by_who_has_seen_it() {
    let (_stack, _cluster, caller) = console().await;
    let body = json!({"url": "https://example.com/a", "description": "first", "timeout_s": 5});
    let made = endpoint(&caller, "acme", &body).await;
    let path = format!(
        "/v1/tenants/acme/endpoints/{}",
        made["id"].as_str().unwrap()
    );
    let seen = caller.get(&path).await;
    let tag = seen.headers["etag"].to_str().unwrap().to_owned();
    let change = json!({"description": "second", "retry_waits_s": [5, 30]}).to_string();
    let patch = async |tag: Option<&str>| {
        let headers: Vec<_> = tag.map(|tag| ("if-match", tag)).into_iter().collect();
        caller
            .send(Method::PATCH, &path, &headers, change.clone())
            .await
    };
    assert_eq!(patch(None).await.status, 428);
    let changed = patch(Some(&tag)).await;
    assert_eq!(changed.status, 200);
    let shown = changed.json();
    assert_eq!(
        (&shown["description"], &shown["timeout_s"]),
        (&json!("second"), &json!(5))
    );
    assert_eq!(
        shown["retry"],
        json!({"waits_s": [5, 30], "attempts": 3, "span_s": 35, "source": "endpoint"})
    );
    assert_eq!(patch(Some(&tag)).await.status, 412);
    assert_eq!(
        caller.send(Method::DELETE, &path, &[], "").await.status,
        204
    );
    assert_eq!(caller.get(&path).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_shown_once_and_kept_sealed() {
    let (stack, cluster, caller) = console().await;
    let canary = "canary-of-a-header-value";
    let body = json!({"url": "https://example.com/a", "headers": {"X-Token": canary}});
    let made = endpoint(&caller, "acme", &body).await;
    let secret = made["secret"].as_str().unwrap().to_owned();
    let path = format!(
        "/v1/tenants/acme/endpoints/{}",
        made["id"].as_str().unwrap()
    );
    let rotated = caller
        .json(Method::POST, &format!("{path}/rotate-secret"), &Value::Null)
        .await;
    let second = rotated.json()["secret"].as_str().unwrap().to_owned();
    assert_ne!(secret, second);
    for path in [path.as_str(), "/v1/tenants/acme/endpoints"] {
        let shown = String::from_utf8(caller.get(path).await.body.to_vec()).unwrap();
        assert!(shown.contains("x-token"), "{shown}");
        assert!(
            !shown.contains(canary) && !shown.contains("whsec_"),
            "{shown}"
        );
    }
    let dump = tokio::process::Command::new("pg_dump")
        .arg(stack.postgres_url())
        .output()
        .await;
    let dump = dump.expect("Postgres comes with pg_dump");
    assert!(
        dump.status.success(),
        "{}",
        String::from_utf8_lossy(&dump.stderr)
    );
    let dump = String::from_utf8_lossy(&dump.stdout);
    assert!(
        dump.contains("https://example.com/a"),
        "the endpoint is in the dump"
    );
    for planted in [canary, &secret, &second, &secret[6..], cluster.key()] {
        assert!(
            !dump.contains(planted),
            "{planted} is in the database in the clear"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_used_is_refused_by_name() {
    let (_stack, _cluster, caller) = console().await;
    for (body, status, pointer) in [
        (
            json!({"url": "http://example.com/", "event_types": ["a..b"]}),
            422,
            Some("#/event_types/0"),
        ),
        (json!({"url": "https://10.0.0.1/"}), 422, Some("#/url")),
        (json!({"url": "https://0xa000001/"}), 422, Some("#/url")),
        (json!({"url": "https://[::1]/"}), 422, Some("#/url")),
        (
            json!({"url": "https://user:pass@example.com/"}),
            422,
            Some("#/url"),
        ),
        (
            json!({"url": "https://example.com:22/"}),
            422,
            Some("#/url"),
        ),
        (
            json!({"url": "https://example.com/", "timeout_s": 31}),
            422,
            Some("#/timeout_s"),
        ),
        (
            json!({"url": "https://example.com/", "retry_waits_s": [0]}),
            422,
            Some("#/retry_waits_s"),
        ),
        (
            json!({"url": "https://example.com/", "headers": {"Webhook-Id": "1"}}),
            422,
            Some("#/headers/webhook-id"),
        ),
        (
            json!({"url": "https://example.com/", "secret": "short"}),
            422,
            Some("#/secret"),
        ),
        (
            json!({"url": "https://example.com/", "tenant_id": "x"}),
            400,
            None,
        ),
        (json!({}), 400, None),
    ] {
        let answer = caller
            .json(Method::POST, "/v1/tenants/acme/endpoints", &body)
            .await;
        let said = answer.json();
        assert_eq!(answer.status, status, "{body}: {said}");
        assert_eq!(
            said["errors"][0]["pointer"].as_str(),
            pointer,
            "{body}: {said}"
        );
    }
    for path in [
        "/v1/tenants?limit=0",
        "/v1/tenants?limit=251",
        "/v1/tenants?cursor=forged",
    ] {
        assert_eq!(caller.get(path).await.status, 400, "{path}");
    }
    for path in [
        "/v1/nothing",
        "/v1/tenants/nobody",
        "/v1/tenants/acme/endpoints/ep_1",
    ] {
        assert_eq!(caller.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_page_without_gaps_or_repeats() {
    let (_stack, _cluster, caller) = console().await;
    let mut made = Vec::new();
    for number in 0..7 {
        let body = json!({"url": format!("https://example.com/{number}")});
        made.push(endpoint(&caller, "acme", &body).await["id"].clone());
    }
    let (mut path, mut seen) = ("/v1/tenants/acme/endpoints?limit=3".to_owned(), Vec::new());
    loop {
        let page = caller.get(&path).await.json();
        seen.extend(
            page["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["id"].clone()),
        );
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/v1/tenants/acme/endpoints?limit=3&cursor={cursor}");
    }
    made.reverse();
    assert_eq!(seen, made);
}

/// Every route below a tenant, as the API describes itself, with another tenant's key.
#[tokio::test(flavor = "multi_thread")]
async fn no_tenant_reaches_into_another() {
    let (_stack, cluster, caller) = console().await;
    let tenants = caller.get("/v1/tenants").await.json();
    let id = |name: &str| {
        let all = tenants["data"].as_array().unwrap();
        all.iter().find(|one| one["name"] == name).unwrap()["id"].clone()
    };
    let key = async |tenant: &Value, scopes: &[&str]| {
        let body = json!({"name": "a key", "tenant": tenant, "scopes": scopes});
        cluster.make("/v1/api-keys", &body).await["key"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let foreign = caller.with_key(&key(&id("other"), &["read", "manage", "publish"]).await);
    let reader = caller.with_key(&key(&id("acme"), &["read"]).await);
    let made = endpoint(&caller, "acme", &json!({"url": "https://example.com/a"})).await;

    let document = caller.get("/openapi.json").await.json();
    assert!(
        document["openapi"].as_str().unwrap().starts_with("3.1"),
        "{}",
        document["openapi"]
    );
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() >= 18, "{}", paths.len());
    for (path, methods) in paths {
        let filled = path
            .replace("{tenant}", id("acme").as_str().unwrap())
            .replace("{endpoint}", made["id"].as_str().unwrap())
            .replace("{event}", "evt_00000000000000000000000000000000")
            .replace("{delivery}", "dlv_00000000000000000000000000000000")
            .replace("{letter}", "dead_00000000000000000000000000000000")
            .replace("{replay}", "rpl_00000000000000000000000000000000")
            .replace("{key}", "key_00000000000000000000000000000000")
            .replace("{name}", "shipment.created");
        for (method, described) in methods.as_object().unwrap() {
            let method: Method = method.to_uppercase().parse().unwrap();
            assert!(
                described["responses"]
                    .as_object()
                    .is_some_and(|one| !one.is_empty()),
                "{path}"
            );
            let nobody = caller.with_key("phk_nobody");
            let answer = nobody
                .send(method.clone(), &filled, &[("if-match", "*")], "{}")
                .await;
            if method == Method::GET && PUBLIC.contains(&path.as_str()) {
                // There is no logo yet.
                assert!(matches!(answer.status.as_u16(), 200 | 404), "{path}");
                continue;
            }
            assert_eq!(answer.status, 401, "{method} {path}");
            let answer = foreign
                .send(method.clone(), &filled, &[("if-match", "*")], "{}")
                .await;
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.json());
            let only_looks = method == Method::GET || LOOKS.contains(&path.as_str());
            if path.contains("{tenant}") && !only_looks {
                let answer = reader
                    .send(method.clone(), &filled, &[("if-match", "*")], "{}")
                    .await;
                let expected = if path == "/v1/tenants/{tenant}" {
                    404
                } else {
                    403
                };
                assert_eq!(
                    answer.status,
                    expected,
                    "{method} {path}: {}",
                    answer.json()
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_held_is_delivered_after_the_pause() {
    let stack = Stack::new().await;
    let cluster = Cluster::start(Path::new(PROGRAM), &stack).await;
    let caller = Caller {
        url: cluster.console_url(),
        key: cluster.key().to_owned(),
    };
    cluster
        .make(
            "/v1/tenants",
            &json!({"name": "acme", "external_id": "acme"}),
        )
        .await;
    let receiver = Receiver::start([Respond::ok()]).await;
    let made = endpoint(&caller, "acme", &json!({"url": receiver.url()})).await;
    let path = format!(
        "/v1/tenants/acme/endpoints/{}",
        made["id"].as_str().unwrap()
    );
    let paused = caller
        .json(Method::POST, &format!("{path}/pause"), &Value::Null)
        .await;
    assert_eq!(paused.json()["state"], "paused");
    // The dispatcher hears of the pause in a moment; what it sent before that is no failure.
    eventually(SOON, "a delivery to be held", async || {
        let body = r#"{"tenant":"acme","event":"shipment.created","data":1}"#;
        cluster
            .publish(body)
            .await
            .map_err(|error| error.to_string())?;
        let held = caller
            .get("/v1/tenants/acme/deliveries?state=held")
            .await
            .json();
        if held["data"].as_array().is_some_and(|held| !held.is_empty()) {
            Ok(())
        } else {
            Err(held.to_string())
        }
    })
    .await;
    let before = receiver.requests().len();
    caller
        .json(Method::POST, &format!("{path}/resume"), &Value::Null)
        .await;
    receiver.wait_for(before + 1, SOON).await;
    eventually(SOON, "nothing to be held any more", async || {
        let held = caller
            .get("/v1/tenants/acme/deliveries?state=held")
            .await
            .json();
        if held["data"] == json!([]) {
            Ok(())
        } else {
            Err(held.to_string())
        }
    })
    .await;
}
