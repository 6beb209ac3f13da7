//! `posthaste listen`: a receiver on this machine that verifies what arrives and prints it.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use clap::Args;
use signature::{Secret, guide, standard};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::out;

/// The largest body that the receiver takes, in bytes: far above what Posthaste sends.
const BODY_BYTES: usize = 16 * 1024 * 1024;

/// How many arrivals may wait to be printed before the receiver itself waits.
const ARRIVALS: usize = 1024;

/// Receive webhooks on this machine, verify their signatures and print them.
#[derive(Debug, Clone, Args)]
pub(crate) struct Listen {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
    /// The endpoint's secret (`whsec_…`); may be given several times during a rotation. Without
    /// one nothing is verified.
    #[arg(long, env = "POSTHASTE_ENDPOINT_SECRET", hide_env_values = true)]
    secret: Vec<String>,
    #[command(flatten)]
    manners: Manners,
}

/// How well the receiver behaves.
#[derive(Debug, Clone, Args)]
pub(crate) struct Manners {
    /// Answer so many requests with 500 before the first success.
    #[arg(long, default_value_t = 0)]
    pub(crate) fail: u32,
    /// Wait before each answer, such as `2s`.
    #[arg(long, default_value = "0s", value_parser = humantime::parse_duration)]
    pub(crate) delay: Duration,
    /// The status of the answers after the failures.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(200..=599))]
    pub(crate) status: u16,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            fail: 0,
            delay: Duration::ZERO,
            status: 200,
        }
    }
}

/// A request that came.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// When its last byte was read.
    pub(crate) at: SystemTime,
    /// The `webhook-id`, empty where there was none.
    pub(crate) webhook_id: String,
    /// The `webhook-signature`, empty where there was none.
    pub(crate) webhook_signature: String,
    /// The body as it came.
    pub(crate) body: Bytes,
    /// What its signatures say; none where no secret was given.
    pub(crate) verdict: Option<Verdict>,
    /// What the receiver answers.
    pub(crate) status: StatusCode,
}

/// What the two signatures say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The headers, by Standard Webhooks.
    pub(crate) headers: Result<(), signature::VerifyError>,
    /// The member in the body; only the `guide` format has one.
    pub(crate) member: Result<(), signature::VerifyError>,
}

impl Verdict {
    /// Whether both signatures verify.
    pub(crate) fn is_genuine(self) -> bool {
        self.headers.is_ok() && self.member.is_ok()
    }
}

struct Receiver {
    secrets: Vec<Secret>,
    manners: Manners,
    failures_left: std::sync::atomic::AtomicU32,
    arrivals: mpsc::Sender<Arrival>,
}

/// Serves a receiver until `stop`, handing over every request before it is answered.
pub(crate) fn receive(
    listener: TcpListener,
    secrets: Vec<Secret>,
    manners: Manners,
    stop: CancellationToken,
) -> mpsc::Receiver<Arrival> {
    let (arrivals, received) = mpsc::channel(ARRIVALS);
    let receiver = std::sync::Arc::new(Receiver {
        failures_left: manners.fail.into(),
        secrets,
        manners,
        arrivals,
    });
    let app = Router::new()
        .fallback(answer)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .with_state(receiver);
    tokio::spawn(async move {
        let serving = axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned());
        if let Err(error) = serving.await {
            tracing::error!(%error, "the receiver ended");
        }
    });
    received
}

async fn answer(
    State(receiver): State<std::sync::Arc<Receiver>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    use std::sync::atomic::Ordering::SeqCst;
    let at = SystemTime::now();
    let fails = receiver
        .failures_left
        .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1))
        .is_ok();
    let status = if fails { 500 } else { receiver.manners.status };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let text = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let arrival = Arrival {
        at,
        webhook_id: text(standard::WEBHOOK_ID),
        webhook_signature: text(standard::WEBHOOK_SIGNATURE),
        verdict: verify(&receiver.secrets, &headers, &body, at),
        body,
        status,
    };
    tokio::time::sleep(receiver.manners.delay).await;
    // Nobody listens any more: the program is ending, and the sender deserves its answer still.
    let _ = receiver.arrivals.send(arrival).await;
    status
}

fn verify(secrets: &[Secret], headers: &HeaderMap, body: &[u8], at: SystemTime) -> Option<Verdict> {
    if secrets.is_empty() {
        return None;
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let now = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let headers = standard::verify(
        secrets,
        text(standard::WEBHOOK_ID),
        text(standard::WEBHOOK_TIMESTAMP),
        text(standard::WEBHOOK_SIGNATURE),
        body,
        i64::try_from(now).unwrap_or(i64::MAX),
        standard::TOLERANCE,
    );
    Some(Verdict {
        headers,
        member: guide::verify(secrets, body),
    })
}

/// Runs the command.
pub(crate) async fn run(listen: Listen) -> anyhow::Result<()> {
    let secrets = listen
        .secret
        .iter()
        .map(|secret| Secret::parse(secret))
        .collect::<Result<Vec<_>, _>>()
        .context("--secret is the text that begins with whsec_, as shown when it was made")?;
    let listener = TcpListener::bind(listen.listen)
        .await
        .with_context(|| format!("cannot listen on {}", listen.listen))?;
    out::line(format_args!(
        "listening on http://{}",
        listener.local_addr()?
    ));
    if secrets.is_empty() {
        out::line("no --secret given: signatures are not verified");
    }
    let stop = CancellationToken::new();
    let mut arrivals = receive(listener, secrets, listen.manners, stop.clone());
    let end = service::signals::end();
    tokio::pin!(end);
    loop {
        tokio::select! {
            ended = &mut end => {
                stop.cancel();
                return ended.context("cannot wait for signals");
            }
            Some(arrival) = arrivals.recv() => print(&arrival),
        }
    }
}

fn print(arrival: &Arrival) {
    let at = time::OffsetDateTime::from(arrival.at);
    let at = at
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap_or_default();
    out::line(format_args!("\n{at}  answered {}", arrival.status.as_u16()));
    out::line(format_args!("  webhook-id  {}", inert(&arrival.webhook_id)));
    out::line(format_args!("  signature   {}", in_words(arrival.verdict)));
    out::line(format_args!(
        "  {}",
        inert(&String::from_utf8_lossy(&arrival.body))
    ));
}

/// What a verdict says, in words.
pub(crate) fn in_words(verdict: Option<Verdict>) -> String {
    match verdict {
        None => "not checked: no --secret".to_owned(),
        Some(Verdict {
            headers: Err(error),
            ..
        }) => format!("NOT GENUINE: {error}"),
        Some(Verdict {
            headers: Ok(()),
            member: Ok(()),
        }) => "verified: headers and body member".to_owned(),
        Some(Verdict {
            headers: Ok(()),
            member: Err(error),
        }) => {
            format!("headers verified; body member: {error}")
        }
    }
}

/// Text from the network as a terminal may show it: control characters don't act.
pub(crate) fn inert(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { escape(c) } else { vec![c] })
        .collect()
}

fn escape(c: char) -> Vec<char> {
    c.escape_default().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_arrives_cannot_drive_the_terminal() {
        assert_eq!(inert("a\u{1b}[2Jb\r\n\u{9b}é"), r"a\u{1b}[2Jb\r\n\u{9b}é");
    }
}
