//! The way of one batch: recorded, published, acknowledged.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use broker::message::header;
use broker::topology::Route;
use broker::{Acker, Headers, Outgoing, Publisher, ack_all, all_ended};
use domain::dispatch::{Content, Custody};
use domain::event::Event;
use domain::fairness::Class;
use domain::id::EventId;
use domain::limits;
use domain::matching::Matches;
use domain::selection::Candidate;
use domain::shard::{Shard, Shards};
use futures::future::try_join_all;
use service::courtesy::Step;
use service::trace::{self, Hop};
use store::events::NewEvent;
use store::{StoreError, SubscriptionDirectory};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use wire::MessageType;
use wire::batch::{Gathered, Sharded};

use crate::intake::Intake;
use crate::interrupted::Interrupted;
use crate::lane::Lane;
use crate::messages::{Fanned, Message, messages};
use crate::metrics::{Metrics, whole};
use crate::portions::Portions;
use crate::recording::Recording;

/// Fans batches out, several at once.
#[derive(Debug)]
pub(crate) struct FanOut {
    pub(crate) lane: Lane,
    pub(crate) recording: Recording,
    pub(crate) publisher: Publisher,
    pub(crate) shards: Shards,
    /// Cancelled when what is under way is to be dropped; it comes back from the broker.
    pub(crate) abort: CancellationToken,
    pub(crate) metrics: Metrics,
}

impl FanOut {
    /// Takes a batch all the way, and rests after each portion of it where the lane does. Given up
    /// half-way, it comes back and is repeated whole.
    pub(crate) async fn run(&self, step: Step, intake: Intake) {
        let age = intake.age(OffsetDateTime::now_utc());
        self.metrics.waited(age, self.lane.class());
        let began = Instant::now();
        let events = whole(intake.events.len());
        let parked = whole(intake.parked.len());
        match self.take_through(&step, age, intake).await {
            Ok(last) => {
                self.metrics.parked.add(parked, &[]);
                self.metrics.batch.record(events, &[]);
                self.metrics
                    .duration
                    .record(began.elapsed().as_secs_f64(), &[]);
                step.end(last, age).await;
            }
            Err(Interrupted) => tracing::info!(events, "given up, the batch goes back"),
        }
    }

    /// Gives how long the last portion took.
    async fn take_through(
        &self,
        step: &Step,
        age: Duration,
        intake: Intake,
    ) -> Result<Duration, Interrupted> {
        let Intake {
            events,
            parked,
            ackers,
            hops,
        } = intake;
        self.publish(parked).await?;
        let (mut epoch, mut subscriptions) = self.recording.subscriptions().await?;
        // Whoever is recorded without it was matched with what the record itself just said.
        let mut condition = Some(epoch);
        let mut moved = Vec::new();
        let mut portions = Portions::new(events, step.most(limits::FANOUT_BATCH_EVENTS));
        let mut began = Instant::now();
        let mut is_first = true;
        while let Some(portion) =
            portions.next(|event| self.sort(&subscriptions, event, &mut moved))
        {
            if !std::mem::take(&mut is_first) {
                let rest = step.rest(began.elapsed(), age);
                self.abort.run_until_cancelled(rest).await;
                began = Instant::now();
            }
            let recorded = self.recording.record(portion, condition).await?;
            still_ours(&ackers)?;
            self.publish(recorded.refused.iter().map(refused)).await?;
            while_ours(&ackers, self.dispatch(&recorded.fanned, &hops)).await?;
            condition = Some(epoch);
            if !recorded.outdated.is_empty() {
                (epoch, subscriptions) = self.recording.newest().await?;
                condition = None;
                portions.put_back(recorded.outdated);
            }
        }
        still_ours(&ackers)?;
        while_ours(&ackers, self.pass_on(&moved)).await?;
        ack_all(ackers).await;
        Ok(began.elapsed())
    }

    /// Matches an event. It comes back with the steps that took, or goes to those that are moved to
    /// the other lane.
    fn sort(
        &self,
        subscriptions: &SubscriptionDirectory,
        event: Event,
        moved: &mut Vec<Event>,
    ) -> Option<(NewEvent, u32)> {
        let candidate = Candidate::new(&event.event_type, &event.channels, &event.data);
        let Matches {
            endpoints,
            unjudged,
            steps,
        } = subscriptions.matches(event.tenant, &candidate);
        let new = NewEvent { event, endpoints };
        if self.lane.of(&new) == self.lane.class() {
            self.metrics.unjudged.add(whole(unjudged), &[]);
            Some((new, steps))
        } else {
            moved.push(new.event);
            None
        }
    }

    /// Passes events on to the bulk lane, as they came. They are recorded there.
    async fn pass_on(&self, events: &[Event]) -> Result<(), Interrupted> {
        self.publish(bulk(self.shards, events)).await?;
        self.metrics.moved.add(whole(events.len()), &[]);
        Ok(())
    }

    async fn dispatch(
        &self,
        fanned: &[(NewEvent, Custody)],
        hops: &HashMap<EventId, Hop>,
    ) -> Result<(), Interrupted> {
        let mut publishing = Vec::new();
        let events = fanned.iter().map(|(one, custody)| {
            let mut content = Content::from(&one.event);
            if let Some(hop) = hops.get(&one.event.id) {
                let published = hop.child(|| self.publishing(one));
                content.trace = published.context().unwrap_or(content.trace);
                publishing.push(published);
            }
            Fanned {
                content,
                endpoints: &one.endpoints,
                custody: *custody,
            }
        });
        let messages = messages(self.shards, events);
        let deliveries: usize = messages.iter().map(|message| message.deliveries).sum();
        let class = self.lane.class();
        let outgoing = messages.into_iter().map(|message| outgoing(message, class));
        self.publish(outgoing).await?;
        // They last until the confirms.
        drop(publishing);
        self.metrics.published(deliveries, class);
        Ok(())
    }

    /// The span in which an event's deliveries are published: their attempts are within it.
    fn publishing(&self, new: &NewEvent) -> trace::Step {
        let route = route(self.shards.of(new.event.id.uuid()), self.lane.class());
        let deliveries = i64::try_from(new.endpoints.len()).unwrap_or(i64::MAX);
        trace::Step::publish(route.template())
            .of("posthaste.event.id", new.event.id)
            .with("posthaste.deliveries", deliveries)
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

/// The channel of a batch may have ended while the record was away. Then it comes again, and is
/// published then: now as well would only make duplicates.
fn still_ours(ackers: &[Acker]) -> Result<(), Interrupted> {
    if ackers.iter().any(Acker::is_usable) {
        Ok(())
    } else {
        Err(Interrupted)
    }
}

/// Goes on with what is published for a batch as long as the batch is ours: whoever gets it next
/// publishes the same.
async fn while_ours(
    ackers: &[Acker],
    publishing: impl Future<Output = Result<(), Interrupted>>,
) -> Result<(), Interrupted> {
    tokio::select! {
        published = publishing => published,
        () = all_ended(ackers) => Err(Interrupted),
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

/// Events in messages for the bulk lane of their shards.
fn bulk(shards: Shards, events: &[Event]) -> Vec<Outgoing> {
    let mut together = Sharded::new(limits::ITEMS_PER_MESSAGE);
    for event in events {
        let shard = shards.of(event.id.uuid());
        together.push(shard, wire::accepted::encode(event), 1);
    }
    let kind = MessageType::Accepted.as_str();
    let message = |Gathered { shard, body, .. }| {
        Outgoing::new(Route::events_bulk(shard), body, kind, wire::CONTENT_TYPE)
    };
    together.finish().into_iter().map(message).collect()
}

fn outgoing(message: Message, class: Class) -> Outgoing {
    Outgoing::new(
        route(message.shard, class),
        message.body,
        MessageType::Dispatch.as_str(),
        wire::CONTENT_TYPE,
    )
}

fn route(shard: Shard, class: Class) -> Route {
    match class {
        Class::Normal => Route::dispatch_now(shard),
        Class::Bulk => Route::dispatch_bulk(shard),
    }
}
