//! Schemathesis asks the console what its own document says can be asked, well and badly: nothing
//! is answered with 500, and nothing otherwise than the document says.
//!
//! It is installed with pip; where there is no Python with pip the test says so. See
//! docs/development.md for longer runs.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::libraries::installed;
use crate::scene::Scene;

const PIP: [&str; 5] = ["-m", "pip", "install", "--quiet", "--target"];

/// What answers are held to.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance";

/// Never ends, so it can't be asked for and read.
const STREAM: &str = "/v1/tenants/{tenant}/events/stream";

/// Not the one that follows links from call to call: the document has none, and those that it makes
/// up lead to calls that don't take them.
const PHASES: &str = "examples,coverage,fuzzing";

/// How many requests are made up for each operation.
const EXAMPLES: &str = "15";

#[tokio::test(flavor = "multi_thread")]
async fn the_console_answers_as_its_document_says() {
    let Some(library) = installed("python3", &PIP, "schemathesis==4.32.5") else {
        return;
    };
    let scene = Scene::start().await;
    let settings = Path::new(env!("CARGO_TARGET_TMPDIR")).join("schemathesis.toml");
    fs::write(&settings, scene.parameters()).unwrap();
    // What deletes comes last: the others are to find something.
    for methods in [
        ["--exclude-method", "DELETE"],
        ["--include-method", "DELETE"],
    ] {
        let mut schemathesis = Command::new("python3");
        schemathesis
            // It writes down what it found where it runs.
            .current_dir(env!("CARGO_TARGET_TMPDIR"))
            .env("PYTHONPATH", &library)
            .args(["-m", "schemathesis.cli", "--config-file"])
            .arg(&settings)
            .arg("run")
            .arg(format!("{}/openapi.json", scene.cluster.console_url()))
            .args([
                "--header",
                &format!("Authorization: Bearer {}", scene.cluster.key()),
            ])
            .args(methods)
            .args([
                "--exclude-path",
                STREAM,
                "--checks",
                CHECKS,
                "--phases",
                PHASES,
            ])
            .args(["--max-examples", EXAMPLES, "--seed", "1"]);
        let asked = tokio::task::spawn_blocking(move || schemathesis.output());
        let output = asked.await.unwrap().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{told}");
    }
}
