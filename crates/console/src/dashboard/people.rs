//! *People*: who signs in by the identity provider, and signing them out.

use askama::Template;
use axum::extract::State as With;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use domain::id;

use super::frame::{Frame, Section, Shown, show};
use super::state::Instant;
use crate::access::{Manage, Named, Platform, Read};
use crate::api::Api;
use crate::page::Paging;
use crate::resources::people::{self, Person};

#[derive(Template)]
#[template(path = "people.html")]
struct People {
    frame: Frame,
    rows: Vec<Row>,
    /// Of the next page.
    next: Option<String>,
    /// Whether whoever looks may change anything.
    may_manage: bool,
    /// Who may do what, as the console was configured; none where nobody can sign in so.
    rules: Option<Vec<String>>,
}

struct Row {
    id: String,
    name: String,
    subject: String,
    seen: Instant,
    sessions: u64,
}

impl From<Person> for Row {
    fn from(person: Person) -> Self {
        Self {
            id: person.id,
            name: person.name,
            subject: person.subject,
            seen: Instant(person.last_seen_at),
            sessions: person.sessions,
        }
    }
}

/// Shows the list.
pub(super) async fn page(
    by: Platform<Read>,
    managing: Option<Platform<Manage>>,
    With(api): With<Api>,
    paging: Paging,
) -> Shown {
    let listed = people::list(by, With(api.clone()), paging).await?;
    let rules = |provider: &crate::oidc::Provider| {
        let rules = provider.rules.iter();
        rules.map(ToString::to_string).collect()
    };
    let page = People {
        frame: Frame::of_platform(Section::People, "People"),
        rows: listed.data.into_iter().map(Row::from).collect(),
        next: listed.next_cursor,
        may_manage: managing.is_some(),
        rules: api.dashboard.provider.as_ref().map(rules),
    };
    Ok(show(StatusCode::OK, &page))
}

/// Ends all sessions of a person.
pub(super) async fn sign_out(
    by: Platform<Manage>,
    With(api): With<Api>,
    Named(person): Named<id::Person>,
) -> Shown {
    people::sign_out(by, With(api), Named(person)).await?;
    Ok(Redirect::to("/people").into_response())
}
