//! What follows a failure.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use broker::topology::queue;
use domain::report::{Report, Standing};
use http::header::RETRY_AFTER;
use testkit::receiver::Request;
use testkit::{Receiver, Respond};

use crate::world::{SOON, World, shard};

/// The seconds between the requests, rounded.
fn gaps(requests: &[Request]) -> Vec<u64> {
    let half = Duration::from_millis(500);
    let gap = |pair: &[Request]| (pair[1].at - pair[0].at + half).as_secs();
    requests.windows(2).map(gap).collect()
}

fn waits_for(report: &Report) -> Option<u16> {
    match report.standing {
        Standing::Waiting { attempt, .. } => Some(attempt.get()),
        _ => None,
    }
}

#[tokio::test]
async fn a_failure_is_retried_at_the_policys_times() {
    let world = World::start().await;
    let script = [Respond::status(500), Respond::status(500), Respond::ok()];
    let receiver = Receiver::start(script).await;
    let endpoint = world.endpoint(&receiver.url(), &[1, 2, 5]).await;
    let dispatch = world.dispatch(endpoint);
    world.publish(std::slice::from_ref(&dispatch)).await;

    let requests = receiver.wait_for(3, SOON).await;
    assert_eq!(gaps(&requests), [1, 2]);
    let ids: Vec<_> = requests
        .iter()
        .map(|one| one.headers["webhook-id"].clone())
        .collect();
    assert!(
        ids.iter().all(|id| *id == ids[0]),
        "the same id over all attempts"
    );
    let reports = world.reports(&dispatch, 3).await;
    assert_eq!(waits_for(&reports[0]), Some(2));
    assert_eq!(waits_for(&reports[1]), Some(3));
    assert!(matches!(reports[2].standing, Standing::Delivered { attempt } if attempt.get() == 3));
    let statuses: Vec<_> = reports
        .iter()
        .map(|one| one.attempt.as_ref().and_then(|attempt| attempt.status()))
        .collect();
    assert_eq!(statuses, [Some(500), Some(500), Some(200)]);
    world.drained(&queue::dispatch_fresh(shard())).await;
    world.drained(&queue::dispatch_retry(shard())).await;
    world.stop().await;
}

#[tokio::test]
async fn what_is_exhausted_is_a_dead_letter() {
    let world = World::start().await;
    let receiver = Receiver::start([Respond::status(404)]).await;
    let endpoint = world.endpoint(&receiver.url(), &[1]).await;
    let dispatch = world.dispatch(endpoint);
    world.publish(std::slice::from_ref(&dispatch)).await;

    let letter = world.dead_letter().await;
    assert_eq!(letter.reason(), "exhausted");
    assert_eq!(letter.origin(), queue::dispatch_retry(shard()));
    assert_eq!(letter.dispatch().due.delivery, dispatch.due.delivery);
    assert_eq!(letter.dispatch().due.attempt.get(), 2);
    let reports = world.reports(&dispatch, 2).await;
    assert!(matches!(reports[1].standing, Standing::Dead { attempt, .. } if attempt.get() == 2));
    assert_eq!(receiver.requests().len(), 2);
    world.stop().await;
}

#[tokio::test]
async fn gone_is_not_tried_again() {
    let world = World::start().await;
    let receiver = Receiver::start([Respond::status(410)]).await;
    let endpoint = world.endpoint(&receiver.url(), &[1, 1, 1]).await;
    let dispatch = world.dispatch(endpoint);
    world.publish(std::slice::from_ref(&dispatch)).await;

    let letter = world.dead_letter().await;
    assert_eq!(letter.reason(), "gone");
    let reports = world.reports(&dispatch, 1).await;
    assert!(matches!(reports[0].standing, Standing::Dead { .. }));

    // Until the recorder has disabled the endpoint, what else is due there waits.
    let next = world.dispatch(endpoint);
    world.publish(std::slice::from_ref(&next)).await;
    world.drained(&queue::dispatch_fresh(shard())).await;
    assert_eq!(receiver.requests().len(), 1);
    world.stop().await;
}

/// However it is asked for, by whatever answer: nothing is sent to the endpoint before, and what
/// comes meanwhile waits with the broker and not here.
#[rstest::rstest]
#[case::seconds(429, |_| "4".to_owned())]
#[case::date(503, |asked: SystemTime| httpdate::fmt_http_date(asked + Duration::from_secs(5)))]
#[tokio::test]
async fn every_form_of_retry_after_delays_the_whole_endpoint(
    #[case] status: u16,
    #[case] value: fn(SystemTime) -> String,
) {
    let world = World::start().await;
    let is_first = AtomicBool::new(true);
    let receiver = Receiver::with(move |_| {
        if is_first.swap(false, Ordering::Relaxed) {
            Respond::status(status).header(RETRY_AFTER, &value(SystemTime::now()))
        } else {
            Respond::ok()
        }
    })
    .await;
    let endpoint = world.endpoint(&receiver.url(), &[1, 10]).await;
    let first = world.dispatch(endpoint);
    world.publish(std::slice::from_ref(&first)).await;
    world.reports(&first, 1).await;
    let others: Vec<_> = (0..20).map(|_| world.dispatch(endpoint)).collect();
    world.publish(&others).await;
    world.drained(&queue::dispatch_fresh(shard())).await;
    assert_eq!(receiver.requests().len(), 1, "all wait");

    let requests = receiver.wait_for(22, SOON).await;
    // A date is of whole seconds, and the delivery's own wait may end a twentieth early.
    let earliest = requests[0].at + Duration::from_millis(3_800);
    assert!(requests[1..].iter().all(|one| one.at >= earliest));
    for dispatch in &others {
        let report = world.reports(dispatch, 1).await.remove(0);
        assert!(matches!(report.standing, Standing::Delivered { attempt } if attempt.get() == 1));
    }
    world.stop().await;
}

/// Nobody can put an endpoint off for longer than its policy's longest wait.
#[tokio::test]
async fn retry_after_is_clamped_to_the_policy() {
    let world = World::start().await;
    let asks = Respond::status(429).header(RETRY_AFTER, "86400");
    let receiver = Receiver::start([asks, Respond::ok()]).await;
    let endpoint = world.endpoint(&receiver.url(), &[1, 3]).await;
    let both = [world.dispatch(endpoint), world.dispatch(endpoint)];
    world.publish(&both[..1]).await;
    world.reports(&both[0], 1).await;
    world.publish(&both[1..]).await;
    let requests = receiver.wait_for(3, SOON).await;
    assert!(requests[1].at - requests[0].at >= Duration::from_millis(2_850));
    world.stop().await;
}

/// The policy's own wait is 60 s and the longest 600 s: what makes sense is obeyed between these,
/// and whatever else there is changes nothing and breaks nothing.
#[tokio::test]
async fn every_form_of_retry_after_has_its_wait() {
    let world = World::start().await;
    let receiver = Receiver::with(|request| {
        let value = request.headers["x-asks"].to_str().unwrap();
        Respond::status(503).header(RETRY_AFTER, value)
    })
    .await;
    let now = SystemTime::now();
    let date = |seconds| httpdate::fmt_http_date(now + Duration::from_secs(seconds));
    let forms = [
        ("300".to_owned(), 300),
        (date(400), 300),
        ("0".to_owned(), 60),
        ("59".to_owned(), 60),
        ("600".to_owned(), 600),
        ("601".to_owned(), 600),
        ("86400".to_owned(), 600),
        ("18446744073709551615".to_owned(), 600),
        ("18446744073709551616".to_owned(), 600),
        ("9".repeat(1_000), 600),
        (date(1_000_000_000), 600),
        ("Fri, 31 Dec 9999 23:59:59 GMT".to_owned(), 600),
        // Dates that are over, in the three forms.
        ("Sun, 06 Nov 1994 08:49:37 GMT".to_owned(), 60),
        ("Sunday, 06-Nov-94 08:49:37 GMT".to_owned(), 60),
        ("Sun Nov  6 08:49:37 1994".to_owned(), 60),
        ("-300".to_owned(), 60),
        ("+300".to_owned(), 60),
        ("300.5".to_owned(), 60),
        ("3e2".to_owned(), 60),
        ("300s".to_owned(), 60),
        ("five minutes".to_owned(), 60),
        ("Sun, 06 Nov 1994".to_owned(), 60),
        ("Sun, 32 Foo 9999 99:99:99 GMT".to_owned(), 60),
        (String::new(), 60),
    ];
    let (url, mut asked) = (receiver.url(), Vec::new());
    for (value, wait_s) in forms {
        let asks = ("x-asks".to_owned(), value.clone());
        let endpoint = world.endpoint_with(&url, &[60, 600], |settings| {
            settings.headers.push(asks);
        });
        asked.push((world.dispatch(endpoint.await), value, wait_s));
    }
    let dispatches: Vec<_> = asked.iter().map(|(one, ..)| one.clone()).collect();
    world.publish(&dispatches).await;
    for (dispatch, value, wait_s) in asked {
        let report = world.reports(&dispatch, 1).await.remove(0);
        let Standing::Waiting {
            next_attempt_at, ..
        } = report.standing
        else {
            panic!("{value}: {report:?}");
        };
        // Jitter adds up to a tenth, and the date of 400 s was written some time before.
        let wait = (next_attempt_at - report.at).as_seconds_f64();
        let least = f64::from(wait_s);
        assert!((least..=least * 1.5).contains(&wait), "{value}: {wait} s");
    }
    world.stop().await;
}

#[tokio::test]
async fn retry_after_delays_the_delivery_and_its_endpoint() {
    let world = World::start().await;
    let asks = Respond::status(503).header(RETRY_AFTER, "3");
    let receiver = Receiver::start([asks, Respond::ok()]).await;
    let endpoint = world.endpoint(&receiver.url(), &[1, 10]).await;
    let first = world.dispatch(endpoint);
    world.publish(std::slice::from_ref(&first)).await;
    world.reports(&first, 1).await;
    let second = world.dispatch(endpoint);
    world.publish(std::slice::from_ref(&second)).await;

    let requests = receiver.wait_for(3, SOON).await;
    let waited = requests[1].at - requests[0].at;
    assert!(
        waited >= Duration::from_millis(2_850),
        "never early: {waited:?}"
    );
    assert!(waited < Duration::from_secs(5), "{waited:?}");
    let report = world.reports(&second, 1).await.remove(0);
    assert!(matches!(report.standing, Standing::Delivered { attempt } if attempt.get() == 1));
    world.stop().await;
}
