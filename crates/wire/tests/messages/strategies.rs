//! Every value of the domain that a message can carry.

use std::sync::Arc;
use std::time::Duration;

use domain::attempt::{AttemptNumber, Trigger};
use domain::breaker::{BreakerNotice, BreakerStanding, BreakerState};
use domain::delivery::{DeadReason, Delivery, Due};
use domain::dispatch::{Content, Custody, Dispatch, Payload};
use domain::event::{Event, Identity};
use domain::event_type::EventType;
use domain::id::{Id, Kind};
use domain::loss::Watermark;
use domain::outcome::{Failure, Observed};
use domain::report::{AttemptReport, Extent, Report, Standing};
use domain::schema::Violation;
use domain::tier::Wait;
use domain::trace::{SpanId, TraceContext};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use time::OffsetDateTime;
use uuid::Uuid;
use wire::dispatch::Target;
use wire::inbox::InboxEvent;

fn id<K: Kind>() -> impl Strategy<Value = Id<K>> {
    any::<u128>().prop_map(|bits| Id::from_uuid(Uuid::from_u128(bits)))
}

/// Instants in whole microseconds over all years that `time` knows: finer ones don't travel.
fn instant() -> impl Strategy<Value = OffsetDateTime> {
    (-377_705_116_800_000_000_i64..=253_402_300_799_999_999).prop_map(|micros| {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).unwrap()
    })
}

fn event_type() -> impl Strategy<Value = EventType> {
    r"[a-zA-Z0-9_]{1,9}(\.[a-zA-Z0-9_]{1,9}){0,4}".prop_map(|text| text.parse().unwrap())
}

fn trace() -> impl Strategy<Value = TraceContext> {
    (any::<String>(), any::<String>()).prop_map(|(traceparent, tracestate)| TraceContext {
        traceparent,
        tracestate,
    })
}

fn attempt() -> impl Strategy<Value = AttemptNumber> {
    (1..=u32::from(u16::MAX)).prop_map(|number| AttemptNumber::new(number).unwrap())
}

fn delivery() -> impl Strategy<Value = Delivery> {
    (id(), id(), select(&Trigger::ALL), option::of(id())).prop_map(
        |(id, endpoint, trigger, replay_of)| Delivery {
            id,
            endpoint,
            trigger,
            replay_of,
        },
    )
}

fn violation() -> impl Strategy<Value = Violation> {
    (any::<String>(), any::<String>()).prop_map(|(pointer, detail)| Violation { pointer, detail })
}

prop_compose! {
    pub(crate) fn event()(
        id in id(),
        ingest_id in id(),
        tenant in id(),
        event_type in event_type(),
        data: Vec<u8>,
        timestamp in instant(),
        accepted_at in instant(),
        channels in vec("[a-z0-9_.:-]{1,64}", 0..=5),
        fingerprint: Option<[u8; 32]>,
        violations in vec(violation(), 0..=3),
        trace in trace(),
    ) -> Event {
        Event {
            id,
            ingest_id,
            tenant,
            event_type,
            data: data.into(),
            timestamp,
            accepted_at,
            channels: channels.iter().map(|channel| channel.parse().unwrap()).collect(),
            identity: fingerprint.map_or(Identity::Minted, |fingerprint| Identity::Keyed { fingerprint }),
            violations,
            trace,
        }
    }
}

prop_compose! {
    fn content()(
        event in id(),
        tenant in id(),
        event_type in event_type(),
        timestamp in instant(),
        accepted_at in instant(),
        data: Option<Vec<u8>>,
        trace in trace(),
    ) -> Content {
        let payload = data.map_or(Payload::Stored, |data| Payload::Inline(data.into()));
        Content { event, tenant, event_type, timestamp, accepted_at, payload, trace }
    }
}

prop_compose! {
    fn onward()(
        delivery in delivery(),
        attempt in attempt(),
        total_ms: u64,
        left_ms: u64,
        custody in select(&[Custody::Sole, Custody::Repeated, Custody::HandedOver]),
        overflows: u32,
        before: u64,
    ) -> Target {
        let wait = Wait::resumed(Duration::from_millis(total_ms), Duration::from_millis(left_ms));
        let due = Due { delivery, attempt };
        Target { due, wait, custody, overflows, attempt_before: SpanId::new(before) }
    }
}

/// Deliveries of one event.
pub(crate) fn dispatches() -> impl Strategy<Value = (Arc<Content>, Vec<Dispatch>)> {
    (content(), vec(onward(), 0..6)).prop_map(|(content, onward)| {
        let content = Arc::new(content);
        let dispatch = |target: Target| Dispatch {
            content: Arc::clone(&content),
            due: target.due,
            wait: target.wait,
            custody: target.custody,
            overflows: target.overflows,
            attempt_before: target.attempt_before,
        };
        let dispatches = onward.into_iter().map(dispatch).collect();
        (content, dispatches)
    })
}

fn standing() -> impl Strategy<Value = Standing> {
    prop_oneof![
        (attempt(), instant()).prop_map(|(attempt, next_attempt_at)| Standing::Waiting {
            attempt,
            next_attempt_at,
        }),
        attempt().prop_map(|attempt| Standing::Delivered { attempt }),
        (attempt(), select(&DeadReason::ALL))
            .prop_map(|(attempt, reason)| Standing::Dead { attempt, reason }),
        attempt().prop_map(|attempt| Standing::Held { attempt }),
        attempt().prop_map(|attempt| Standing::Cancelled { attempt }),
    ]
}

fn observed() -> impl Strategy<Value = Observed> {
    prop_oneof![
        (any::<u16>(), option::of(any::<u64>())).prop_map(|(status, retry_after_ms)| {
            Observed::Answered {
                status,
                retry_after: retry_after_ms.map(Duration::from_millis),
            }
        }),
        select(&Failure::ALL).prop_map(Observed::Failed),
    ]
}

prop_compose! {
    fn made()(
        number in attempt(),
        started_at in instant(),
        duration_us: u64,
        observed in observed(),
        answer: Vec<u8>,
        extent in select(&[Extent::Whole, Extent::Truncated]),
    ) -> AttemptReport {
        AttemptReport {
            number,
            started_at,
            duration: Duration::from_micros(duration_us),
            observed,
            answer: answer.into(),
            extent,
        }
    }
}

prop_compose! {
    pub(crate) fn report()(
        delivery in delivery(),
        event in id(),
        event_type in event_type(),
        tenant in id(),
        accepted_at in instant(),
        standing in standing(),
        attempt in option::of(made()),
        at in instant(),
        trace in trace(),
    ) -> Report {
        Report { delivery, event, event_type, tenant, accepted_at, standing, attempt, at, trace }
    }
}

prop_compose! {
    pub(crate) fn watermark()(
        queue: String,
        passed_at in instant(),
        told_at in instant(),
        lag_ms: u64,
    ) -> Watermark {
        Watermark { queue, passed_at, told_at, lag: Duration::from_millis(lag_ms) }
    }
}

prop_compose! {
    pub(crate) fn breaker()(
        endpoint in id(),
        dispatcher in id(),
        state in prop_oneof![
            Just(BreakerState::Closed),
            Just(BreakerState::HalfOpen),
            instant().prop_map(|retry_at| BreakerState::Open { retry_at }),
        ],
        since in instant(),
    ) -> BreakerNotice {
        BreakerNotice { endpoint, dispatcher, standing: BreakerStanding { state, since } }
    }
}

prop_compose! {
    pub(crate) fn inbox_event()(
        tenant: String,
        event: String,
        data: Vec<u8>,
        timestamp: String,
        id: String,
        channels: Vec<String>,
    ) -> InboxEvent {
        InboxEvent { tenant, event, data: data.into(), timestamp, id, channels }
    }
}
