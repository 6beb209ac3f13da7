//! What is sent, and load in a closed loop: each next request is sent when its last was answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use time::OffsetDateTime;

/// What the load did.
pub(crate) struct Load {
    /// How long it took until the last request was answered.
    pub(crate) took: Duration,
    /// How long each answer took, sorted.
    pub(crate) answers: Vec<Duration>,
}

/// A load of `items`, up to `in_request` of them in each request and `at_once` requests under way.
/// `send` is told how many items go into its request, and returns when that was answered.
pub(crate) async fn closed<F>(
    items: usize,
    in_request: usize,
    at_once: usize,
    send: impl Fn(usize) -> F + Clone + Send + 'static,
) -> anyhow::Result<Load>
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let left = Arc::new(AtomicUsize::new(items));
    let began = Instant::now();
    let senders: Vec<_> = (0..at_once)
        .map(|_| {
            let (left, send) = (Arc::clone(&left), send.clone());
            tokio::spawn(send_while(left, in_request, send))
        })
        .collect();
    let mut answers = Vec::with_capacity(items.div_ceil(in_request));
    for sender in senders {
        answers.extend(sender.await.context("a sender panicked")??);
    }
    let took = began.elapsed();
    answers.sort_unstable();
    Ok(Load { took, answers })
}

async fn send_while<F: Future<Output = anyhow::Result<()>>>(
    left: Arc<AtomicUsize>,
    in_request: usize,
    send: impl Fn(usize) -> F,
) -> anyhow::Result<Vec<Duration>> {
    let mut answers = Vec::new();
    loop {
        let count = take(&left, in_request);
        if count == 0 {
            return Ok(answers);
        }
        let began = Instant::now();
        send(count).await?;
        answers.push(began.elapsed());
    }
}

/// Takes up to `most` of what is left; gives how many.
fn take(left: &AtomicUsize, most: usize) -> usize {
    let rest = |left: usize| Some(left.saturating_sub(most));
    let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest);
    before.unwrap_or_default().min(most)
}

/// A payload of about so many bytes; one that tells when it was to be sent does so in microseconds
/// since 1970.
pub(crate) fn payload(bytes: usize, sent: Option<OffsetDateTime>) -> String {
    let sent_us = sent.map_or(0, |sent| sent.unix_timestamp_nanos() / 1_000);
    let before = format!(r#"{{"id":"ship_123","sent_us":{sent_us},"note":""#);
    let after = r#""}"#;
    let filler = "x".repeat(bytes.saturating_sub(before.len() + after.len()));
    format!("{before}{filler}{after}")
}
