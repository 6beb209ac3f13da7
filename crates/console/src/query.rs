//! The parameters after a path's question mark; what can't be read is told as a problem.

use axum::extract::{FromRequestParts, Query as Parsed};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use service::problem::Problem;

use crate::problem;

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
