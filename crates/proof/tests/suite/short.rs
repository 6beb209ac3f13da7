//! Every role and every server is killed under load, and more: what got 202 arrives.

use proof::fault::Fault;
use proof::run::{Run, run};
use testkit::cluster::Role;
use testkit::server_options;

use crate::{PATIENCE, settings, turn};

const EVENTS: u64 = 1_000;

const FAULTS: [Fault; 10] = [
    Fault::Kill(Role::Ingest, 0),
    Fault::KillAll(Role::Dispatcher),
    Fault::KillBroker,
    Fault::Kill(Role::Fanout, 1),
    Fault::Pause(Role::Dispatcher, 0),
    Fault::KillAll(Role::Recorder),
    Fault::DeleteQueue,
    Fault::KillPostgres,
    Fault::CutConnections,
    Fault::Kill(Role::Console, 0),
];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_accepted_is_lost_whatever_happens() {
    let _turn = turn().await;
    let directory = tempfile::tempdir().unwrap();
    let short = Run {
        settings: settings(&directory),
        events: EVENTS,
        faults: FAULTS.to_vec(),
        patience: PATIENCE,
        quiet_limit: PATIENCE,
    };
    let report = run(short, server_options(), |step| println!("{step}"))
        .await
        .unwrap();
    println!("{report}");
    assert!(report.is_safe(), "{report}");
    let kills: usize = FAULTS.iter().map(|one| one.kills()).sum();
    assert_eq!(report.kills, kills);
    assert!(report.findings.accepted as u64 >= EVENTS);
    assert!(
        report.findings.dead_letters > 0,
        "one in a hundred is given up"
    );
    assert!(report.fewest_parked.is_some(), "the broker was killed");
}
