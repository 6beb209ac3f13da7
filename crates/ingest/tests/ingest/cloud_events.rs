//! CloudEvents in each mode are the same event.

use serde_json::json;

use crate::rig::Rig;

#[tokio::test(flavor = "multi_thread")]
async fn every_mode_makes_the_same_event() {
    let rig = Rig::start().await;
    let cloud = json!({
        "specversion": "1.0", "id": "1", "source": "/s", "type": "shipment.created",
        "tenant": "acme", "data": {"n": 1}, "extension": "ignored",
    })
    .to_string();
    let structured = [("content-type", "application/cloudevents+json")];
    let id = rig.accepted_id(&structured, cloud.clone()).await;
    let binary = [
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/s"),
        ("ce-type", "shipment.created"),
        ("ce-tenant", "acme"),
    ];
    assert_eq!(rig.accepted_id(&binary, r#" {"n":1} "#).await, id);
    let batch = [("content-type", "application/cloudevents-batch+json")];
    let answer = rig
        .post("/v1/events/batch", &batch, format!("[{cloud}]"))
        .await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.json()["results"][0]["id"], *id);
    for stored in rig.events(3).await {
        assert_eq!(stored.data, r#"{"n":1}"#);
        assert_eq!(stored.id.to_string(), id);
    }

    let missing = rig.post("/v1/events", &binary[..3], "1").await;
    assert_eq!(missing.status, 400);
    let pointer = missing.json()["errors"][0]["pointer"].clone();
    assert_eq!(pointer, "header:ce-type");
    rig.stop().await;
}
