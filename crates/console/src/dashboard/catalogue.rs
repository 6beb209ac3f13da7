//! *Event types*: the catalogue, as tenants and as the platform see it.

use askama::Template;
use axum::Json;
use axum::extract::State as With;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};

use super::beginning::Beginning;
use super::frame::{Frame, Section, Shown, show};
use crate::access::{InTenant, Manage, Platform, Read};
use crate::api::Api;
use crate::query::Query;
use crate::resources::event_types::{self, Entry, Offered, Written};

/// How much of an example or a schema is shown, in bytes.
const SHOWN: usize = 20_000;

/// An entry, laid out to be read.
struct Type {
    name: String,
    description: String,
    example: Beginning,
    schema: Option<Beginning>,
    mode: &'static str,
    is_archived: bool,
    /// Whether it is the type of an operational event, which is ours to change.
    is_ours: bool,
}

impl Type {
    fn mode_in_words(&self) -> &'static str {
        match (self.mode, &self.schema) {
            (_, None) => "no schema: any payload is accepted",
            ("warn", _) => "warns: what violates it is accepted, and recorded with the event",
            ("enforce", _) => "is enforced: what violates it is refused",
            _ => "is off: nothing is checked",
        }
    }
}

impl From<Entry> for Type {
    fn from(entry: Entry) -> Self {
        let schema = entry.schema.as_ref();
        Self {
            example: Beginning::of_json(&entry.example, SHOWN),
            schema: schema.map(|schema| Beginning::of_json(schema.get(), SHOWN)),
            mode: entry.schema_mode,
            is_archived: entry.archived,
            is_ours: entry.audience == "platform",
            name: entry.name,
            description: entry.description,
        }
    }
}

#[derive(Template)]
#[template(path = "offered.html")]
struct OfTenant {
    frame: Frame,
    types: Vec<Type>,
}

/// Shows what a tenant's endpoints can select.
pub(super) async fn of_tenant(at: InTenant<Read>, With(api): With<Api>) -> Shown {
    let Json(found) = event_types::of_tenant(at, With(api.clone())).await?;
    let page = OfTenant {
        frame: Frame::of(&api, at, Section::EventTypes, "Event types").await?,
        types: found.data.into_iter().map(Type::from).collect(),
    };
    Ok(show(StatusCode::OK, &page))
}

#[derive(Template)]
#[template(path = "event-types.html")]
struct Catalogue {
    frame: Frame,
    types: Vec<Type>,
    /// Whether these are the types of operational events.
    are_ours: bool,
    /// Whether whoever looks may change anything.
    may_manage: bool,
}

/// Shows the catalogue, or with `audience=platform` the operational events.
pub(super) async fn page(
    by: Platform<Read>,
    managing: Option<Platform<Manage>>,
    With(api): With<Api>,
    Query(offered): Query<Offered>,
) -> Shown {
    let are_ours = offered.audience.as_deref() == Some("platform");
    let Json(found) = event_types::list(by, With(api), Query(offered)).await?;
    let page = Catalogue {
        frame: Frame::of_platform(Section::EventTypes, "Event types"),
        types: found.data.into_iter().map(Type::from).collect(),
        are_ours,
        may_manage: managing.is_some(),
    };
    Ok(show(StatusCode::OK, &page))
}

#[derive(Template)]
#[template(path = "event-type.html")]
struct One {
    frame: Frame,
    one: Type,
    may_change: bool,
}

/// Shows one.
pub(super) async fn one(
    by: Platform<Read>,
    managing: Option<Platform<Manage>>,
    With(api): With<Api>,
    named: Written,
) -> Shown {
    let Json(found) = event_types::get(by, With(api), named).await?;
    let one = Type::from(found);
    let page = One {
        frame: Frame::of_platform(Section::EventTypes, "Event type"),
        may_change: managing.is_some() && !one.is_ours,
        one,
    };
    Ok(show(StatusCode::OK, &page))
}

/// Archives one.
pub(super) async fn archive(by: Platform<Manage>, With(api): With<Api>, named: Written) -> Shown {
    let to = format!("/event-types/{}", named.0);
    event_types::archive(by, With(api), named).await?;
    Ok(Redirect::to(&to).into_response())
}
