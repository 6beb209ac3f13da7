//! The scenes of the demonstration.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use super::platform::{Platform, Subscriber};
use super::tell::Teller;
use crate::cmd::listen::{Arrival, Manners, Verdict};

/// How long a delivery may take before the demonstration has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// The payload of the guide's example, with digits that a number type would lose.
const SHIPMENT: &str =
    r#"{"id":"ship_123","status":"created","created_at":"2024-01-15T10:30:00Z","weight_kg":1.10}"#;

/// An event arrives, signed.
pub(super) async fn a_signed_webhook(
    platform: &Platform,
    teller: Teller,
) -> anyhow::Result<Verdict> {
    teller.title("1. A signed webhook");
    platform.make_tenant().await?;
    let mut subscriber = platform
        .subscribe("shipment.created", &[5, 30], Manners::default())
        .await?;
    teller.good(&format!("a receiver listens at {}", subscriber.url));
    let began = Instant::now();
    let id = platform.publish("shipment.created", SHIPMENT).await?;
    teller.good(&format!("published shipment.created: 202 {id}"));
    let arrival = next(&mut subscriber).await?;
    teller.arrival(&arrival, 1, began.elapsed());
    teller.request(&arrival);
    ensure!(
        arrival.webhook_id == id,
        "the webhook-id is not the event's id"
    );
    let body = String::from_utf8_lossy(&arrival.body);
    ensure!(
        body.contains(SHIPMENT),
        "the payload's bytes are not the publisher's"
    );
    arrival.verdict.context("the delivery was not checked")
}

/// A receiver answers 500 twice; the tiers bring the event back until it succeeds.
pub(super) async fn a_receiver_that_fails_twice(
    platform: &Platform,
    teller: Teller,
) -> anyhow::Result<Verdict> {
    teller.title("2. A receiver that is down, and comes back");
    let manners = Manners {
        fail: 2,
        ..Manners::default()
    };
    let mut subscriber = platform
        .subscribe("user.created", &[1, 2, 5], manners)
        .await?;
    teller.good("a receiver that will answer 500 twice; its policy waits 1 s, 2 s, 5 s");
    let began = Instant::now();
    let id = platform
        .publish("user.created", r#"{"id":"user_456"}"#)
        .await?;
    teller.good(&format!("published user.created: 202 {id}"));
    for number in 1..=3 {
        let arrival = next(&mut subscriber).await?;
        teller.arrival(&arrival, number, began.elapsed());
        ensure!(
            arrival.webhook_id == id,
            "an attempt came with another webhook-id"
        );
        if arrival.status.is_success() {
            teller.request(&arrival);
            return arrival.verdict.context("the delivery was not checked");
        }
    }
    bail!("the delivery did not succeed at its third attempt")
}

async fn next(subscriber: &mut Subscriber) -> anyhow::Result<Arrival> {
    tokio::time::timeout(PATIENCE, subscriber.arrivals.recv())
        .await
        .context("nothing arrived within a minute")?
        .context("the receiver ended")
}
