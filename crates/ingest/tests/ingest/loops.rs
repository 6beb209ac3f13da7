//! Deliveries that come back to where events come in.

use domain::dispatch::HOPS_HEADER;

use crate::rig::{Rig, event};

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_no_event() {
    let rig = Rig::start().await;
    let cloud_event = r#"{"specversion":"1.0","id":"a","source":"/tenants/acme","type":"a.b",
        "tenant":"acme","datacontenttype":"application/json","data":1}"#;
    for (path, content_type, body) in [
        ("/v1/events", "application/json", event("1")),
        (
            "/v1/events",
            "application/cloudevents+json",
            cloud_event.to_owned(),
        ),
        (
            "/v1/events/batch",
            "application/json",
            format!("[{}]", event("1")),
        ),
    ] {
        for hops in ["1", "0", "other"] {
            let headers = [("content-type", content_type), (HOPS_HEADER, hops)];
            let refused = rig.post(path, &headers, body.clone()).await;
            assert_eq!(refused.status, 508, "{path}: {}", refused.json());
            assert_eq!(
                refused.json()["errors"][0]["pointer"],
                "header:Webhook-Hops"
            );
        }
    }
    // The same without the mark is one.
    rig.accepted_id(&[], event("1")).await;
    assert_eq!(rig.message().await.len(), 1);
    rig.stop().await;
}
