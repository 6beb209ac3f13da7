//! What the platform is told reaches fan-out.

use std::time::Duration;

use broker::topology::{Route, queue};
use domain::delivery::DeadReason;
use domain::endpoint::BodyFormat;
use domain::event::Event;
use domain::id::TenantId;
use domain::outcome::Observed;
use domain::report::{AttemptReport, Report, Standing};
use signature::Secret;
use store::endpoints::{EndpointRecord, Settings};
use store::tenants::NewTenant;
use wire::MessageType;

use crate::rig::{Rig, shard};

/// An endpoint of a tenant of its own.
async fn endpoint(rig: &Rig) -> EndpointRecord {
    let new = NewTenant {
        external_id: Some("acme".into()),
        name: "Acme".into(),
    };
    let tenant = rig.store.create_tenant(&new).await.unwrap().id;
    let settings = Settings {
        url: "https://hooks.example.com/in?token=1".parse().unwrap(),
        description: String::new(),
        event_types: vec!["*".parse().unwrap()],
        channels: Vec::new(),
        format: BodyFormat::Guide,
        headers: Vec::new(),
        timeout: Duration::from_secs(15),
        retry: None,
        filter: None,
        rate_limit: None,
    };
    let secret = Secret::from_bytes(vec![7; 32]).unwrap();
    let made = rig.store.create_endpoint(tenant, &settings, &secret).await;
    made.unwrap()
}

/// A report that the endpoint answered 410.
fn gone(rig: &Rig, endpoint: &EndpointRecord) -> Report {
    let mut report = rig.report();
    let attempt = report.attempt.take().unwrap();
    report.attempt = Some(AttemptReport {
        started_at: endpoint.state_since + time::Duration::SECOND,
        observed: Observed::Answered {
            status: 410,
            retry_after: None,
        },
        ..attempt
    });
    report.standing = Standing::Dead {
        attempt: report.standing.attempt(),
        reason: DeadReason::Gone,
    };
    report.tenant = endpoint.tenant;
    report.delivery.endpoint = endpoint.id;
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_endpoint_is_told_to_the_platform() {
    let rig = Rig::start().await;
    let endpoint = endpoint(&rig).await;
    let gone = gone(&rig, &endpoint);
    let items = vec![wire::report::encode(&gone)];
    rig.publish(Route::results(), MessageType::Report, items)
        .await;
    let [body] = rig
        .bodies(queue::fanout(shard()), 1)
        .await
        .try_into()
        .unwrap();
    let [item] = wire::batch::split(body).unwrap().try_into().unwrap();
    let event: Event = wire::accepted::decode(item).unwrap();
    assert_eq!(event.tenant, TenantId::PLATFORM);
    assert_eq!(event.event_type.as_str(), "endpoint.disabled");
    let data: serde_json::Value = serde_json::from_slice(&event.data).unwrap();
    assert_eq!(data["tenant"]["external_id"], "acme");
    assert_eq!(data["endpoint"]["host"], "hooks.example.com");
    rig.stop().await;
}
