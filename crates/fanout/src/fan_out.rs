//! The way of one batch: recorded, published, acknowledged.

use std::time::Instant;

use broker::message::header;
use broker::topology::Route;
use broker::{Acker, Headers, Outgoing, Publisher, ack_all};
use domain::event::Event;
use domain::shard::Shards;
use futures::future::try_join_all;
use opentelemetry::trace::TraceContextExt as _;
use store::StoreError;
use store::events::NewEvent;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use wire::MessageType;

use crate::intake::Intake;
use crate::interrupted::Interrupted;
use crate::messages::{Message, messages};
use crate::metrics::{Metrics, whole};
use crate::portions::portions;
use crate::recording::Recording;

/// The most links of a batch's span to the traces of its events, as OpenTelemetry's SDK keeps.
const LINKS: usize = 128;

/// Fans batches out, several at once.
#[derive(Debug)]
pub(crate) struct FanOut {
    pub(crate) recording: Recording,
    pub(crate) publisher: Publisher,
    pub(crate) shards: Shards,
    /// Cancelled when what is under way is to be dropped; it comes back from the broker.
    pub(crate) abort: CancellationToken,
    pub(crate) metrics: Metrics,
}

impl FanOut {
    /// Takes a batch all the way. Given up half-way, it comes back and is repeated whole.
    pub(crate) async fn run(&self, intake: Intake) {
        let span = span(&intake);
        let began = Instant::now();
        let events = whole(intake.events.len());
        let parked = whole(intake.parked.len());
        match self.take_through(intake).instrument(span).await {
            Ok(()) => {
                self.metrics.parked.add(parked, &[]);
                self.metrics.batch.record(events, &[]);
                self.metrics
                    .duration
                    .record(began.elapsed().as_secs_f64(), &[]);
            }
            Err(Interrupted) => tracing::info!(events, "given up, the batch goes back"),
        }
    }

    async fn take_through(&self, intake: Intake) -> Result<(), Interrupted> {
        let Intake {
            events,
            parked,
            ackers,
        } = intake;
        self.publish(parked).await?;
        let subscriptions = self.recording.subscriptions().await?;
        let matches =
            |event: &Event| subscriptions.matches(event.tenant, &event.event_type, &event.channels);
        for portion in portions(events, matches) {
            let recorded = self.recording.record(portion).await?;
            // Their channel may have ended while the record was away. Then they come again, and
            // are published then: now as well would only make duplicates.
            if !ackers.iter().any(Acker::is_usable) {
                return Err(Interrupted);
            }
            self.publish(recorded.refused.iter().map(refused)).await?;
            self.dispatch(&recorded.fanned).await?;
        }
        ack_all(ackers).await;
        Ok(())
    }

    async fn dispatch(&self, fanned: &[NewEvent]) -> Result<(), Interrupted> {
        let pairs = fanned
            .iter()
            .map(|one| (&one.event, one.endpoints.as_slice()));
        let messages = messages(self.shards, pairs);
        let deliveries: usize = messages.iter().map(|message| message.deliveries).sum();
        self.publish(messages.into_iter().map(outgoing)).await?;
        self.metrics.deliveries.add(whole(deliveries), &[]);
        Ok(())
    }

    /// Publishes all, as many at once as the publisher's window takes, until each is confirmed.
    async fn publish(
        &self,
        messages: impl IntoIterator<Item = Outgoing>,
    ) -> Result<(), Interrupted> {
        let confirmed = messages
            .into_iter()
            .map(|message| self.publisher.publish_until_confirmed(message, &self.abort));
        try_join_all(confirmed).await?;
        Ok(())
    }
}

/// An event that the record can't hold, alone on its way to the dead letters.
fn refused((event, error): &(Event, StoreError)) -> Outgoing {
    let item = wire::accepted::encode(event);
    let headers = Headers::new()
        .with(header::REASON, "unrecordable")
        .with(header::DETAIL, error.to_string());
    Outgoing::new(
        Route::dead(),
        wire::batch::join(vec![item]),
        MessageType::Accepted.as_str(),
        wire::CONTENT_TYPE,
    )
    .with_headers(headers)
}

fn outgoing(message: Message) -> Outgoing {
    Outgoing::new(
        Route::dispatch_now(message.shard),
        message.body,
        MessageType::Dispatch.as_str(),
        wire::CONTENT_TYPE,
    )
}

/// One span a batch, linked to the traces of its events: it belongs to none of them alone.
/// Conventions: <https://opentelemetry.io/docs/specs/semconv/messaging/rabbitmq/>.
fn span(intake: &Intake) -> Span {
    let span = tracing::info_span!(
        "fan_out",
        otel.name = "process posthaste.events",
        otel.kind = "consumer",
        messaging.system = "rabbitmq",
        messaging.operation.name = "process",
        messaging.operation.type = "process",
        messaging.destination.template = "posthaste.events:{shard}",
        messaging.batch.message_count = intake.ackers.len(),
        events = intake.events.len(),
    );
    let traced = intake
        .events
        .iter()
        .filter(|event| !event.trace.traceparent.is_empty());
    for event in traced.take(LINKS) {
        let context = service::trace::context(&event.trace);
        span.add_link(context.span().span_context().clone());
    }
    span
}
