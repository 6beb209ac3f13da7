use std::time::Duration;

use domain::dispatch::Payload;
use domain::endpoint::{Endpoint, EndpointState};
use domain::id::{EndpointId, EventId, TenantId};
use domain::retry::RetryPolicy;
use domain::trace::TraceContext;
use signature::Secret;
use time::macros::datetime;
use uuid::Uuid;

use super::*;

const NOW: OffsetDateTime = datetime!(2026-11-23 10:00:00 UTC);

fn secret(byte: u8) -> Secret {
    Secret::from_bytes(vec![byte; 32]).unwrap()
}

fn endpoint(headers: &[(&str, &str)]) -> Endpoint {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Endpoint {
        id: EndpointId::from_uuid(Uuid::from_u128(3)),
        tenant: TenantId::from_uuid(Uuid::from_u128(2)),
        url: "https://example.com/".parse().unwrap(),
        state: EndpointState::Enabled,
        format: BodyFormat::Guide,
        headers: headers.iter().map(own).collect(),
        timeout: Duration::from_secs(15),
        retry: RetryPolicy::default(),
        rate_limit: None,
    }
}

fn content() -> Content {
    Content {
        event: EventId::from_uuid(Uuid::from_u128(1)),
        tenant: TenantId::from_uuid(Uuid::from_u128(2)),
        event_type: "user.created".parse().unwrap(),
        timestamp: NOW,
        accepted_at: NOW,
        payload: Payload::Stored,
        trace: TraceContext::default(),
    }
}

fn build(target: &Target, traceparent: Switch) -> WebhookRequest {
    let requests = Requests {
        user_agent: HeaderValue::from_static("Posthaste/test"),
        traceparent,
    };
    let body = Body {
        shared: &Bodies::default(),
        data: b"{}",
    };
    requests.build(target, &content(), body, NOW, "00-trace")
}

fn text<'a>(request: &'a WebhookRequest, name: &str) -> Option<&'a str> {
    request.headers.get(name)?.to_str().ok()
}

#[test]
fn during_a_rotation_both_secrets_sign_and_the_newest_seals() {
    let later = NOW + Duration::from_secs(1);
    let secrets = vec![
        (secret(3), None),
        (secret(2), Some(later)),
        (secret(1), Some(NOW)),
    ];
    let request = build(&Target::new(endpoint(&[]), secrets), Switch::On);
    let signatures = text(&request, "webhook-signature").unwrap();
    assert_eq!(
        signatures.split(' ').count(),
        2,
        "the one that has ended is out"
    );
    for live in [secret(3), secret(2)] {
        let verified = standard::verify(
            [&live],
            text(&request, "webhook-id"),
            text(&request, "webhook-timestamp"),
            Some(signatures),
            &request.body,
            NOW.unix_timestamp(),
            standard::TOLERANCE,
        );
        assert_eq!(verified, Ok(()));
    }
    assert_eq!(guide::verify([&secret(3)], &request.body), Ok(()));
    assert!(guide::verify([&secret(2)], &request.body).is_err());
}

#[test]
fn an_endpoints_own_headers_never_replace_ours() {
    let own = [
        ("webhook-id", "forged"),
        ("user-agent", "forged"),
        ("x-own", "kept"),
    ];
    let target = Target::new(endpoint(&own), vec![(secret(1), None)]);
    let request = build(&target, Switch::Off);
    assert_eq!(
        text(&request, "webhook-id"),
        Some("evt_00000000000000000000000000000001")
    );
    assert_eq!(request.headers.get_all("webhook-id").iter().count(), 1);
    assert_eq!(text(&request, "user-agent"), Some("Posthaste/test"));
    assert_eq!(text(&request, "x-own"), Some("kept"));
    assert_eq!(text(&request, "traceparent"), None, "switched off");
}
