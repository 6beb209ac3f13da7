//! `posthaste publish`: one event, from the command line.

use anyhow::{Context, bail};
use clap::Args;
use domain::event_type::EventType;
use reqwest::Method;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::client::{Client, Server, answer};
use crate::out;

/// Publish an event.
#[derive(Debug, Args)]
pub(crate) struct Publish {
    #[command(flatten)]
    server: Server,
    /// The event type, such as `shipment.created`.
    event: EventType,
    /// The payload: any JSON, sent byte for byte; `-` reads it from standard input.
    #[arg(long)]
    data: String,
    /// The tenant: its id or its external id. A key that belongs to one tenant needs none.
    #[arg(long)]
    tenant: Option<String>,
    /// Your own id for the event: publishing it again delivers nothing twice.
    #[arg(long)]
    id: Option<String>,
    /// When it happened, RFC 3339; now, if left out.
    #[arg(long)]
    timestamp: Option<String>,
    /// A label that endpoints can select on; may be given several times.
    #[arg(long = "channel")]
    channels: Vec<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    event: &'a EventType,
    data: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    channels: &'a [String],
}

/// Runs the command.
pub(crate) async fn run(publish: Publish) -> anyhow::Result<()> {
    let data = match publish.data.as_str() {
        "-" => std::io::read_to_string(std::io::stdin()).context("cannot read standard input")?,
        data => data.to_owned(),
    };
    let Ok(data) = RawValue::from_string(data) else {
        bail!("--data is not JSON; quote it for the shell, such as --data '{{\"id\":1}}'");
    };
    let body = Body {
        tenant: publish.tenant.as_deref(),
        event: &publish.event,
        data: &data,
        id: publish.id.as_deref(),
        timestamp: publish.timestamp.as_deref(),
        channels: &publish.channels,
    };
    let client = Client::new(publish.server)?;
    let accepted = answer(client.ingest(Method::POST, "/v1/events").json(&body)).await?;
    out::line(
        accepted["id"]
            .as_str()
            .context("the answer names no event id")?,
    );
    Ok(())
}
