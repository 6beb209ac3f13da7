//! Every bound of the main path with its default, in one place.
//!
//! A bound that a role lets the operator change takes its default from here.

use std::time::Duration;

/// The largest request body or inbox message that ingest reads, in bytes (256 KiB).
pub const EVENT_BODY_BYTES: usize = 256 * 1024;

/// The largest body of a batch request, in bytes (8 MiB).
pub const BATCH_BODY_BYTES: usize = 8 * 1024 * 1024;

/// The most events in one batch request or one `EventBatch` of the inbox.
pub const BATCH_EVENTS: usize = 1_000;

/// The deepest nesting of arrays and objects in an event's `data`.
pub const NESTING: usize = 128;

/// The longest event type, in characters (all of them ASCII).
pub const EVENT_TYPE_LENGTH: usize = 128;

/// The most channels on an event or a subscription.
pub const CHANNELS: usize = 5;

/// The longest channel, in characters (all of them ASCII).
pub const CHANNEL_LENGTH: usize = 64;

/// The longest idempotency key or publisher's own event id, in bytes.
pub const IDEMPOTENCY_KEY_BYTES: usize = 255;

/// The longest platform's own key for a tenant, in bytes.
pub const EXTERNAL_ID_BYTES: usize = 128;

/// How long an idempotency key is remembered (72 hours).
pub const IDEMPOTENCY_WINDOW: Duration = Duration::from_secs(72 * 60 * 60);

/// The most deliveries in one message from fan-out to the dispatchers.
///
/// At 32 a quorum hop costs 3.5 µs a delivery; more gains little and makes a kill dearer.
pub const DELIVERIES_PER_MESSAGE: usize = 32;

/// The most accepted events, or reports, in one message between services.
pub const ITEMS_PER_MESSAGE: usize = 256;

/// The size at which a message between services takes no further item, in bytes (1 MiB).
pub const MESSAGE_BYTES: usize = 1024 * 1024;

/// The most events that fan-out writes in one transaction.
pub const FANOUT_BATCH_EVENTS: usize = 500;

/// The most events in one message, or one transaction, of bulk work while others are served.
pub const BULK_ITEMS: usize = 64;

/// The largest payload that travels inside a delivery message, in bytes (32 KiB).
///
/// A larger one is read from the event's row, once per dispatcher and not once per endpoint.
pub const INLINE_PAYLOAD_BYTES: usize = 32 * 1024;

/// How much of a receiver's answer is read and kept, in bytes (16 KiB).
pub const ANSWER_BYTES: usize = 16 * 1024;

/// The deadline of an attempt over connect, headers and body, where an endpoint names none.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);

/// The shortest deadline that an endpoint may ask for.
pub const ATTEMPT_TIMEOUT_MIN: Duration = Duration::from_secs(1);

/// The longest deadline that an endpoint may ask for.
pub const ATTEMPT_TIMEOUT_MAX: Duration = Duration::from_secs(30);

/// How long an attempt may keep its batch waiting before it is handed to the retry lane.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// The longest span between a delivery's first attempt and its last (7 days).
pub const RETRY_SPAN: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The most attempts that a retry policy may ask for.
pub const ATTEMPTS: u16 = 100;

/// The span over which an endpoint's failures are counted for its circuit breaker.
///
/// A minute: long enough for a slow endpoint's time-outs to meet in it, short enough that what was
/// an hour ago says nothing.
pub const BREAKER_WINDOW: Duration = Duration::from_secs(60);

/// The fewest attempts in the window that can open a breaker.
///
/// More than a single delivery makes in that time by the default policy, and few enough that an
/// endpoint which hangs, and costs a place for each, opens with its first time-outs.
pub const BREAKER_TRIES: u32 = 5;

/// The share of failures among them that opens it, in percent.
pub const BREAKER_FAILURES_PERCENT: u32 = 50;

/// How long a breaker is open the first time; each time after without a recovery, twice as long.
///
/// A delivery's own second wait is as long: what a breaker puts off is not much later than it
/// would have been after failing twice.
pub const BREAKER_OPEN: Duration = Duration::from_secs(30);

/// The longest that a breaker is open before it probes again.
pub const BREAKER_OPEN_MOST: Duration = Duration::from_secs(10 * 60);

/// How many attempts probe an endpoint whose breaker is half-open; all must succeed to close it.
pub const BREAKER_PROBES: u32 = 3;

/// The highest rate limit of an endpoint: requests a second, and at once.
pub const RATE: u16 = 10_000;

/// How long a retired secret still signs beside its successor (24 hours).
pub const SECRET_OVERLAP: Duration = Duration::from_secs(24 * 60 * 60);

/// How often the broker may return a message before it is dead-lettered (`x-delivery-limit`).
pub const DELIVERY_LIMIT: u32 = 20;

/// The most event type patterns on one endpoint.
pub const PATTERNS: usize = 100;

/// The longest filter of an endpoint, in bytes.
pub const FILTER_BYTES: usize = filter::SOURCE_BYTES;

/// The most steps that one filter takes on one event: at 10 to 100 ns, about what a delivery of it
/// would cost.
pub const FILTER_STEPS: u32 = filter::STEPS;

/// The most steps that all filters of a tenant together take on one event.
pub const FILTER_STEPS_PER_EVENT: u32 = 200_000;

/// The newest events that a subscription is tried on before it is saved.
pub const SIMULATED_EVENTS: u16 = 100;

/// The most headers of its own that an endpoint may ask for.
pub const CUSTOM_HEADERS: usize = 20;

/// The longest URL of an endpoint, in bytes.
pub const URL_BYTES: usize = 2_048;

/// The most rows on one page of a list.
pub const PAGE_ROWS: u16 = 250;

/// The rows on a page of a list where the caller names no number.
pub const PAGE_ROWS_DEFAULT: u16 = 50;

/// How long a portal link can be opened where its maker names no time.
pub const PORTAL_LINK: Duration = Duration::from_secs(5 * 60);

/// The shortest time for which a portal link can be opened.
pub const PORTAL_LINK_MIN: Duration = Duration::from_secs(10);

/// The longest time for which a portal link can be opened.
pub const PORTAL_LINK_MAX: Duration = Duration::from_secs(60 * 60);

/// How long a session lasts that a portal link opened. Nothing makes it longer.
pub const PORTAL_SESSION: Duration = Duration::from_secs(60 * 60);

/// How long a session lasts that somebody signed in for, with an API key unless it is revoked
/// before, or by the identity provider.
pub const SESSION: Duration = Duration::from_secs(8 * 60 * 60);

/// The most deliveries a second that a replay may ask for.
pub const REPLAY_RATE: u16 = 5_000;

/// The deliveries a second of a replay that names no rate.
pub const REPLAY_RATE_DEFAULT: u16 = 100;

/// The most deliveries that a replay may name one by one.
pub const REPLAY_NAMED: usize = 1_000;

/// The most replays of a tenant that are neither finished nor cancelled.
pub const REPLAYS_OPEN: u16 = 20;

/// The longest JSON Schema of an event type, in bytes (32 KiB).
pub const SCHEMA_BYTES: usize = 32 * 1024;

/// The deepest nesting of arrays and objects in a schema.
pub const SCHEMA_NESTING: usize = 64;

/// The most regular expressions in a schema.
pub const SCHEMA_PATTERNS: usize = 100;

/// The most violations of its schema that are told of one event.
pub const VIOLATIONS: usize = 10;

/// The longest pointer of a violation, in bytes; one that is longer names what encloses it.
pub const VIOLATION_POINTER_BYTES: usize = 256;

/// The longest detail of a violation, in bytes.
pub const VIOLATION_DETAIL_BYTES: usize = 256;
