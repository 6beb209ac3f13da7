//! *Audit*: who did what, and when.

use askama::Template;
use axum::extract::State as With;
use axum::http::StatusCode;

use super::frame::{Frame, Section, Shown, show};
use super::state::Instant;
use super::words;
use crate::access::{Developer, Platform, Read};
use crate::api::Api;
use crate::page::{Listed, Paging};
use crate::resources::audit::{self, Entry};

#[derive(Template)]
#[template(path = "audit.html")]
struct Audit {
    frame: Frame,
    rows: Vec<Row>,
    /// Of the next page.
    next: Option<String>,
}

impl Audit {
    fn new(frame: Frame, listed: Listed<Entry>) -> Self {
        Self {
            frame,
            rows: listed.data.into_iter().map(Row::from).collect(),
            next: listed.next_cursor,
        }
    }
}

struct Row {
    deed: String,
    by: String,
    /// Whether it was done in the dashboard.
    in_session: bool,
    tenant: Option<String>,
    subject: String,
    at: Instant,
    /// More about it, as JSON.
    detail: Option<String>,
}

impl From<Entry> for Row {
    fn from(entry: Entry) -> Self {
        let is_empty = entry
            .detail
            .as_object()
            .is_none_or(serde_json::Map::is_empty);
        Self {
            deed: words::capitalised(&entry.action.replace(['.', '_'], " ")),
            by: entry.person_name.or(entry.key_name).unwrap_or_default(),
            in_session: entry.session.is_some(),
            tenant: entry.tenant,
            subject: entry.subject,
            at: Instant(entry.at),
            detail: (!is_empty).then(|| format!("{:#}", entry.detail)),
        }
    }
}

/// Shows the list.
pub(super) async fn page(by: Platform<Read>, With(api): With<Api>, paging: Paging) -> Shown {
    let listed = audit::list(by, With(api), paging).await?;
    let frame = Frame::of_platform(Section::Audit, "Audit");
    Ok(show(StatusCode::OK, &Audit::new(frame, listed)))
}

/// Shows what was done to a tenant's data.
pub(super) async fn of_tenant(at: Developer<Read>, With(api): With<Api>, paging: Paging) -> Shown {
    let frame = Frame::of(&api, at.0, Section::Audit, "Audit").await?;
    let listed = audit::of_tenant(at, With(api), paging).await?;
    Ok(show(StatusCode::OK, &Audit::new(frame, listed)))
}
