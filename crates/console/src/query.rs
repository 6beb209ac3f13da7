//! The parameters after a path's question mark; what can't be read is told as a problem.

use axum::extract::{FromRequestParts, Query as Parsed};
use axum::http::request::Parts;
use domain::event_type::EventType;
use serde::de::DeserializeOwned;
use service::problem::Problem;
use time::OffsetDateTime;

use crate::problem;
use crate::resources::text;

/// The parameters of a query; one that is given twice is refused by name.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let parsed = Parsed::<T>::from_request_parts(parts, state).await;
        let Parsed(parameters) =
            parsed.map_err(|rejection| problem::unreadable_query(rejection.body_text()))?;
        Ok(Self(parameters))
    }
}

/// An instant that a parameter gives, if it does.
pub(crate) fn instant(name: &str, given: Option<&str>) -> Result<Option<OffsetDateTime>, Problem> {
    let detail = "RFC 3339, such as 2026-03-02T10:00:00Z";
    let read = |given| text::read_instant(given).ok_or(problem::bad_parameter(name, detail));
    given.map(read).transpose()
}

/// An event type that a parameter gives, if it does.
pub(crate) fn event_type(name: &str, given: Option<&str>) -> Result<Option<EventType>, Problem> {
    let read = |given: &str| given.parse();
    let read = given.map(read).transpose();
    read.map_err(|error: domain::event_type::ParseEventTypeError| {
        problem::bad_parameter(name, &error.to_string())
    })
}
