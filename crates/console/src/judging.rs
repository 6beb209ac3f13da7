//! What a selection says of events on record.

use bytes::Bytes;
use domain::event::Channel;
use domain::event_type::EventType;
use domain::id::EventId;
use domain::selection::{Candidate, Judgement, Selection};
use store::{Store, StoreError};
use time::Date;

/// How many events are judged at once: each payload may be as large as an event may be.
pub(crate) const AT_ONCE: usize = 4;

/// An event on record, its payload apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recorded<'e> {
    pub(crate) event: EventId,
    /// The UTC day of its acceptance.
    pub(crate) day: Date,
    pub(crate) event_type: &'e EventType,
    pub(crate) channels: &'e [Channel],
}

/// What the selection says of an event; none when its retention has just ended. The payload is
/// read only where it has a say.
pub(crate) async fn judge(
    store: &Store,
    selection: &Selection,
    recorded: Recorded<'_>,
) -> Result<Option<Judgement>, StoreError> {
    let Recorded {
        event,
        day,
        event_type,
        channels,
    } = recorded;
    let data = if selection.looks_at_payload(event_type, channels) {
        match store.payload(event, day).await? {
            Some(payload) => payload,
            None => return Ok(None),
        }
    } else {
        Bytes::new()
    };
    let candidate = Candidate::new(event_type, channels, &data);
    Ok(Some(selection.judge(&candidate)))
}
