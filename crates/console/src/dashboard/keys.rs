//! *Keys*: the platform's API keys; a new one is shown this once.

use askama::Template;
use axum::extract::State as With;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use domain::id;

use super::faults::Faults;
use super::fields::{Fields, some};
use super::frame::{Frame, Section, Shown, show};
use super::state::Instant;
use crate::access::{Manage, Named, Platform, Read};
use crate::api::Api;
use crate::body::{Body, Created};
use crate::page::Paging;
use crate::resources::api_keys::{self, Key, ToCreate};

/// What a key may be for, and in words.
const SCOPES: [(&str, &str); 3] = [
    ("publish", "publish events"),
    ("read", "look at everything it reaches"),
    ("manage", "change it: endpoints, replays, portal links"),
];

#[derive(Template)]
#[template(path = "keys.html")]
struct Keys {
    frame: Frame,
    rows: Vec<Row>,
    /// Of the next page.
    next: Option<String>,
    /// Whether whoever looks may change anything.
    may_manage: bool,
}

struct Row {
    id: String,
    name: String,
    hint: String,
    scopes: Vec<&'static str>,
    tenant: Option<String>,
    created: Instant,
    used: Option<Instant>,
    revoked: Option<Instant>,
}

impl From<Key> for Row {
    fn from(key: Key) -> Self {
        Self {
            id: key.id,
            name: key.name,
            hint: key.hint,
            scopes: key.scopes,
            tenant: key.tenant,
            created: Instant(key.created_at),
            used: key.last_used_at.map(Instant),
            revoked: key.revoked_at.map(Instant),
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
    let listed = api_keys::list(by, With(api), paging).await?;
    let page = Keys {
        frame: Frame::of_platform(Section::Keys, "API keys"),
        rows: listed.data.into_iter().map(Row::from).collect(),
        next: listed.next_cursor,
        may_manage: managing.is_some(),
    };
    Ok(show(StatusCode::OK, &page))
}

/// The form, as it was filled in.
#[derive(Template)]
#[template(path = "key-form.html")]
struct Form {
    frame: Frame,
    name: String,
    tenant: String,
    scopes: Vec<String>,
    faults: Faults,
}

impl Form {
    fn new(fields: &Fields, faults: Faults) -> Self {
        Self {
            frame: Frame::of_platform(Section::Keys, "New API key"),
            name: fields.one("name").to_owned(),
            tenant: fields.one("tenant").to_owned(),
            scopes: fields.all("scope").map(str::to_owned).collect(),
            faults,
        }
    }

    fn choices(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        let is_chosen = |name: &str| self.scopes.iter().any(|one| one == name);
        SCOPES
            .map(|(name, words)| (name, words, is_chosen(name)))
            .into_iter()
    }
}

/// Shows the form, with nothing filled in.
pub(super) async fn form(_: Platform<Manage>) -> Shown {
    let form = Form::new(&Fields::default(), Faults::default());
    Ok(show(StatusCode::OK, &form))
}

/// A key that was just made.
#[derive(Template)]
#[template(path = "key.html")]
struct Made {
    frame: Frame,
    name: String,
    key: String,
}

/// Makes a key and shows it, or the form again with what is wrong.
pub(super) async fn create(by: Platform<Manage>, With(api): With<Api>, fields: Fields) -> Shown {
    let new = ToCreate {
        name: fields.one("name").to_owned(),
        scopes: fields.all("scope").map(str::to_owned).collect(),
        tenant: some(fields.one("tenant")),
    };
    match api_keys::create(by, With(api), Body(new)).await {
        Ok(Created { body, .. }) => {
            let page = Made {
                frame: Frame::of_platform(Section::Keys, "New API key"),
                name: body.made.name,
                key: body.key,
            };
            Ok(show(StatusCode::CREATED, &page))
        }
        Err(problem) if problem.status().is_server_error() => Err(problem),
        Err(problem) => {
            let form = Form::new(&fields, Faults::of(&problem));
            Ok(show(problem.status(), &form))
        }
    }
}

/// Revokes a key.
pub(super) async fn revoke(
    by: Platform<Manage>,
    With(api): With<Api>,
    Named(key): Named<id::ApiKey>,
) -> Shown {
    api_keys::revoke(by, With(api), Named(key)).await?;
    Ok(Redirect::to("/keys").into_response())
}
