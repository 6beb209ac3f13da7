//! What is lost is found: the ledger says so, and `posthaste reconcile` brings it to delivery.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use sandbox::Servers;
use serde_json::{Value, json};
use testkit::cluster::Role;
use testkit::receiver::{Receiver, Respond};
use testkit::{Cluster, Stack, eventually, server_options};
use tokio::sync::watch;
use tokio::time::interval;

use crate::support::{Ledger, PROGRAM, Publisher, receive};

const DEADLINE: Duration = Duration::from_secs(300);

/// Short, so that the tests are: a grace that is too short costs duplicates, and no loss.
const GRACE: &str = "3s";

const FRESH: &str = "posthaste.dispatch.fresh.00";

/// Every role, with a short grace.
async fn cluster(stack: &Stack) -> Cluster {
    let mut cluster = Cluster::prepare(Path::new(PROGRAM), stack).await;
    cluster.arguments(Role::Recorder, &["--loss-grace", GRACE]);
    for role in Role::ALL {
        cluster.launch(role);
    }
    for role in Role::ALL {
        cluster.ready(role).await;
    }
    let tenant = json!({"name": "acme", "external_id": "acme"});
    cluster.make("/v1/tenants", &tenant).await;
    cluster
}

async fn endpoint(cluster: &Cluster, url: &str, waits: &[u32]) {
    let endpoint = json!({"url": url, "event_types": ["*"], "retry_waits_s": waits});
    cluster.make("/v1/tenants/acme/endpoints", &endpoint).await;
}

/// What reconciling says. It refuses while fan-out's consumers are away, as they are for a while
/// after the broker was.
async fn reconcile(cluster: &Cluster, more: &[&str]) -> Result<String, String> {
    let command = [&["reconcile", "--grace", GRACE, "--rate", "2000"], more].concat();
    cluster.try_run(&command).await
}

/// How many it says that there are of each kind: of first attempts, and of later ones.
fn lost(said: &str) -> (usize, usize) {
    let count = |kind: &str| -> usize {
        let line = said.lines().find_map(|line| line.strip_prefix(kind));
        let count = line.and_then(|line| line.split_ascii_whitespace().next());
        count.expect(said).parse().expect(said)
    };
    (count("first attempts: "), count("later attempts: "))
}

async fn reconcile_finds(cluster: &Cluster, more: &[&str]) -> Result<(usize, usize), String> {
    let said = reconcile(cluster, more).await?;
    Ok(lost(&said))
}

async fn ledger(cluster: &Cluster) -> Value {
    cluster.call(Method::GET, "/v1/ledger", None).await.json()
}

/// Waits until the ledger is as it should be.
async fn ledger_says(cluster: &Cluster, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    eventually(DEADLINE, what, async || {
        let ledger = ledger(cluster).await;
        if is(&ledger) {
            Ok(ledger)
        } else {
            Err(format!("{ledger}\n{}", cluster.log_tail(Role::Recorder)))
        }
    })
    .await
}

/// The ids of all recorded events.
async fn recorded(cluster: &Cluster) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/tenants/acme/events?limit=250{cursor}");
        let page = cluster.call(Method::GET, &path, None).await.json();
        for event in page["data"].as_array().expect("a list has data") {
            ids.insert(event["id"].as_str().expect("an event has an id").to_owned());
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

/// Under load, with a backlog in the lanes and retries in the tiers, the broker is killed and loses
/// its disk. What fan-out had recorded arrives, everywhere, and the ledger balances.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_lost_its_disk_is_refilled_from_the_record() {
    const PUBLISHERS: usize = 8;
    const WAITING: u64 = 100;
    const STANDING: u64 = 400;
    const AFTER: usize = 200;

    let servers = Servers::start(server_options())
        .await
        .expect("private servers start");
    let stack = Stack::on(servers.access()).await;
    let mut cluster = cluster(&stack).await;
    let quick = Arc::new(Ledger::default());
    let waits = [1, 1, 2, 5, 10];
    endpoint(&cluster, &receive(Arc::clone(&quick)).await, &waits).await;
    // Fails at first: its deliveries wait in the tiers. No status that opens its circuit breaker,
    // which would leave it alone.
    let script = [Respond::status(404), Respond::ok()];
    let failing = Receiver::start_for_each("webhook-id", script).await;
    endpoint(&cluster, &failing.url(), &[30, 30, 30]).await;

    let accepted = Arc::new(AtomicUsize::new(0));
    let (enough, is_enough) = watch::channel(false);
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|_| {
            let publisher = Publisher::of(&cluster);
            tokio::spawn(publish(publisher, Arc::clone(&accepted), is_enough.clone()))
        })
        .collect();
    ledger_says(&cluster, "retries to wait in the tiers", |ledger| {
        ledger["waiting"].as_u64() >= Some(WAITING)
    })
    .await;
    // Nobody consumes the lanes: what is published from now on stands in them.
    let stopped = cluster.terminate(Role::Dispatcher).await;
    assert!(stopped.success());
    ledger_says(&cluster, "a backlog to stand in the lanes", |ledger| {
        ledger["unsettled"].as_u64() >= Some(STANDING)
    })
    .await;
    let lose = servers.lose_broker_disk();
    lose.await.expect("the broker's data can be deleted");
    let before = accepted.load(Ordering::Relaxed);
    let start = servers.broker().start();
    start.await.expect("the broker starts anew");
    stack.make_vhost_again().await;
    // The services declare everything again by themselves, and take what is published from now on.
    cluster.start_role(Role::Dispatcher).await;
    eventually(DEADLINE, "events to be accepted again", async || {
        let since = accepted.load(Ordering::Relaxed) - before;
        if since >= AFTER { Ok(()) } else { Err(since) }
    })
    .await;
    enough.send(true).expect("the publishers listen");
    for publisher in publishers {
        publisher.await.expect("a publisher doesn't panic");
    }

    ledger_says(&cluster, "every lane to have told", |ledger| {
        !ledger["judged_before"].is_null()
    })
    .await;
    let found = eventually(DEADLINE, "what was lost to be found", async || {
        let said = reconcile(&cluster, &["--dry-run"]).await?;
        let (first, later) = lost(&said);
        if first > 0 && later > 0 {
            Ok((first, later))
        } else {
            Err(said)
        }
    })
    .await;
    println!("lost: {} first attempts, {} later ones", found.0, found.1);
    let settled = eventually(DEADLINE, "everything recorded to be settled", async || {
        let said = reconcile(&cluster, &[]).await?;
        let ledger = ledger(&cluster).await;
        if ledger["recorded"] == ledger["delivered"] && ledger["balance"] == "balanced" {
            Ok(ledger)
        } else {
            Err(format!(
                "{said}\n{ledger}\n{}",
                cluster.log_tail(Role::Dispatcher)
            ))
        }
    })
    .await;
    let recorded = recorded(&cluster).await;
    assert_eq!(settled["recorded"], 2 * recorded.len());
    let requests = failing.requests().into_iter();
    let ids = requests.map(|one| one.headers["webhook-id"].to_str().unwrap().to_owned());
    for arrived in [quick.arrived().into_keys().collect(), ids.collect()] {
        let arrived: BTreeSet<String> = arrived;
        let missing = recorded.difference(&arrived).count();
        assert_eq!(missing, 0, "of {} recorded events", recorded.len());
    }
    println!(
        "accepted {}, recorded {}, each delivered to two endpoints",
        accepted.load(Ordering::Relaxed),
        recorded.len()
    );
}

/// Publishes at a steady rate until it is enough.
async fn publish(
    publisher: Publisher,
    accepted: Arc<AtomicUsize>,
    mut is_enough: watch::Receiver<bool>,
) {
    let mut ticks = interval(Duration::from_millis(20));
    loop {
        tokio::select! {
            _ = is_enough.wait_for(|enough| *enough) => return,
            _ = ticks.tick() => {}
        }
        publisher.publish_until_accepted("acme", "{}").await;
        accepted.fetch_add(1, Ordering::Relaxed);
    }
}

/// A backlog in a lane and deliveries in the tiers are no losses; what was taken out of a queue is
/// one, and is found while the rest goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_is_no_loss_and_a_loss_is_found_in_it() {
    const STANDING: usize = 20;
    const TAKEN: usize = 7;

    let stack = Stack::new().await;
    let mut cluster = cluster(&stack).await;
    let arrived = Arc::new(Ledger::default());
    endpoint(&cluster, &receive(Arc::clone(&arrived)).await, &[1]).await;
    let failing = Receiver::start([Respond::status(404)]).await;
    endpoint(&cluster, &failing.url(), &[3_600]).await;
    let publisher = Publisher::of(&cluster);
    let publish = async |count| {
        for _ in 0..count {
            publisher.publish_until_accepted("acme", "{}").await;
        }
    };
    publish(5).await;
    ledger_says(&cluster, "five to wait in a tier", |ledger| {
        let lanes_have_told = !ledger["judged_before"].is_null();
        ledger["waiting"] == 5 && ledger["delivered"] == 5 && lanes_have_told
    })
    .await;

    // Nobody consumes the lanes: everything stands in them.
    let stopped = cluster.terminate(Role::Dispatcher).await;
    assert!(stopped.success());
    publish(STANDING).await;
    let unsettled = 2 * STANDING;
    let standing = ledger_says(&cluster, "a backlog to stand", |ledger| {
        ledger["unsettled"] == unsettled
    })
    .await;
    assert_eq!(standing["balance"], "balanced", "{standing}");
    assert_eq!(reconcile_finds(&cluster, &[]).await, Ok((0, 0)));

    // Some of it vanishes.
    let admin = stack.broker_admin();
    let taken = admin.take(FRESH, TAKEN).await;
    let vanished: usize = taken.iter().map(deliveries).sum();
    assert!(vanished > 0);
    cluster.start_role(Role::Dispatcher).await;
    let unbalanced = ledger_says(&cluster, "the loss to be seen", |ledger| {
        ledger["missing"]["first_attempts"] == vanished
    })
    .await;
    assert_eq!(unbalanced["balance"], "unbalanced");
    assert_eq!(unbalanced["missing"]["later_attempts"], 0, "{unbalanced}");

    // A dry run counts it and changes nothing.
    for _ in 0..2 {
        let found = reconcile_finds(&cluster, &["--dry-run"]).await;
        assert_eq!(found, Ok((vanished, 0)));
    }
    let found = reconcile_finds(&cluster, &[]).await;
    assert_eq!(found, Ok((vanished, 0)));
    let events = 5 + STANDING;
    // What had no room waits too, until it is tried; when it is late, it counts as missing until then.
    ledger_says(&cluster, "everything to be tried", |ledger| {
        let all_told = ledger["delivered"] == events && ledger["waiting"] == events;
        all_told && ledger["balance"] == "balanced"
    })
    .await;
    let arrived = arrived.arrived();
    assert_eq!(arrived.len(), events);
    assert!(
        arrived.values().all(|bodies| bodies.len() == 1),
        "what was not lost was not sent again"
    );
    assert_eq!(reconcile_finds(&cluster, &[]).await, Ok((0, 0)));
}

/// How many deliveries are in a message.
fn deliveries(message: &testkit::Message) -> usize {
    let items = wire::batch::split(message.body.clone()).unwrap();
    let decoded = items.into_iter().map(wire::dispatch::decode);
    decoded.map(|dispatches| dispatches.unwrap().len()).sum()
}
