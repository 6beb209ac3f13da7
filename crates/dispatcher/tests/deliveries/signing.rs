//! What a receiver gets.

use domain::endpoint::BodyFormat;
use domain::report::Standing;
use domain::trace::TraceContext;
use rstest::rstest;
use signature::{guide, standard};
use std::sync::Arc;
use testkit::receiver::Request;
use testkit::{Receiver, Respond};
use time::OffsetDateTime;

use crate::world::{SOON, World};

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request
        .headers
        .get(name)
        .map(|value| value.to_str().unwrap())
}

#[rstest]
#[case(BodyFormat::Guide, "application/json")]
#[case(BodyFormat::Standard, "application/json")]
#[case(BodyFormat::CloudEvents, "application/cloudevents+json")]
#[tokio::test]
async fn it_is_signed_in_every_format(#[case] format: BodyFormat, #[case] content_type: &str) {
    let world = World::start().await;
    let receiver = Receiver::start([Respond::ok().body("thanks")]).await;
    let endpoint = world
        .endpoint_with(&receiver.url(), &[], |settings| {
            settings.format = format;
            settings.headers = vec![
                ("x-of-its-own".to_owned(), "yes".to_owned()),
                ("webhook-id".to_owned(), "forged".to_owned()),
            ];
        })
        .await;
    let mut dispatch = world.dispatch(endpoint);
    Arc::make_mut(&mut dispatch.content).trace = TraceContext {
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
        tracestate: "vendor=secret".to_owned(),
    };
    world.publish(std::slice::from_ref(&dispatch)).await;

    let request = receiver.wait_for(1, SOON).await.remove(0);
    let id = dispatch.content.event.to_string();
    assert_eq!(header(&request, standard::WEBHOOK_ID), Some(&*id));
    assert_eq!(header(&request, "content-type"), Some(content_type));
    assert_eq!(header(&request, "x-of-its-own"), Some("yes"));
    assert!(
        header(&request, "user-agent")
            .unwrap()
            .starts_with("Posthaste/")
    );
    assert!(
        header(&request, "traceparent")
            .unwrap()
            .starts_with("00-0af7651916cd43dd8448eb211c80319c-")
    );
    assert_eq!(header(&request, "tracestate"), None, "it stops at our edge");
    let now = OffsetDateTime::now_utc().unix_timestamp();
    standard::verify(
        [&world.secret],
        header(&request, standard::WEBHOOK_ID),
        header(&request, standard::WEBHOOK_TIMESTAMP),
        header(&request, standard::WEBHOOK_SIGNATURE),
        &request.body,
        now,
        standard::TOLERANCE,
    )
    .unwrap();
    let body = std::str::from_utf8(&request.body).unwrap();
    assert!(
        body.contains(r#""data":{"n": 9007199254740993, "x": 1.10}"#),
        "{body}"
    );
    assert_eq!(
        guide::verify([&world.secret], &request.body).is_ok(),
        format == BodyFormat::Guide
    );

    let report = world.reports(&dispatch, 1).await.remove(0);
    assert!(matches!(report.standing, Standing::Delivered { .. }));
    let attempt = report.attempt.unwrap();
    assert_eq!(
        (attempt.status(), &attempt.answer[..]),
        (Some(200), &b"thanks"[..])
    );
    world.stop().await;
}
