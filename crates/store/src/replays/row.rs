//! Replays as columns hold them.

use domain::event_type::EventType;
use domain::id::Id;
use domain::replay::{Failed, Rate, Selector, State};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{NewReplay, Replay};
use crate::error::StoreError;
use crate::page::Cursor;
use crate::sql::{get, id, named, optional_id, uuids};

/// A selector as columns hold it.
pub(super) struct Columns<'a> {
    pub(super) selector: &'static str,
    pub(super) deliveries: Vec<Uuid>,
    pub(super) endpoint: Option<Uuid>,
    pub(super) reason: Option<&'a str>,
    pub(super) event_type: Option<&'a str>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(selector: &'a Selector) -> Self {
        let plain = |selector, endpoint| Self {
            selector,
            deliveries: Vec::new(),
            endpoint,
            reason: None,
            event_type: None,
        };
        match selector {
            Selector::Named(deliveries) => Self {
                deliveries: uuids(deliveries.iter().copied()),
                ..plain("named", None)
            },
            Selector::Everything(endpoint) => plain("everything", Some(endpoint.uuid())),
            Selector::Missed(endpoint) => plain("missed", Some(endpoint.uuid())),
            Selector::Failed(failed) => Self {
                reason: failed.reason.as_deref(),
                event_type: failed.event_type.as_ref().map(EventType::as_str),
                ..plain("failed", failed.endpoint.map(Id::uuid))
            },
        }
    }
}

fn selector(row: &Row) -> Result<Selector, StoreError> {
    let endpoint =
        || optional_id(row, "endpoint_id")?.ok_or_else(|| StoreError::unreadable("endpoint_id"));
    let event_type = || -> Result<Option<EventType>, StoreError> {
        let text: Option<&str> = get(row, "event_type")?;
        let parsed = text.map(str::parse).transpose();
        parsed.map_err(|_| StoreError::unreadable("event_type"))
    };
    match get(row, "selector")? {
        "named" => {
            let deliveries: Vec<Uuid> = get(row, "deliveries")?;
            Ok(Selector::Named(
                deliveries.into_iter().map(Id::from_uuid).collect(),
            ))
        }
        "everything" => Ok(Selector::Everything(endpoint()?)),
        "missed" => Ok(Selector::Missed(endpoint()?)),
        "failed" => Ok(Selector::Failed(Failed {
            reason: get(row, "reason")?,
            endpoint: optional_id(row, "endpoint_id")?,
            event_type: event_type()?,
        })),
        _ => Err(StoreError::unreadable("selector")),
    }
}

/// Reads a row with the columns of [`Replay`].
pub(super) fn replay(row: &Row) -> Result<Replay, StoreError> {
    let rate = u16::try_from(get::<i32>(row, "rate")?).ok();
    let expected: Option<i64> = get(row, "expected")?;
    Ok(Replay {
        made: NewReplay {
            id: id(row, "id")?,
            tenant: id(row, "tenant_id")?,
            selector: selector(row)?,
            since: get(row, "since")?,
            until: get(row, "until")?,
            rate: rate
                .and_then(Rate::new)
                .ok_or_else(|| StoreError::unreadable("rate"))?,
            expected: expected.map(i64::unsigned_abs),
        },
        state: named(row, "state", State::from_name)?,
        selected: counted(row, "selected")?,
        published: counted(row, "published")?,
        skipped: counted(row, "skipped")?,
        cursor: Cursor {
            at: get(row, "cursor_at")?,
            id: get(row, "cursor_id")?,
        },
        created_at: get(row, "created_at")?,
        updated_at: get(row, "updated_at")?,
        finished_at: get(row, "finished_at")?,
    })
}

/// A count.
pub(super) fn counted(row: &Row, name: &'static str) -> Result<u64, StoreError> {
    get::<i64>(row, name).map(i64::unsigned_abs)
}

/// A count as a column holds it. None here reaches its end.
pub(super) fn column(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
