//! `posthaste demo`: the main job, seen from a terminal.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Args, Parser};
use domain::shard::Shards;
use sandbox::Place;
use secrecy::ExposeSecret;
use service::telemetry::{DEFAULT_LOG, Telemetry, TelemetryConfig};

use crate::connections::ShardsArg;
use crate::ground::Ground;
use crate::up::{RoleArgs, Running};

use platform::Platform;
use tell::Teller;

mod platform;
mod scene;
mod tell;

/// How long what is in flight may take to finish when the demonstration ends.
const GRACE: Duration = Duration::from_secs(10);

/// See it work: start everything privately, publish, deliver, verify, retry.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// End after the demonstration, with exit code 0 only if every delivery was verified, instead
    /// of staying up.
    #[arg(long)]
    exit: bool,
}

/// The options of the roles, as the command line would give them.
#[derive(Debug, Parser)]
#[command(no_binary_name = true)]
struct Roles {
    #[command(flatten)]
    args: RoleArgs,
}

/// Receivers on this machine, without TLS: what a demonstration has.
const LOOPBACK: [&str; 3] = ["--allow-network", "127.0.0.0/8", "--allow-http"];

/// Runs the command.
pub(crate) async fn run(demo: Demo, telemetry: TelemetryConfig) -> anyhow::Result<()> {
    let _telemetry = Telemetry::start(&quiet(telemetry), "demo")?;
    let teller = Teller::new();
    teller.title("Posthaste, all of it on this machine");
    let tell = Arc::new(move |step: String| teller.good(&step));
    let shards = ShardsArg {
        shards: Shards::ONE,
    };
    let ground = Ground::private(Place::Ephemeral, shards, tell).await?;
    let roles = Roles::try_parse_from(LOOPBACK).context("the roles can't be configured")?;
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let running = Running::start(ground, roles.args, anywhere, anywhere).await?;
    running.ready().await?;
    teller.good(&format!(
        "ingest at {}, the console at {}",
        running.ingest_url, running.console_url
    ));
    teller.note("127.0.0.0/8 is allowed as a destination, for this demonstration only");
    let told = tell_all(&running, teller).await;
    if told.is_ok() && !demo.exit {
        try_next(&running, teller).await?;
        service::signals::end().await?;
    }
    teller.title("Stopping");
    running.stop(GRACE).await?;
    teller.good("stopped; nothing is left behind");
    told
}

/// The story is told on standard output: unless asked for more, the log has only what went wrong.
fn quiet(telemetry: TelemetryConfig) -> TelemetryConfig {
    if telemetry.log == DEFAULT_LOG {
        return TelemetryConfig {
            log: "error,lapin=off".to_owned(),
            ..telemetry
        };
    }
    telemetry
}

async fn tell_all(running: &Running, teller: Teller) -> anyhow::Result<()> {
    let platform = Platform::new(running)?;
    let first = scene::a_signed_webhook(&platform, teller).await?;
    let retried = scene::a_receiver_that_fails_twice(&platform, teller).await?;
    ensure!(
        first.is_genuine() && retried.is_genuine(),
        "a delivery arrived that could not be verified"
    );
    Ok(())
}

async fn try_next(running: &Running, teller: Teller) -> anyhow::Result<()> {
    let Running {
        ingest_url,
        console_url,
        ..
    } = running;
    let key = running.key()?.expose_secret();
    let event = r#"{"tenant":"demo","event":"shipment.created","data":{"id":"ship_124"}}"#;
    let link = Platform::new(running)?.portal_link().await?;
    teller.title("It stays up until you press Ctrl-C. See it in a browser; the link works once:");
    teller.line(&format!("\n  {link}"));
    teller.title("Try next, in another terminal:");
    teller.line(&format!("\n  export POSTHASTE_KEY={key}"));
    teller.line(&format!("  export POSTHASTE_INGEST_URL={ingest_url}"));
    teller.line(&format!("  export POSTHASTE_CONSOLE_URL={console_url}"));
    teller.line("\n  # publish with curl");
    teller.line(&format!(
        "  curl {ingest_url}/v1/events -H \"authorization: Bearer $POSTHASTE_KEY\" \\"
    ));
    teller.line(&format!(
        "    -H 'content-type: application/json' \\\n    -d '{event}'"
    ));
    teller.line("\n  # register a receiver of your own, and play a poor one");
    teller.line(
        "  posthaste endpoints --tenant demo create http://127.0.0.1:9000/ --event 'shipment.*'",
    );
    teller.line("  posthaste listen --secret whsec_… --fail 2");
    teller.line("\n  # see what was delivered");
    teller.line(&format!("  curl {console_url}/v1/tenants/demo/deliveries -H \"authorization: Bearer $POSTHASTE_KEY\""));
    teller.line(&format!(
        "\n  the management API: {console_url}/openapi.json"
    ));
    Ok(())
}
