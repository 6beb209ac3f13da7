//! Requests that somebody received, checked: by the API, and on the guide's page.

use serde_json::{Value, json};
use signature::{Secret, guide, standard};
use time::OffsetDateTime;

use crate::browser::{Browser, page};
use crate::world::{World, problem, text};

/// A request as an endpoint receives it.
struct Sent {
    secret: String,
    headers: Value,
    body: String,
}

/// What is sent to an endpoint with this secret.
fn sent(secret: &str) -> Sent {
    let key = Secret::parse(secret).unwrap();
    let body = guide::seal(&key, br#"{"event":"user.created","data":{"n":1.10}}"#).unwrap();
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let signature = standard::sign(&key, "evt_1", now, &body);
    Sent {
        secret: secret.to_owned(),
        headers: json!({
            "Webhook-Id": "evt_1",
            "webhook-timestamp": now.to_string(),
            "webhook-signature": signature,
        }),
        body: String::from_utf8(body).unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_judged_with_and_without_its_endpoint() {
    let world = World::start().await;
    let (mine, other) = (
        world.endpoint(&world.acme).await,
        world.endpoint(&world.acme).await,
    );
    let (sent, path) = (
        sent(text(&mine, "secret")),
        world.acme.path("check-signature"),
    );
    let given = |secret: &str, body: &str, endpoint: &Value| json!({"secret": secret, "headers": sent.headers, "body": body, "endpoint": endpoint});
    let nobody = Value::Null;
    let rounded = sent.body.replace("1.10", "1.1");
    for (given, reason) in [
        (given(&sent.secret, &sent.body, &nobody), "genuine"),
        (given(&sent.secret, &sent.body, &mine["id"]), "genuine"),
        (
            given(text(&other, "secret"), &sent.body, &nobody),
            "unknown",
        ),
        (
            given(text(&other, "secret"), &sent.body, &mine["id"]),
            "secret_of_another",
        ),
        (given(&sent.secret, &rounded, &mine["id"]), "changed"),
        (given("whsec_", &sent.body, &nobody), "secret_unreadable"),
    ] {
        let judged = world.post(&world.reader, &path, given).await;
        assert_eq!(judged.status, 200, "{judged:?}");
        let judged = judged.json();
        assert_eq!(judged["reason"], reason, "{judged}");
        assert_eq!(judged["holds"], reason == "genuine");
    }
    let theirs = world.endpoint(&world.umbrella).await;
    let foreign = given(&sent.secret, &sent.body, &theirs["id"]);
    let refused = problem(&world.post(&world.acme.key, &path, foreign).await, 422);
    assert_eq!(refused["errors"][0]["pointer"], "#/endpoint");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pasted_is_judged_and_the_secret_is_not_shown_again() {
    let world = World::start().await;
    let browser = Browser::of(&world, &world.acme).await;
    let endpoint = world.endpoint(&world.acme).await;
    let sent = sent(text(&endpoint, "secret"));
    let checker = format!("/tenants/{}/guide/signature", world.acme.id);
    let headers: String = sent.headers.as_object().unwrap().iter().fold(
        "POST /webhooks HTTP/1.1\r\n".to_owned(),
        |lines, (name, value)| format!("{lines}{name}: {}\r\n", value.as_str().unwrap()),
    );
    let fields = |body| {
        [
            ("endpoint", text(&endpoint, "id")),
            ("headers", &*headers),
            ("body", body),
            ("secret", &*sent.secret),
        ]
    };
    let good = browser.post(&checker, &fields(&sent.body)).await;
    assert!(
        page(&good).contains("The signature holds"),
        "{}",
        page(&good)
    );
    assert!(!page(&good).contains(&sent.secret));
    let spaced = sent.body.replace("\":", "\": ");
    let bad = browser.post(&checker, &fields(&spaced)).await;
    for expected in [
        "The signature doesn’t hold",
        "parsed and written again",
        "webhook-signature: v1,",
        "&#34;event&#34;: &#34;user.created",
    ] {
        assert!(page(&bad).contains(expected), "{expected}: {}", page(&bad));
    }
    // Nothing of it is in the audit, nor anywhere else that is written down.
    let audit = world.get(&world.platform, "/v1/audit").await.json();
    assert!(!audit.to_string().contains("signature"), "{audit}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_is_filled_in_with_the_readers_endpoint() {
    let world = World::start().await;
    let browser = Browser::of(&world, &world.acme).await;
    let guide = format!("/tenants/{}/guide", world.acme.id);
    let before = browser.get(&guide).await;
    assert!(page(&before).contains("POST /webhooks HTTP/1.1"));
    let made = |url| json!({"url": url, "headers": {"x-team": "s3cret"}});
    let endpoints = world.acme.path("endpoints");
    let of = async |url| {
        world
            .post(&world.acme.key, &endpoints, made(url))
            .await
            .json()
    };
    let first = of("https://one.example/in/a?token=t0ken").await;
    let last = of("https://two.example/in/b").await;
    let newest = browser.get(&guide).await;
    assert!(page(&newest).contains(&format!("https://two.example/in/b ({})", text(&last, "id"))));
    let chosen = format!("{guide}?endpoint={}", text(&first, "id"));
    let chosen = browser.get(&chosen).await;
    for expected in [
        "POST /in/a HTTP/1.1",
        "@app.post(&#34;/in/a&#34;)",
        "x-team: …",
    ] {
        assert!(page(&chosen).contains(expected), "{expected}");
    }
    for kept in ["whsec_", "s3cret"] {
        assert!(!page(&chosen).contains(kept), "{kept}");
    }
    world.stop().await;
}
