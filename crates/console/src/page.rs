//! Lists by pages, with opaque cursors.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::limits;
use serde::{Deserialize, Serialize};
use service::problem::Problem;
use store::{Cursor, Page, PageRequest};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::problem;
use crate::query::Query;

/// The first byte of a cursor, so that its form can change.
const VERSION: u8 = 1;

#[derive(Deserialize)]
struct Parameters {
    limit: Option<String>,
    cursor: Option<String>,
}

/// Which page of a list a request asks for.
pub(crate) struct Paging {
    pub(crate) request: PageRequest,
    uri: Uri,
}

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(Parameters { limit, cursor }) = Query::from_request_parts(parts, state).await?;
        let rows = match limit {
            None => limits::PAGE_ROWS_DEFAULT,
            Some(text) => rows(&text).ok_or_else(|| {
                let detail = format!("a number from 1 to {}", limits::PAGE_ROWS);
                problem::bad_parameter("limit", &detail)
            })?,
        };
        let after = cursor.map(|text| {
            decode(&text).ok_or_else(|| {
                problem::bad_parameter("cursor", "not one of ours: send next_cursor as it came")
            })
        });
        let request = PageRequest {
            after: after.transpose()?,
            rows,
        };
        Ok(Self {
            request,
            uri: parts.uri.clone(),
        })
    }
}

fn rows(text: &str) -> Option<u16> {
    text.parse()
        .ok()
        .filter(|rows| (1..=limits::PAGE_ROWS).contains(rows))
}

/// One page of a list, as it is answered.
#[derive(Serialize, ToSchema)]
pub(crate) struct Listed<T> {
    /// The rows.
    pub(crate) data: Vec<T>,
    /// Pass it as `cursor` for the next page; null on the last.
    pub(crate) next_cursor: Option<String>,
    #[serde(skip)]
    next: Option<String>,
}

impl Paging {
    /// The first `rows` of a list, for a page that shows no more of it.
    pub(crate) fn first(rows: u16) -> Self {
        Self {
            request: PageRequest { after: None, rows },
            uri: Uri::default(),
        }
    }

    /// The answer to a request for this page.
    pub(crate) fn listed<R, T>(&self, page: Page<R>, view: impl FnMut(R) -> T) -> Listed<T> {
        let next_cursor = page.next.map(encode);
        let next = next_cursor.as_deref().map(|cursor| self.link(cursor));
        Listed {
            data: page.rows.into_iter().map(view).collect(),
            next_cursor,
            next,
        }
    }

    /// The same request with another cursor.
    fn link(&self, cursor: &str) -> String {
        let query = self.uri.query().unwrap_or_default();
        let kept = query
            .split('&')
            .filter(|one| !one.is_empty() && !one.starts_with("cursor="));
        let last = format!("cursor={cursor}");
        let parameters: Vec<&str> = kept.chain([last.as_str()]).collect();
        format!(
            "<{}?{}>; rel=\"next\"",
            self.uri.path(),
            parameters.join("&")
        )
    }
}

impl<T: Serialize> IntoResponse for Listed<T> {
    fn into_response(self) -> Response {
        let link = self.next.clone();
        let mut response = axum::Json(self).into_response();
        if let Some(link) = link.and_then(|link| link.parse().ok()) {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }
}

fn encode(cursor: Cursor) -> String {
    let mut bytes = vec![VERSION];
    bytes.extend(cursor.at.unix_timestamp_nanos().to_be_bytes());
    bytes.extend(cursor.id.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(text: &str) -> Option<Cursor> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (version, rest) = bytes.split_first()?;
    let (at, id) = rest.split_at_checked(16)?;
    let nanos = i128::from_be_bytes(at.try_into().ok()?);
    let at = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?;
    // Postgres has no year beyond these.
    let is_storable = (0..=9999).contains(&at.year());
    let id = Uuid::from_slice(id).ok()?;
    (*version == VERSION && is_storable).then_some(Cursor { at, id })
}

#[cfg(test)]
mod tests {
    use bolero::check;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cursors_come_back(seconds in 0i64..4_000_000_000, id: u128) {
            let at = OffsetDateTime::from_unix_timestamp(seconds).unwrap();
            let cursor = Cursor { at, id: Uuid::from_u128(id) };
            prop_assert_eq!(decode(&encode(cursor)), Some(cursor));
        }

        #[test]
        fn forged_cursors_are_refused(text in ".{0,80}") {
            let _ = decode(&text);
            prop_assert_eq!(decode(&format!("!{text}")), None);
        }
    }

    /// A fuzz target: whatever is taken for a cursor is one that we could have given.
    #[test]
    fn cursor() {
        let bound = std::time::Duration::from_secs(1);
        check!().with_test_time(bound).for_each(|input: &[u8]| {
            let text = String::from_utf8_lossy(input);
            if let Some(cursor) = decode(&text) {
                assert_eq!(encode(cursor), text);
            }
        });
    }

    #[test]
    fn limits_have_bounds() {
        assert_eq!(rows("1"), Some(1));
        assert_eq!(rows("250"), Some(250));
        for text in ["0", "251", "-1", "", "1e2", "999999999999"] {
            assert_eq!(rows(text), None, "{text}");
        }
    }

    #[test]
    fn a_link_keeps_the_other_parameters() {
        let uri = "/v1/x?type=a.b&cursor=old&limit=2".parse().unwrap();
        let paging = Paging {
            request: PageRequest::FIRST,
            uri,
        };
        assert_eq!(
            paging.link("new"),
            "</v1/x?type=a.b&limit=2&cursor=new>; rel=\"next\""
        );
    }
}
