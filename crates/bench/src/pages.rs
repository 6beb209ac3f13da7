//! How long every page of the dashboard and every look by the API takes on a large record.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::{Value, json};
use testkit::cluster::Role;
use testkit::{Cluster, Stack};

use crate::filled::Sizes;
use crate::program;
use crate::table::{millis, quantile};
use crate::trial::{Settings, servers};

mod calls;
mod reader;
mod subject;

use calls::{Call, calls};
use reader::Reader;
use subject::{Subject, subjects};

/// How long every page and every look by the API takes.
#[derive(Debug, Args)]
pub(crate) struct Pages {
    #[command(flatten)]
    sizes: Sizes,
    /// How often each is asked of each kind of tenant.
    #[arg(long, default_value_t = 100)]
    rounds: usize,
}

/// What nothing may take longer than, in 95 of 100 times.
const BAR: Duration = Duration::from_millis(100);

/// Runs the measurement.
pub(crate) async fn run(pages: Pages, settings: Settings) -> anyhow::Result<()> {
    let servers = servers(settings).await?;
    let stack = Stack::on(servers.access()).await;
    let mut cluster = Cluster::prepare(&program()?, &stack).await;
    pages.sizes.fill(&stack).await?;
    cluster.start_role(Role::Console).await;
    let reader = Reader::sign_in(&cluster).await?;
    let subjects = subjects(&reader).await?;

    println!("{}", head());
    let (mut figures, mut slow) = (Vec::new(), 0);
    for call in calls(&reader).await? {
        let took = pages.ask(&reader, &call, &subjects).await?;
        println!("{}", took.row(&call));
        slow += usize::from(took.is_slow());
        figures.push(took.json(&call));
    }
    println!(
        "{} of {} have a p95 above {}",
        slow,
        figures.len(),
        millis(Some(BAR))
    );
    println!("{}", Value::from(figures));
    drop(cluster);
    drop(stack);
    servers.stop().await?;
    Ok(())
}

impl Pages {
    /// Asks for one page again and again: of the tenant that has the most, of the one whose
    /// endpoints are all paused, and of others in turn.
    async fn ask(
        &self,
        reader: &Reader,
        call: &Call,
        subjects: &[(&'static str, Vec<Subject>)],
    ) -> anyhow::Result<Took> {
        let mut took = Vec::new();
        for (name, of) in subjects {
            let paths: Vec<String> = of.iter().filter_map(|one| call.path(one)).collect();
            if paths.is_empty() {
                continue;
            }
            let mut times = Vec::with_capacity(self.rounds);
            for path in paths.iter().cycle().take(self.rounds) {
                let began = Instant::now();
                reader.ask(call.way, path).await?;
                times.push(began.elapsed());
            }
            times.sort_unstable();
            took.push((*name, times));
            if !call.is_of_a_tenant() {
                break;
            }
        }
        ensure!(!took.is_empty(), "nothing was found for {}", call.template);
        Ok(Took(took))
    }
}

/// How long the answers took, sorted, of each kind of tenant.
struct Took(Vec<(&'static str, Vec<Duration>)>);

fn head() -> String {
    format!(
        "{:72} {:>8} {:>9} {:>9} {:>9}",
        "page or look", "of", "p50", "p95", "max"
    )
}

impl Took {
    fn is_slow(&self) -> bool {
        self.0
            .iter()
            .any(|(_, times)| quantile(times, 0.95).is_some_and(|p95| p95 > BAR))
    }

    /// A line for each kind of tenant.
    fn row(&self, call: &Call) -> String {
        let name = call.to_string();
        let lines = self.0.iter().map(|(of, times)| {
            format!(
                "{name:72} {of:>8} {:>9} {:>9} {:>9}",
                millis(quantile(times, 0.5)),
                millis(quantile(times, 0.95)),
                millis(times.last().copied()),
            )
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn json(&self, call: &Call) -> Value {
        let ms = |one: Option<Duration>| one.map(|one| one.as_secs_f64() * 1e3);
        let of = self.0.iter().map(|(name, times)| {
            let figures = json!({
                "p50_ms": ms(quantile(times, 0.5)),
                "p95_ms": ms(quantile(times, 0.95)),
                "max_ms": ms(times.last().copied()),
            });
            ((*name).to_owned(), figures)
        });
        let of: serde_json::Map<_, _> = of.collect();
        json!({"call": call.to_string(), "of": of})
    }
}

/// A member that is text.
fn text<'a>(value: &'a Value, member: &str) -> anyhow::Result<&'a str> {
    value[member]
        .as_str()
        .with_context(|| format!("no {member} in {value}"))
}
