//! `posthaste doctor` on real servers, well and ill.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use testkit::cluster::Role;
use testkit::{Cluster, Stack, eventually};

use crate::support::PROGRAM;

const SOON: Duration = Duration::from_secs(60);

/// What the doctor finds wrong, a line each; none when all is well.
async fn wrong(cluster: &Cluster, arguments: &[&str]) -> Vec<String> {
    let output = cluster.output(&[&["doctor"], arguments].concat()).await;
    let said = String::from_utf8(output.stdout).unwrap();
    let wrong = said.lines().filter(|line| !line.starts_with("ok "));
    let wrong: Vec<String> = wrong.map(str::to_owned).collect();
    assert_eq!(output.status.success(), wrong.is_empty(), "{said}");
    wrong
}

fn assert_found(wrong: &[String], expected: &[&str]) {
    for expected in expected {
        let found = wrong.iter().any(|line| line.contains(expected));
        assert!(found, "{expected} in {wrong:#?}");
    }
}

async fn patient(stack: &Stack) -> Cluster {
    let mut cluster = Cluster::prepare(Path::new(PROGRAM), stack).await;
    cluster.environment("POSTHASTE_MANAGEMENT_URL", stack.management_url());
    cluster.run(&["topology", "--declare"]).await;
    // A secret on record, which takes a key.
    cluster.start_role(Role::Console).await;
    let tenant = json!({"name": "acme", "external_id": "acme"});
    cluster.make("/v1/tenants", &tenant).await;
    let endpoint = json!({"url": "http://127.0.0.1:8443/"});
    cluster.make("/v1/tenants/acme/endpoints", &endpoint).await;
    cluster.terminate(Role::Console).await;
    cluster
}

/// The days for which the recorder would have made partitions, gone.
const NO_PARTITIONS: &str = "
    do $$ declare name text; begin
        for name in select c.oid::regclass::text from pg_inherits i join pg_class c on c.oid = i.inhrelid
                    where i.inhparent in ('events'::regclass, 'deliveries'::regclass, 'attempts'::regclass)
        loop execute 'drop table ' || name; end loop;
    end $$";

#[tokio::test(flavor = "multi_thread")]
async fn each_planted_fault_is_found_with_its_cure() {
    let stack = Stack::new().await;
    let cluster = patient(&stack).await;
    assert_eq!(wrong(&cluster, &[]).await, Vec::<String>::new());

    let broker = stack.broker_admin();
    broker.delete_queue("posthaste.retry.1m").await;
    broker.delete_queue("posthaste.results").await;
    broker
        .declare_queue("posthaste.results", json!({"x-overflow": "drop-head"}))
        .await;
    broker.delete_exchange("posthaste.dead").await;
    broker.delete_exchange("posthaste.inbox").await;
    broker.declare_exchange("posthaste.inbox", "direct").await;
    let short = json!({"message-ttl": 1_000});
    broker
        .set_policy("short", "^posthaste\\.fanout", short)
        .await;
    broker.restrict_writes("^other").await;
    stack.execute(NO_PARTITIONS).await;
    let other_key = format!("2:{}=", "A".repeat(43));
    let ill = [
        "--secret-keys",
        &other_key,
        "--allow-network",
        "0.0.0.0/0",
        "--allow-http",
    ];
    // The broker tells of a policy a moment after it was set.
    let found = eventually(SOON, "the policy to be told of", async || {
        let found = wrong(&cluster, &ill).await;
        if found.iter().any(|line| line.contains("the policy short")) {
            Ok(found)
        } else {
            Err(found)
        }
    })
    .await;
    assert_found(
        &found,
        &[
            "queue posthaste.retry.1m: it is missing; restart a role",
            "queue posthaste.results: x-overflow is drop-head, not reject-publish; arguments can't be",
            "exchange posthaste.dead: it is missing, and ",
            "exchange posthaste.inbox: alternate-exchange is not set to posthaste.rejected; ",
            "binding posthaste.inbox:event: nothing leads from there to posthaste.inbox; ",
            "queue posthaste.fanout.00: the policy short sets message-ttl on it; ",
            "write is \"^other\", which leaves out posthaste.",
            "partitions: none for ",
            "secret keys: secrets are sealed with {\"1\"}, which is not among them; add it to",
            "egress: endpoints may be at the cloud's metadata service; take 169.254.169.254 out",
            "egress: endpoints may be in the network of the broker; ",
            "egress: endpoints may be in the network of Postgres; ",
            "egress over http: payloads may go out unencrypted; ",
        ],
    );

    stack
        .execute("delete from refinery_schema_history where version > 20")
        .await;
    let found = wrong(&cluster, &["--shards", "2"]).await;
    assert_found(
        &found,
        &[
            "schema: the database's schema is at version 20, this program needs ",
            "queue posthaste.dispatch.fresh.01: it is missing; ",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_reached_is_said_without_a_password() {
    let stack = Stack::new().await;
    let cluster = Cluster::prepare(Path::new(PROGRAM), &stack).await;
    let nowhere = [
        "--amqp-url",
        "amqp://posthaste:hunter2@127.0.0.1:1/x",
        "--postgres-url",
        "postgres://posthaste:hunter2@127.0.0.1:1/x",
    ];
    let found = wrong(&cluster, &nowhere).await;
    assert_found(
        &found,
        &[
            "wrong  broker: the broker can't be reached: ",
            "?      management API: ",
            "wrong  postgres: the database is not available: ",
        ],
    );
    let said = found.join("\n");
    assert!(!said.contains("hunter2"), "{said}");
    let found = wrong(&cluster, &["--secret-keys", "1:short"]).await;
    assert_found(
        &found,
        &["wrong  settings: POSTHASTE_SECRET_KEYS can't be used: "],
    );
}
