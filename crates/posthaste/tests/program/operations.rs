//! The commands for those who run it.

use std::path::Path;

use serde_json::json;
use testkit::cluster::Role;
use testkit::{Cluster, Stack};

use crate::support::PROGRAM;

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_asked_whether_it_is_ready() {
    let stack = Stack::new().await;
    let mut cluster = Cluster::prepare(Path::new(PROGRAM), &stack).await;
    cluster.start_role(Role::Console).await;
    let address = cluster.ops_address(Role::Console);
    let ask = ["ready", "--ops-listen", &address];
    assert_eq!(cluster.run(&ask).await, "ready");

    cluster.kill(Role::Console).await;
    let said = cluster.try_run(&ask).await.expect_err("nobody is there");
    assert!(
        said.contains(&format!("no role answers at {address}")),
        "{said}"
    );
}

/// A key is replaced while the console runs: the new one goes in front, everything is encrypted
/// again, and then the old one opens nothing any more.
#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_encrypted_again_under_a_new_key() {
    let stack = Stack::new().await;
    let mut cluster = Cluster::prepare(Path::new(PROGRAM), &stack).await;
    cluster.start_role(Role::Console).await;
    let tenant = json!({"name": "acme", "external_id": "acme"});
    cluster.make("/v1/tenants", &tenant).await;
    let endpoint = json!({"url": "https://example.com/webhooks"});
    cluster.make("/v1/tenants/acme/endpoints", &endpoint).await;

    let old = format!("1:{}=", "A".repeat(43));
    let new = format!("2:{}A=", "B".repeat(42));
    let rewrap = async |keys: &str| cluster.try_run(&["rewrap", "--secret-keys", keys]).await;
    let said = rewrap(&format!("{new},{old}")).await.unwrap();
    assert!(said.starts_with("1 encrypted again"), "{said}");
    let said = rewrap(&new).await.unwrap();
    assert!(said.starts_with("0 encrypted again"), "{said}");
    assert!(rewrap(&old).await.is_err(), "the old key opens nothing");
}

/// Nothing is done with a record of another form than the program knows.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_refuses_a_schema_that_it_cannot_use() {
    let stack = Stack::new().await;
    let cluster = Cluster::prepare(Path::new(PROGRAM), &stack).await;
    let refused = async |role: Role| {
        let any = "127.0.0.1:0";
        let listen = format!("--{}-listen", role.name());
        let mut arguments = vec![role.name(), "--ops-listen", any];
        if matches!(role, Role::Ingest | Role::Console) {
            arguments.extend([listen.as_str(), any]);
        }
        let said = cluster.try_run(&arguments).await;
        said.expect_err("it ends by itself")
    };
    stack.execute("update usable_from set version = 1000").await;
    for role in Role::ALL {
        let said = refused(role).await;
        assert!(said.ends_with("run a newer version"), "{said}");
    }
    stack
        .execute("delete from refinery_schema_history; update usable_from set version = 1")
        .await;
    let said = refused(Role::Recorder).await;
    assert!(said.ends_with("run `posthaste migrate`"), "{said}");
}
