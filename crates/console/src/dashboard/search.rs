//! What the pages of searches have in common.

use axum::http::StatusCode;
use service::problem::Problem;
use url::form_urlencoded::Serializer;

use super::faults::Faults;
use crate::page::Listed;

/// What a search found, or what is wrong with it.
pub(super) struct Searched<T> {
    pub(super) status: StatusCode,
    pub(super) faults: Faults,
    pub(super) rows: Vec<T>,
    /// The cursor of the next page.
    pub(super) next: Option<String>,
}

impl<T> Searched<T> {
    /// By what the API lists; the problem again where it is of none of these fields.
    pub(super) fn of(listed: Result<Listed<T>, Problem>, fields: &[&str]) -> Result<Self, Problem> {
        match listed {
            Ok(listed) => Ok(Self {
                status: StatusCode::OK,
                faults: Faults::default(),
                rows: listed.data,
                next: listed.next_cursor,
            }),
            Err(problem) => Ok(Self {
                status: StatusCode::BAD_REQUEST,
                faults: Faults::of_search(problem, fields)?,
                rows: Vec::new(),
                next: None,
            }),
        }
    }

    /// The same, with each row shown so.
    pub(super) fn map<U>(self, show: impl FnMut(T) -> U) -> Searched<U> {
        Searched {
            status: self.status,
            faults: self.faults,
            rows: self.rows.into_iter().map(show).collect(),
            next: self.next,
        }
    }
}

/// The query of the same search, behind this cursor.
pub(super) fn behind<'a>(
    asked: impl IntoIterator<Item = (&'a str, &'a str)>,
    cursor: &str,
) -> String {
    let given = asked.into_iter().filter(|(_, value)| !value.is_empty());
    let mut query = Serializer::new(String::new());
    query.extend_pairs(given).append_pair("cursor", cursor);
    format!("?{}", query.finish())
}
