//! Where settings come from, and what is refused, with the real program.

use std::path::Path;

use testkit::{Cluster, Stack};

use crate::support::PROGRAM;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_effect_is_shown_without_secrets_and_what_means_nothing_is_refused() {
    let stack = Stack::new().await;
    let mut cluster = Cluster::prepare(Path::new(PROGRAM), &stack).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("posthaste.toml");
    std::fs::write(&file, "fanout_prefetch = 7\nlog = 'warn'\n").unwrap();
    let path = file.to_str().unwrap().to_owned();
    cluster.environment("POSTHASTE_CONFIG", path);

    let shown = cluster.run(&["config", "fanout"]).await;
    for line in [
        "fanout_prefetch = \"7\" # file",
        "log = \"info\" # environment",
        "grace = \"45s\" # default",
        "secret_keys = \"(secret)\" # environment",
        "# otel_exporter_otlp_endpoint = # not set",
    ] {
        assert!(
            shown.lines().any(|shown| shown == line),
            "{line} in\n{shown}"
        );
    }
    assert!(shown.contains(":***@"), "{shown}");
    assert!(
        !shown.contains("dispatcher"),
        "only the role's own: {shown}"
    );

    // What it prints is a file that it reads, once the secrets are in.
    let without_secrets: String = shown
        .lines()
        .filter(|line| !line.contains("***") && !line.contains("(secret)"))
        .map(|line| format!("{line}\n"))
        .collect();
    std::fs::write(&file, without_secrets).unwrap();
    cluster.run(&["config"]).await;

    std::fs::write(&file, "fanout_prefech = 7\n").unwrap();
    let refused = cluster.try_run(&["fanout"]).await.unwrap_err();
    let said = "posthaste.toml: fanout_prefech is no setting; fanout_prefetch is";
    assert!(refused.ends_with(said), "{refused}");
    std::fs::write(&file, "").unwrap();
    cluster.environment("POSTHASTE_FANOUT_PREFECH", "7");
    let refused = cluster.try_run(&["fanout"]).await.unwrap_err();
    assert_eq!(
        refused,
        "posthaste: POSTHASTE_FANOUT_PREFECH is no setting; POSTHASTE_FANOUT_PREFETCH is"
    );
}
