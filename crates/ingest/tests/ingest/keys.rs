//! Who may publish for whom, and keys that name an event.

use std::collections::HashSet;

use domain::event::Identity;
use futures::future::join_all;
use store::api_keys::{Reach, Scope};

use crate::rig::{ACME, Rig, event, event_with};

impl Rig {
    async fn status_with(&self, authorization: &str, body: &str) -> u16 {
        let headers = [("authorization", authorization)];
        let answer = self.post("/v1/events", &headers, body.to_owned()).await;
        if answer.status == 401 {
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
        answer.status.as_u16()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_key_that_may_publish_does() {
    let rig = Rig::start().await;
    let unknown = format!("Bearer phk_{}", "A".repeat(43));
    for bad in ["", "Bearer", "Bearer ", "Basic YTpi", "phk_x", &unknown] {
        assert_eq!(rig.status_with(bad, &event("1")).await, 401, "{bad:?}");
    }
    let (_, reader) = rig.key(Reach::Platform, Scope::Read).await;
    let reader = format!("bearer {reader}");
    assert_eq!(rig.status_with(&reader, &event("1")).await, 403);
    assert_eq!(rig.status_with(&reader, "garbage").await, 403, "not read");

    let (revoked, text) = rig.key(Reach::Platform, Scope::Publish).await;
    let text = format!("bearer {text}");
    assert_eq!(rig.status_with(&text, &event("1")).await, 202);
    rig.store.revoke_api_key(revoked.id, None).await.unwrap();
    rig.refresh().await;
    assert_eq!(rig.status_with(&text, &event("1")).await, 401);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_key_is_good_for_that_tenant_alone() {
    let rig = Rig::start().await;
    let other = rig.tenant("other").await;
    let (_, text) = rig.key(Reach::Tenant(rig.tenant), Scope::Publish).await;
    let text = format!("Bearer {text}");
    assert_eq!(
        rig.status_with(&text, r#"{"event":"a","data":1}"#).await,
        202
    );
    assert_eq!(rig.event().await.tenant, rig.tenant);
    for (name, status) in [
        (ACME, 202),
        ("other", 404),
        (&other.to_string(), 404),
        ("nobody", 404),
    ] {
        let body = format!(r#"{{"tenant":"{name}","event":"a","data":1}}"#);
        assert_eq!(rig.status_with(&text, &body).await, status, "{name}");
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_events_key_names_it_however_it_is_given() {
    let rig = Rig::start().await;
    let member = event_with(r#""id":"order-1""#);
    let id = rig.accepted_id(&[], member.clone()).await;
    let bare = [("idempotency-key", "order-1")];
    assert_eq!(rig.accepted_id(&bare, event("1")).await, id);
    assert_eq!(rig.accepted_id(&bare, member.clone()).await, id, "both");
    let quoted = [("idempotency-key", r#""order-1""#)];
    assert_eq!(rig.accepted_id(&quoted, event("1")).await, id);

    let events = rig.events(4).await;
    let Identity::Keyed { fingerprint } = events[0].identity else {
        panic!("minted: {:?}", events[0]);
    };
    for event in &events {
        assert_eq!(event.id.to_string(), id);
        assert_eq!(event.identity, Identity::Keyed { fingerprint });
    }

    let other = [("idempotency-key", "order-2")];
    let differs = rig.post("/v1/events", &other, member).await;
    assert_eq!(differs.status, 400);
    let pointer = differs.json()["errors"][0]["pointer"].clone();
    assert_eq!(pointer, "header:Idempotency-Key");
    let empty = [("idempotency-key", "\"\"")];
    assert_eq!(rig.post("/v1/events", &empty, event("1")).await.status, 400);
    let reused = rig.post("/v1/events", &bare, event("2")).await;
    assert_eq!(reused.status, 409);
    assert_eq!(reused.json()["errors"][0]["pointer"], "#/id");
    rig.stop().await;
}

/// Whoever of them is first, and whichever message each travels in.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_at_once_with_one_key_are_one_event() {
    const COUNT: usize = 100;
    let rig = Rig::start().await;
    let key = [("idempotency-key", "order-1")];
    let posts = (0..COUNT).map(|_| rig.accepted_id(&key, event("1")));
    let told: HashSet<String> = join_all(posts).await.into_iter().collect();
    let stored = rig.events(COUNT).await;
    let stored: HashSet<String> = stored.iter().map(|one| one.id.to_string()).collect();
    assert_eq!((told.len(), told), (1, stored));
    rig.stop().await;
}

/// A key is one tenant's: another may use the same.
#[tokio::test(flavor = "multi_thread")]
async fn tenants_do_not_share_keys() {
    let rig = Rig::start().await;
    rig.tenant("other").await;
    let key = [("idempotency-key", "order-1")];
    let first = rig.accepted_id(&key, event("1")).await;
    let body = r#"{"tenant":"other","event":"shipment.created","data":2}"#;
    assert_ne!(rig.accepted_id(&key, body).await, first);
    rig.stop().await;
}
