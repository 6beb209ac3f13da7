//! The values that the fixtures hold: every message, with each optional part present and absent.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::attempt::{AttemptNumber, Trigger};
use domain::breaker::{BreakerNotice, BreakerStanding, BreakerState};
use domain::delivery::{DeadReason, Delivery, Due};
use domain::dispatch::{Content, Custody, Dispatch, Payload};
use domain::event::{Event, Identity};
use domain::id::{DeliveryId, EndpointId, EventId, Id, IngestId, TenantId};
use domain::loss::Watermark;
use domain::outcome::{Failure, Observed};
use domain::report::{AttemptReport, Extent, Report, Standing};
use domain::schema::Violation;
use domain::tier::Wait;
use domain::trace::{SpanId, TraceContext};
use time::OffsetDateTime;
use uuid::Uuid;
use wire::dispatch::Target;
use wire::inbox::InboxEvent;

fn id<K>(number: u128) -> Id<K> {
    Id::from_uuid(Uuid::from_u128(number))
}

fn at(micros: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).unwrap()
}

fn attempt(number: u32) -> AttemptNumber {
    AttemptNumber::new(number).unwrap()
}

fn trace() -> TraceContext {
    TraceContext {
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
        tracestate: "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE".to_owned(),
    }
}

/// Payload bytes that a JSON parser would not give back as they are.
const DATA: &str = "{ \"n\": 9007199254740993, \"n\": 1.10,\t\"t\": \"\\u0000 🚚\" }";

/// An event with nothing optional.
pub(crate) fn minted() -> Event {
    Event {
        id: EventId::from_uuid(Uuid::from_u128(1)),
        ingest_id: IngestId::from_uuid(Uuid::from_u128(2)),
        tenant: TenantId::from_uuid(Uuid::from_u128(3)),
        event_type: "shipment.created".parse().unwrap(),
        data: Bytes::from_static(b"null"),
        timestamp: at(0),
        accepted_at: at(1_764_000_000_123_456),
        channels: Vec::new(),
        identity: Identity::Minted,
        violations: Vec::new(),
        trace: TraceContext::default(),
    }
}

/// An event with everything optional.
pub(crate) fn keyed() -> Event {
    Event {
        id: id(u128::MAX),
        data: Bytes::from_static(DATA.as_bytes()),
        timestamp: at(-1),
        channels: ["region:eu-1", "priority"]
            .map(|channel| channel.parse().unwrap())
            .into(),
        identity: Identity::Keyed {
            fingerprint: [0xa5; 32],
        },
        trace: trace(),
        ..minted()
    }
}

/// An event whose payload violates the schema of its type.
pub(crate) fn violating() -> Event {
    let violation = |pointer: &str, detail: &str| Violation {
        pointer: pointer.to_owned(),
        detail: detail.to_owned(),
    };
    Event {
        violations: vec![
            violation("", "required: the member \"id\" is missing"),
            violation("/n", "type: should be string"),
        ],
        ..minted()
    }
}

/// Content whose payload travels with it.
pub(crate) fn inline() -> Content {
    let event = keyed();
    Content {
        event: event.id,
        tenant: event.tenant,
        event_type: event.event_type,
        timestamp: event.timestamp,
        accepted_at: event.accepted_at,
        payload: Payload::Inline(event.data),
        trace: event.trace,
    }
}

/// Content whose payload is in the event's row.
pub(crate) fn stored() -> Content {
    Content {
        payload: Payload::Stored,
        trace: TraceContext::default(),
        ..inline()
    }
}

/// A first attempt, and a replay's fourth that was handed over in mid-wait.
pub(crate) fn targets() -> [Target; 2] {
    let first = delivery();
    let replay = Delivery {
        id: DeliveryId::from_uuid(Uuid::from_u128(6)),
        trigger: Trigger::Replay,
        replay_of: Some(first.id),
        ..first
    };
    let first = Target::now(Due {
        delivery: first,
        attempt: AttemptNumber::FIRST,
    });
    let replay = Target {
        due: Due {
            delivery: replay,
            attempt: attempt(4),
        },
        wait: Wait::resumed(Duration::from_millis(90_500), Duration::from_millis(30_500)),
        custody: Custody::HandedOver,
        overflows: 3,
        attempt_before: None,
    };
    [first, replay]
}

/// A retry whose first attempt was recorded as a span.
pub(crate) fn traced() -> Target {
    let [_, replay] = targets();
    Target {
        attempt_before: SpanId::new(0x00f0_67aa_0ba9_02b7),
        ..replay
    }
}

/// What decoding `content` with these targets gives.
pub(crate) fn dispatches(content: Content, targets: &[Target]) -> Vec<Dispatch> {
    let content = Arc::new(content);
    let dispatch = |target: Target| Dispatch {
        content: Arc::clone(&content),
        due: target.due,
        wait: target.wait,
        custody: target.custody,
        overflows: target.overflows,
        attempt_before: target.attempt_before,
    };
    targets.iter().copied().map(dispatch).collect()
}

fn delivery() -> Delivery {
    Delivery {
        id: DeliveryId::from_uuid(Uuid::from_u128(4)),
        endpoint: EndpointId::from_uuid(Uuid::from_u128(5)),
        trigger: Trigger::Automatic,
        replay_of: None,
    }
}

fn report(standing: Standing, observed: Option<Observed>) -> Report {
    let made = observed.map(|observed| AttemptReport {
        number: attempt(2),
        started_at: at(1_764_000_001_000_000),
        duration: Duration::from_micros(12_345),
        observed,
        answer: Bytes::from_static(b"\x00not \xff text"),
        extent: Extent::Truncated,
    });
    Report {
        delivery: delivery(),
        event: id(1),
        event_type: "shipment.created".parse().unwrap(),
        tenant: id(3),
        accepted_at: at(1_764_000_000_123_456),
        standing,
        attempt: made,
        at: at(1_764_000_001_012_345),
        trace: TraceContext::default(),
    }
}

/// A report of each standing, by the name of its fixture.
pub(crate) fn reports() -> [(&'static str, Report); 7] {
    let made = attempt(2);
    let answered = |status, retry_after| {
        Some(Observed::Answered {
            status,
            retry_after,
        })
    };
    let waiting = Standing::Waiting {
        attempt: attempt(3),
        next_attempt_at: at(1_764_000_121_012_345),
    };
    let dead = |reason| Standing::Dead {
        attempt: made,
        reason,
    };
    let delivered = Standing::Delivered { attempt: made };
    [
        (
            "report_waiting",
            report(waiting, answered(503, Some(Duration::from_millis(120_000)))),
        ),
        ("report_delivered", report(delivered, answered(200, None))),
        (
            "report_dead",
            report(
                dead(DeadReason::Exhausted),
                Some(Observed::Failed(Failure::DnsNotFound)),
            ),
        ),
        (
            "report_gone",
            report(dead(DeadReason::Gone), answered(410, None)),
        ),
        (
            "report_held",
            report(Standing::Held { attempt: made }, None),
        ),
        (
            "report_cancelled",
            report(Standing::Cancelled { attempt: made }, None),
        ),
        (
            "report_traced",
            Report {
                trace: trace(),
                ..report(delivered, answered(200, None))
            },
        ),
    ]
}

/// A notice of each state, by the name of its fixture.
pub(crate) fn breakers() -> [(&'static str, BreakerNotice); 3] {
    let since = at(1_764_000_001_012_345);
    let notice = |state| BreakerNotice {
        endpoint: id(5),
        dispatcher: id(7),
        standing: BreakerStanding { state, since },
    };
    let retry_at = at(1_764_000_031_512_345);
    [
        ("breaker_closed", notice(BreakerState::Closed)),
        ("breaker_half_open", notice(BreakerState::HalfOpen)),
        ("breaker_open", notice(BreakerState::Open { retry_at })),
    ]
}

/// A publisher's event with everything optional.
pub(crate) fn inbox() -> InboxEvent {
    InboxEvent {
        tenant: "acme".to_owned(),
        event: "shipment.created".to_owned(),
        data: Bytes::from_static(DATA.as_bytes()),
        timestamp: "2025-11-24T16:00:00.5+01:00".to_owned(),
        id: "order-1".to_owned(),
        channels: vec!["region:eu-1".to_owned()],
    }
}

/// A publisher's event with nothing optional.
pub(crate) fn inbox_bare() -> InboxEvent {
    InboxEvent {
        timestamp: String::new(),
        id: String::new(),
        channels: Vec::new(),
        ..inbox()
    }
}

/// A lane that is behind.
pub(crate) fn watermark() -> Watermark {
    Watermark {
        queue: "posthaste.dispatch.fresh.07".to_owned(),
        passed_at: at(1_764_000_000_000_000),
        lag: Duration::from_millis(90_500),
        // What the bytes of versions that didn't tell it are read as.
        told_at: at(1_764_000_000_000_000),
    }
}

/// A lane that is empty.
pub(crate) fn caught_up() -> Watermark {
    Watermark {
        lag: Duration::ZERO,
        ..watermark()
    }
}
