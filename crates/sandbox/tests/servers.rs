//! Real servers: started, stopped, killed, started again, and never left behind.

use std::process::Command;
use std::time::{Duration, Instant};

use sandbox::{Access, Options, Place, Process, Servers, StartError, Watch};

/// Waits until the keeper is gone, and with it the servers; panics after 30 s.
async fn keeper_gone(access: &Access) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while access.keeper.is_alive() {
        assert!(Instant::now() < deadline, "the keeper is still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn processes(servers: &Servers) -> [Process; 2] {
    [
        servers.postgres().process().expect("Postgres runs"),
        servers.broker().process().expect("RabbitMQ runs"),
    ]
}

#[tokio::test]
async fn ephemeral_servers_end_with_the_process_they_are_for() {
    let mut watched = Command::new("sleep").arg("600").spawn().unwrap();
    let options = Options {
        watch: Watch::Process(Process::find(watched.id()).unwrap()),
        ..Options::ephemeral()
    };
    let began = Instant::now();
    let servers = Servers::start(options).await.unwrap();
    println!("both servers were ready after {:?}", began.elapsed());
    let running = processes(&servers);

    // A fault that does nothing would pass: the helpers' processes must be new as well.
    servers.broker().kill().await.unwrap();
    assert!(!running[1].is_alive());
    servers.postgres().kill().await.unwrap();
    assert!(!running[0].is_alive());
    let began = Instant::now();
    servers.broker().start().await.unwrap();
    println!("the broker was ready again after {:?}", began.elapsed());
    servers.postgres().start().await.unwrap();
    let again = processes(&servers);
    assert!(again != running && again.iter().all(|process| process.is_alive()));

    let prefetch = servers
        .rabbitmqctl(&[
            "eval",
            "application:get_env(rabbit, dead_letter_worker_consumer_prefetch).",
        ])
        .await
        .unwrap();
    assert_eq!(prefetch.trim(), "{ok,1024}");

    let access = servers.hand_over();
    assert!(again.iter().all(|process| process.is_alive()));
    watched.kill().unwrap();
    watched.wait().unwrap();
    let began = Instant::now();
    keeper_gone(&access).await;
    println!("the keeper was done after {:?}", began.elapsed());
    assert!(again.iter().all(|process| !process.is_alive()));
    assert!(!access.directory.exists());
}

#[tokio::test]
async fn kept_data_is_started_again_and_belongs_to_one_at_a_time() {
    let parent = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o711))
        .tempdir()
        .unwrap();
    let place = parent.path().join("posthaste");
    let options = || Options::persistent(place.clone());
    let servers = Servers::start(options()).await.unwrap();
    let urls = [
        servers.postgres_url().to_owned(),
        servers.amqp_url().to_owned(),
    ];

    let refused = Servers::start(options()).await.unwrap_err();
    let StartError::InUse { holder, .. } = refused else {
        panic!("{refused}")
    };
    assert_eq!(holder, std::process::id().to_string());

    let running = processes(&servers);
    servers.stop().await.unwrap();
    assert!(running.iter().all(|process| !process.is_alive()));

    let servers = Servers::start(options()).await.unwrap();
    assert_eq!(
        [servers.postgres_url(), servers.amqp_url()],
        urls.each_ref().map(String::as_str)
    );
    let (running, access) = (processes(&servers), servers.access().clone());
    drop(servers);
    keeper_gone(&access).await;
    assert!(running.iter().all(|process| !process.is_alive()));
    assert!(matches!(options().place, Place::Kept(kept) if kept.join("postgres/data").is_dir()));
}
