//! *Keys*: the platform's API keys, and a tenant's own; a new one is shown this once.

use askama::Template;
use axum::extract::State as With;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use domain::id;
use service::problem::Problem;

use super::faults::Faults;
use super::fields::{Fields, some};
use super::frame::{Frame, Section, Shown, show};
use super::state::Instant;
use crate::access::{Developer, InTenant, Manage, Named, Platform, Read};
use crate::api::Api;
use crate::body::{Body, Created};
use crate::page::Paging;
use crate::resources::api_keys::{self, Key, Made, ToCreate, of_tenant};

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
    /// Where they are.
    list: String,
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

/// The platform's list.
const LIST: &str = "/keys";

/// Where a tenant's own are.
fn list_of<D>(at: &InTenant<D>) -> String {
    format!("/tenants/{}/keys", at.tenant)
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
        list: LIST.to_owned(),
    };
    Ok(show(StatusCode::OK, &page))
}

/// Shows a tenant's own.
pub(super) async fn page_of_tenant(
    at: Developer<Read>,
    managing: Option<Developer<Manage>>,
    With(api): With<Api>,
    paging: Paging,
) -> Shown {
    let (frame, list) = (
        Frame::of(&api, at.0, Section::Keys, "API keys").await?,
        list_of(&at.0),
    );
    let listed = of_tenant::list(at, With(api), paging).await?;
    let page = Keys {
        frame,
        rows: listed.data.into_iter().map(Row::from).collect(),
        next: listed.next_cursor,
        may_manage: managing.is_some_and(|at| of_tenant::may_make(&at.0).is_ok()),
        list,
    };
    Ok(show(StatusCode::OK, &page))
}

/// The form, as it was filled in.
#[derive(Template)]
#[template(path = "key-form.html")]
struct Form {
    frame: Frame,
    list: String,
    name: String,
    tenant: String,
    scopes: Vec<String>,
    faults: Faults,
}

impl Form {
    fn new(frame: Frame, list: String, fields: &Fields, faults: Faults) -> Self {
        Self {
            frame,
            list,
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

/// What the form for a new key is called.
const NEW: &str = "New API key";

/// Shows the form, with nothing filled in.
pub(super) async fn form(_: Platform<Manage>) -> Shown {
    let frame = Frame::of_platform(Section::Keys, NEW);
    let form = Form::new(
        frame,
        LIST.to_owned(),
        &Fields::default(),
        Faults::default(),
    );
    Ok(show(StatusCode::OK, &form))
}

/// The same, for a key of a tenant's own.
pub(super) async fn form_of_tenant(
    at: Developer<Read>,
    managing: Developer<Manage>,
    With(api): With<Api>,
) -> Shown {
    of_tenant::may_make(&managing.0)?;
    let frame = Frame::of(&api, at.0, Section::Keys, NEW).await?;
    let list = list_of(&at.0);
    let form = Form::new(frame, list, &Fields::default(), Faults::default());
    Ok(show(StatusCode::OK, &form))
}

/// A key that was just made.
#[derive(Template)]
#[template(path = "key.html")]
struct Shows {
    frame: Frame,
    list: String,
    name: String,
    key: String,
}

fn asked(fields: &Fields) -> ToCreate {
    ToCreate {
        name: fields.one("name").to_owned(),
        scopes: fields.all("scope").map(str::to_owned).collect(),
        tenant: some(fields.one("tenant")),
    }
}

/// Shows a key that was made, or the form again with what is wrong.
fn made(
    made: Result<Created<Made>, Problem>,
    frame: Frame,
    list: String,
    fields: &Fields,
) -> Shown {
    match made {
        Ok(Created { body, .. }) => {
            let page = Shows {
                frame,
                list,
                name: body.made.name,
                key: body.key,
            };
            Ok(show(StatusCode::CREATED, &page))
        }
        Err(problem) if !problem.faults().is_empty() => {
            let form = Form::new(frame, list, fields, Faults::of(&problem));
            Ok(show(problem.status(), &form))
        }
        Err(problem) => Err(problem),
    }
}

/// Makes a key and shows it, or the form again with what is wrong.
pub(super) async fn create(by: Platform<Manage>, With(api): With<Api>, fields: Fields) -> Shown {
    let created = api_keys::create(by, With(api), Body(asked(&fields))).await;
    let frame = Frame::of_platform(Section::Keys, NEW);
    made(created, frame, LIST.to_owned(), &fields)
}

/// The same, of a tenant's own.
pub(super) async fn create_of_tenant(
    at: Developer<Manage>,
    reading: Developer<Read>,
    With(api): With<Api>,
    fields: Fields,
) -> Shown {
    let frame = Frame::of(&api, reading.0, Section::Keys, NEW).await?;
    let created = of_tenant::create(at, With(api), Body(asked(&fields))).await;
    made(created, frame, list_of(&reading.0), &fields)
}

/// Revokes a key.
pub(super) async fn revoke(
    by: Platform<Manage>,
    With(api): With<Api>,
    Named(key): Named<id::ApiKey>,
) -> Shown {
    api_keys::revoke(by, With(api), Named(key)).await?;
    Ok(Redirect::to(LIST).into_response())
}

/// Revokes a key of a tenant's own.
pub(super) async fn revoke_of_tenant(
    at: Developer<Manage>,
    With(api): With<Api>,
    Named(key): Named<id::ApiKey>,
) -> Shown {
    let list = list_of(&at.0);
    of_tenant::revoke(at, With(api), Named(key)).await?;
    Ok(Redirect::to(&list).into_response())
}
