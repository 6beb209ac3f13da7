//! What an event waits for at least, each part alone in an open loop at the event's own rate: two
//! quorum queues one after the other, a row of the record, a request to the receiver.

use std::time::{Duration, Instant};

use anyhow::Context;
use broker::Consumer;
use broker::topology::{Route, queue};
use bytes::Bytes;
use sandbox::Servers;
use store::events::NewEvent;
use tokio::task::JoinSet;

use super::broker::{Alone, outgoing, pass_on};
use super::http::Bare;
use super::postgres::{Record, endpoints};
use crate::latency::Latency;
use crate::load::payload;
use crate::receiver::Receiver;

/// How often and for how long each part is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) per_second: u32,
    pub(crate) lasting: Duration,
    /// The payload of an event, in bytes.
    pub(crate) payload_bytes: usize,
}

impl Pace {
    /// When each call is due, after the first.
    fn times(self) -> impl Iterator<Item = Duration> {
        (0u32..)
            .map(move |number| Duration::from_secs(1) * number / self.per_second)
            .take_while(move |due| *due < self.lasting)
    }

    /// Calls at each time, whether or not the earlier calls have ended; what each took since it was
    /// due.
    async fn each<F>(self, mut call: impl FnMut() -> F) -> anyhow::Result<Vec<Duration>>
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let (began, mut calls) = (tokio::time::Instant::now(), JoinSet::new());
        for due in self.times() {
            tokio::time::sleep_until(began + due).await;
            let (due, call) = (began + due, call());
            calls.spawn(async move { call.await.map(|()| due.elapsed()) });
        }
        let mut took = Vec::new();
        while let Some(done) = calls.join_next().await {
            took.push(done.context("a call panicked")??);
        }
        Ok(took)
    }

    /// A message from its publication to its arrival behind two queues.
    pub(crate) async fn queues(self, servers: &Servers) -> anyhow::Result<Latency> {
        let alone = Alone::on(servers).await?;
        let (shard, messages) = (alone.shard, self.times().count());
        let passing = tokio::spawn(pass_on(
            alone.consumer(queue::fanout(shard)),
            alone.broker.publisher("fanout"),
            move |body| outgoing(Route::dispatch_now(shard), body),
            messages,
            1,
        ));
        let began = Instant::now();
        let consumer = alone.consumer(queue::dispatch_fresh(shard));
        let arriving = tokio::spawn(arrivals(consumer, began, messages));
        let publisher = alone.broker.publisher("ingest");
        let payload_bytes = self.payload_bytes;
        self.each(|| {
            let mut body = began.elapsed().as_nanos().to_be_bytes().to_vec();
            body.resize(payload_bytes.max(body.len()), b'x');
            let publisher = publisher.clone();
            let message = outgoing(Route::events(shard), &body.into());
            async move { Ok(publisher.publish(message).await?) }
        })
        .await?;
        passing.await.context("passing on panicked")??;
        let took = arriving.await.context("taking panicked")??;
        alone.stop.cancel();
        Ok(Latency::of_durations(took))
    }

    /// An event for one endpoint until it is recorded.
    pub(crate) async fn record(self, servers: &Servers) -> anyhow::Result<Latency> {
        let record = Record::on(servers).await?;
        let data = Bytes::from(payload(self.payload_bytes, None));
        let endpoints = endpoints(1);
        let took = self.each(|| {
            let batch = [NewEvent {
                event: record.event(&data),
                endpoints: endpoints.clone(),
            }];
            let store = record.store.clone();
            async move {
                store.record(&batch).await?;
                Ok(())
            }
        });
        Ok(Latency::of_durations(took.await?))
    }

    /// A request until the receiver has answered it.
    pub(crate) async fn request(
        self,
        http: reqwest::Client,
        receiver: &Receiver,
    ) -> anyhow::Result<Latency> {
        let bare = Bare::new(http, receiver, self.payload_bytes);
        let took = self.each(|| bare.clone().post());
        Ok(Latency::of_durations(took.await?))
    }
}

/// How old each message was on its arrival. Its body begins with the nanoseconds since `began`.
async fn arrivals(
    mut consumer: Consumer,
    began: Instant,
    messages: usize,
) -> anyhow::Result<Vec<Duration>> {
    let mut took = Vec::new();
    for _ in 0..messages {
        let received = consumer.next().await.context("the consumer has stopped")?;
        let now = began.elapsed();
        let (delivered, acker) = received.into_parts();
        if let Some(nanos) = delivered.body.first_chunk() {
            let sent =
                Duration::from_nanos(u64::try_from(u128::from_be_bytes(*nanos)).unwrap_or(0));
            took.push(now.saturating_sub(sent));
        }
        acker.ack().await;
    }
    Ok(took)
}
