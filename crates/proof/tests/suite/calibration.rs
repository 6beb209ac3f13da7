//! Runs that must find something, on the real broker and with the real program: only what is
//! outside of them is broken.

use std::collections::HashSet;

use proof::fleet::EACH;
use proof::oracle::{Findings, judge};
use proof::trial::Trial;
use sandbox::Options;
use testkit::cluster::Role;
use testkit::{Message, eventually, server_options};

use crate::{PATIENCE, settings, turn};

/// The tier that a flaky delivery waits in, and its way on to the dispatchers.
const DISPATCH: &str = "posthaste.dispatch";
const RETRIES: &str = "posthaste.dispatch.retry.00";
const PARKED: &str = "2s.00";

const EVENTS: &str = "posthaste.fanout.00";
const FIRST_ATTEMPTS: &str = "posthaste.dispatch.fresh.00";

/// How many messages a saboteur takes from a queue.
const TAKEN: usize = 3;

/// What a broker's dead-letter worker could not route it tries again after two seconds, instead of
/// three minutes.
fn options() -> Options {
    let mut options = server_options();
    options
        .broker_terms
        .push(("dead_letter_worker_publisher_confirm_timeout", "2000"));
    options
}

/// For a few seconds, what expires in a retry tier has nowhere to go.
async fn without_a_way(trial: &Trial) {
    let admin = trial.stack.broker_admin();
    trial.accepted(100, PATIENCE).await.unwrap();
    admin.unbind(DISPATCH, RETRIES, PARKED).await;
    // Eleven in a hundred events fail once or more: about eleven a second.
    let before = trial.receiver.progress().failed;
    eventually(
        PATIENCE,
        "deliveries to be parked, and to expire",
        async || {
            let since = trial.receiver.progress().failed - before;
            if since >= 60 { Ok(()) } else { Err(since) }
        },
    )
    .await;
    admin.bind(DISPATCH, RETRIES, PARKED).await;
}

/// Takes messages from a queue as a consumer does that acknowledges what it has not worked off. The
/// role whose they are has ended in good order: what it had begun is not among them.
async fn acknowledge_early(trial: &mut Trial, role: Role, queue: &str) -> Vec<Message> {
    for number in 0..EACH {
        trial.fleet.terminate(role, number).await.unwrap();
    }
    let admin = trial.stack.broker_admin();
    eventually(PATIENCE, "messages to wait", async || {
        let depth = admin.queue(queue).await;
        let ready = depth.map_or(0, |depth| depth.ready);
        if ready > 10 { Ok(()) } else { Err(ready) }
    })
    .await;
    let taken = admin.take(queue, TAKEN).await;
    assert_eq!(taken.len(), TAKEN);
    trial.fleet.start_again(role, &[0, 1]).await;
    taken
}

/// What was lost, and how many events of that are not on record.
async fn lost(trial: &mut Trial) -> (Findings, usize) {
    let ended = trial.end(PATIENCE).await.unwrap();
    let findings = judge(trial.settings.load, &ended.evidence, &[]);
    let events: HashSet<_> = findings.lost.iter().map(|(event, _)| *event).collect();
    let not_recorded = trial.not_recorded(events).await.unwrap();
    (findings, not_recorded)
}

/// With dead-lettering at least once, what has no way stays where it is: nothing of it is lost. A
/// consumer that acknowledges early loses exactly what it took, and its publishers' 202s were
/// false where not even the record knows.
#[tokio::test(flavor = "multi_thread")]
async fn an_early_acknowledgement_is_found_and_nothing_else() {
    let _turn = turn().await;
    let directory = tempfile::tempdir().unwrap();
    let mut trial = Trial::start(settings(&directory), options()).await.unwrap();
    without_a_way(&trial).await;
    let events = acknowledge_early(&mut trial, Role::Fanout, EVENTS).await;
    trial.flows(PATIENCE).await.unwrap();
    let deliveries = acknowledge_early(&mut trial, Role::Dispatcher, FIRST_ATTEMPTS).await;
    let (findings, not_recorded) = lost(&mut trial).await;

    let items = |message: &Message| wire::batch::split(message.body.clone()).unwrap();
    let events: usize = events.iter().map(|message| items(message).len()).sum();
    let decoded = deliveries
        .iter()
        .flat_map(items)
        .map(wire::dispatch::decode);
    let deliveries: usize = decoded.map(|dispatches| dispatches.unwrap().len()).sum();
    let events_lost: HashSet<_> = findings.lost.iter().map(|(event, _)| event).collect();
    println!(
        "lost {:?}, {not_recorded} events not recorded",
        findings.lost
    );
    assert_eq!(not_recorded, events, "{findings:?}");
    // An event that is not recorded is lost at each of its endpoints.
    assert!(findings.lost.len() >= events + deliveries);
    assert!(events_lost.len() <= events + deliveries);
    assert!(!findings.is_clean());
}

/// The same topology at a broker whose feature flag `stream_queue` is off: it dead-letters at most
/// once, and says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_tier_that_dead_letters_at_most_once_is_found() {
    let _turn = turn().await;
    let directory = tempfile::tempdir().unwrap();
    let mut at_most_once = options();
    at_most_once.broker_environment.push((
        "RABBITMQ_FEATURE_FLAGS",
        "quorum_queue,implicit_default_bindings,virtual_host_metadata,maintenance_mode_status,user_limits",
    ));
    let mut trial = Trial::start(settings(&directory), at_most_once)
        .await
        .unwrap();
    without_a_way(&trial).await;
    let (findings, not_recorded) = lost(&mut trial).await;
    println!("lost {} of {}", findings.lost.len(), findings.accepted);
    assert!(!findings.lost.is_empty(), "{findings:?}");
    assert_eq!(not_recorded, 0, "they were recorded and fanned out");
}
