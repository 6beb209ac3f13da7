//! `posthaste top`: what a running Posthaste does, live in a terminal.
//!
//! Rates and what waits come from the roles' own metrics, who is in trouble from the management
//! API. **Invariant:** it only reads.

mod api;
mod exposition;
mod figures;
mod scrape;
mod screen;

use std::io::{IsTerminal, Write, stdout};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use secrecy::SecretString;
use tokio::time::{MissedTickBehavior, interval};

use crate::client::http;
use crate::out;
use figures::Figures;
use scrape::{Scraper, Snapshot};
use screen::{Paint, lines};

/// How long a role or the console may take to answer.
const DEADLINE: Duration = Duration::from_secs(2);

/// The terminal's other screen, so that what was on it is there again afterwards, and back.
/// Source: <https://invisible-island.net/xterm/ctlseqs/ctlseqs.html>.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
/// To the upper left; and what is right of a line, or below the last, is cleared.
const HOME: &str = "\x1b[H";
const END_OF_LINE: &str = "\x1b[K\r\n";
const END: &str = "\x1b[J";

/// Watch a running Posthaste in a terminal: rates, what waits by queue and tier, circuit breakers.
/// Ctrl-C ends it.
#[derive(Debug, Args)]
pub(crate) struct Top {
    /// Where a role serves `/metrics`; may be given several times. `up` has all roles at one.
    #[arg(
        long = "ops",
        env = "POSTHASTE_TOP_OPS",
        value_name = "ADDRESS",
        value_delimiter = ',',
        default_value = "127.0.0.1:9464"
    )]
    ops: Vec<String>,
    /// The address of the console, which names the endpoints that are left alone and the tenants
    /// that wait most.
    #[arg(
        long,
        env = "POSTHASTE_CONSOLE_URL",
        default_value = "http://127.0.0.1:8081"
    )]
    console_url: String,
    /// An API key for the whole platform (`phk_…`) that may read; without one the console is not
    /// asked.
    #[arg(long, env = "POSTHASTE_KEY", hide_env_values = true)]
    key: Option<SecretString>,
    /// How often it looks, such as `2s`.
    #[arg(long, default_value = "2s", value_parser = every)]
    every: Duration,
    /// Print one frame as text, and end.
    #[arg(long)]
    once: bool,
}

/// How often it can look.
fn every(text: &str) -> Result<Duration, String> {
    let every = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let bounds = Duration::from_millis(500)..=Duration::from_secs(60);
    let within = bounds.contains(&every).then_some(every);
    within.ok_or_else(|| "it must be from 500ms to 1min".to_owned())
}

/// Runs the command.
pub(crate) async fn run(top: Top) -> anyhow::Result<()> {
    let scraper = Scraper {
        http: http(DEADLINE)?,
        ops: top.ops,
        console_url: top.console_url,
        key: top.key,
    };
    let first = scraper.look().await?;
    if top.once {
        tokio::time::sleep(top.every).await;
        let figures = Figures::between(&first, &scraper.look().await?);
        out::line(lines(&figures, Paint::Plain).join("\n"));
        return Ok(());
    }
    if !stdout().is_terminal() {
        bail!("this is no terminal: try --once");
    }
    write(ENTER)?;
    let watched = tokio::select! {
        watched = watch(&scraper, first, top.every) => watched,
        asked = tokio::signal::ctrl_c() => asked.context("cannot wait for signals"),
    };
    write(LEAVE)?;
    watched
}

/// Looks and draws until it is dropped.
async fn watch(scraper: &Scraper, mut before: Snapshot, every: Duration) -> anyhow::Result<()> {
    let mut figures = Figures::between(&before, &before);
    let mut look = interval(every);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    look.tick().await;
    loop {
        let lines = lines(&figures, Paint::Colours).into_iter();
        let lines: String = lines.map(|line| line + END_OF_LINE).collect();
        write(&format!("{HOME}{lines}{END}"))?;
        look.tick().await;
        let after = scraper.look().await?;
        figures = Figures::between(&before, &after);
        before = after;
    }
}

fn write(text: &str) -> anyhow::Result<()> {
    let mut terminal = stdout().lock();
    let written = terminal.write_all(text.as_bytes());
    written
        .and_then(|()| terminal.flush())
        .context("cannot write to the terminal")
}
