//! `posthaste topology`: the exchanges and queues, shown or declared.

use anyhow::Context;
use broker::Broker;
use broker::topology::Topology;
use clap::Args;
use secrecy::SecretString;

use crate::connections::ShardsArg;
use crate::out;

/// Show the exchanges and queues, print them for RabbitMQ to import, or declare them.
#[derive(Debug, Args)]
pub(crate) struct TopologyCommand {
    #[command(flatten)]
    shards: ShardsArg,
    /// Print RabbitMQ definitions (JSON), for operators who import them.
    #[arg(long, conflicts_with = "declare")]
    print: bool,
    /// The virtual host that the printed definitions are for.
    #[arg(long, default_value = "/", requires = "print")]
    vhost: String,
    /// Declare everything at the broker.
    #[arg(long, requires = "amqp_url")]
    declare: bool,
    /// RabbitMQ, to declare at: `amqp://user:password@host:5672/vhost`.
    #[arg(long, env = "POSTHASTE_AMQP_URL", hide_env_values = true)]
    amqp_url: Option<SecretString>,
}

/// Runs the command.
pub(crate) async fn run(command: TopologyCommand) -> anyhow::Result<()> {
    let topology = Topology::new(command.shards.shards);
    match command.amqp_url {
        Some(url) if command.declare => {
            let broker = Broker::new(&broker::Config::new(url, "posthaste-topology"))?;
            broker
                .declare(&topology)
                .await
                .context("the topology was not declared")?;
            out::line("declared");
        }
        _ if command.print => out::line(topology.definitions_json(&command.vhost)),
        _ => out::line(topology),
    }
    Ok(())
}
