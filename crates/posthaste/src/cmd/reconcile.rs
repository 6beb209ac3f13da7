//! `posthaste reconcile`: what the record knows as open and no queue holds any more, sent again.

use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use anyhow::bail;
use broker::Broker;
use clap::Args;
use console::reconcile::{Deed, Options, Parts, Summary, reconcile};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::connections::{BrokerArgs, StoreArgs};
use crate::out;

/// How often progress is told.
const TELL: Duration = Duration::from_secs(1);

/// Find deliveries that are neither settled nor in a queue any more, and send them again: after a
/// broker that lost its disk, or when the ledger does not balance. Run it while all roles run.
#[derive(Debug, Args)]
pub(crate) struct Reconcile {
    /// Only count them.
    #[arg(long)]
    dry_run: bool,
    /// How many to send a second.
    #[arg(long, default_value = "500")]
    rate: NonZeroU16,
    /// How long after it was due a delivery that nobody has heard of since counts as lost, once its
    /// lanes have passed that instant.
    #[arg(
        long,
        env = "POSTHASTE_LOSS_GRACE",
        default_value = "10min",
        value_parser = humantime::parse_duration
    )]
    grace: Duration,
    #[command(flatten)]
    broker: BrokerArgs,
    #[command(flatten)]
    store: StoreArgs,
}

/// Runs the command.
pub(crate) async fn run(command: Reconcile) -> anyhow::Result<()> {
    let broker = broker::Config::new(command.broker.amqp_url, "posthaste-reconcile");
    let parts = Parts {
        broker: Broker::new(&broker)?,
        store: command.store.open()?,
        shards: command.broker.shards.shards,
    };
    let options = Options {
        deed: if command.dry_run {
            Deed::Count
        } else {
            Deed::Send
        },
        rate: command.rate,
        grace: command.grace,
    };
    let deed = options.deed;
    let mut told = Instant::now();
    let summary = reconcile(parts, options, |so_far| {
        if told.elapsed() >= TELL {
            told = Instant::now();
            out::line(format_args!("{} sent", so_far.first + so_far.later));
        }
    })
    .await?;
    tell(&summary, deed)?;
    if summary.unconfirmed > 0 {
        bail!(
            "{} deliveries were not confirmed by the broker: run it again",
            summary.unconfirmed
        );
    }
    Ok(())
}

fn tell(summary: &Summary, deed: Deed) -> anyhow::Result<()> {
    let Summary {
        horizon,
        first,
        later,
        unconfirmed: _,
    } = summary;
    let instant = |at: OffsetDateTime| at.format(&Rfc3339);
    out::line(format_args!(
        "first attempts: {first} lost, of those recorded before {}",
        instant(horizon.first)?
    ));
    out::line(format_args!(
        "later attempts: {later} lost, of those due before {}",
        instant(horizon.waiting)?
    ));
    let all = first + later;
    out::line(match deed {
        Deed::Count => format!("{all} deliveries would be sent again"),
        Deed::Send => format!("{all} deliveries were sent again"),
    });
    Ok(())
}
