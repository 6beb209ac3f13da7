//! Lists by pages: a page begins after the last row of the one before, so rows that come and go
//! in between neither repeat nor hide others.

use domain::limits;
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;

/// The most rows that a page of a search looks at.
pub(crate) const LOOKED_AT: i64 = 5_000;

/// Where a window begins that has no beginning.
pub(crate) const BEGINNING: OffsetDateTime = datetime!(0001-01-01 0:00 UTC);

/// The place in a list after which a page begins: its last row's instant and identifier.
///
/// Its text form is the API's affair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The row's instant, to the microsecond.
    pub at: OffsetDateTime,
    /// What tells rows of one instant apart.
    pub id: Uuid,
}

impl Cursor {
    /// The same place, or the end of a window that ends before it.
    pub(crate) fn before(self, until: Option<OffsetDateTime>) -> Self {
        match until {
            Some(until) if until <= self.at => Self {
                at: until,
                id: Uuid::nil(),
            },
            _ => self,
        }
    }
}

/// Which page to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// Where it begins; none for the first.
    pub after: Option<Cursor>,
    /// The most rows; taken as 1 to [`limits::PAGE_ROWS`].
    pub rows: u16,
}

impl PageRequest {
    /// The first page, of the usual length.
    pub const FIRST: Self = Self {
        after: None,
        rows: limits::PAGE_ROWS_DEFAULT,
    };

    /// How many rows to show.
    fn length(self) -> u16 {
        self.rows.clamp(1, limits::PAGE_ROWS)
    }

    /// How many rows to read: one more than is shown tells whether there is a next page.
    pub(crate) fn limit(self) -> i64 {
        i64::from(self.length()) + 1
    }

    /// The cursor, or one before everything in a list that falls.
    pub(crate) fn below(self) -> Cursor {
        self.after.unwrap_or(Cursor {
            at: datetime!(9999-12-31 23:59:59 UTC),
            id: Uuid::max(),
        })
    }

    /// The cursor, or one before everything in a list that rises by instants.
    pub(crate) fn beyond(self) -> Cursor {
        self.after.unwrap_or(Cursor {
            at: OffsetDateTime::UNIX_EPOCH,
            id: Uuid::nil(),
        })
    }

    /// The cursor, or one before everything in a list that rises by identifiers.
    pub(crate) fn above(self) -> Uuid {
        self.after.map_or(Uuid::nil(), |cursor| cursor.id)
    }
}

impl Default for PageRequest {
    fn default() -> Self {
        Self::FIRST
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows, in the list's order.
    pub rows: Vec<T>,
    /// Where the next page begins; none when this was the last.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// Takes what was read with [`PageRequest::limit`]; `cursor` names a row's place.
    pub(crate) fn new(mut rows: Vec<T>, request: PageRequest, cursor: fn(&T) -> Cursor) -> Self {
        let length = usize::from(request.length());
        let more = rows.len() > length;
        rows.truncate(length);
        let next = if more { rows.last().map(cursor) } else { None };
        Self { rows, next }
    }
}
