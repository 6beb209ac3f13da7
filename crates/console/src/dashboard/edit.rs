//! *Edit*: the form of an endpoint, which registering one has too.

use askama::Template;
use axum::extract::State as With;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use domain::id;

use super::choice::{Choice, EVERYTHING};
use super::faults::Faults;
use super::fields::Fields;
use super::frame::{Frame, Section, Shown, show};
use crate::access::{InTenant, Manage, Named, Read};
use crate::api::Api;
use crate::body::Body;
use crate::etag::IfMatch;
use crate::resources::endpoints::{self, Changes, Endpoint};
use crate::resources::event_types::names::{self, Name};

/// The members that have a field.
const FIELDS: [&str; 3] = ["url", "description", "event_types"];

/// What is filled in of an endpoint.
#[derive(Default)]
pub(super) struct Filled {
    pub(super) url: String,
    pub(super) description: String,
    /// The types and patterns that are chosen.
    pub(super) events: Vec<String>,
}

impl Filled {
    /// As a form was sent: every event, or what is ticked.
    pub(super) fn sent(fields: &Fields) -> Self {
        let events = match fields.one("events") {
            "all" => vec![EVERYTHING.to_owned()],
            _ => fields.all("event_type").map(str::to_owned).collect(),
        };
        Self {
            url: fields.one("url").to_owned(),
            description: fields.one("description").to_owned(),
            events,
        }
    }

    /// As an endpoint is.
    fn of(endpoint: Endpoint) -> Self {
        Self {
            url: endpoint.url,
            description: endpoint.description,
            events: endpoint.event_types,
        }
    }
}

/// The form, with what is wrong beside each field.
pub(super) struct Form {
    pub(super) filled: Filled,
    pub(super) choice: Choice,
    pub(super) faults: Faults,
}

impl Form {
    pub(super) fn new(filled: Filled, catalogue: Vec<Name>, faults: Faults) -> Self {
        Self {
            choice: Choice::new(catalogue, &filled.events),
            filled,
            faults,
        }
    }

    pub(super) fn other(&self) -> Option<&str> {
        self.faults.beside(&FIELDS)
    }
}

#[derive(Template)]
#[template(path = "edit.html")]
struct Edit {
    frame: Frame,
    tenant: String,
    endpoint: String,
    form: Form,
    /// The version that is edited, as its entity tag.
    version: String,
}

/// Shows the form as the endpoint is.
pub(super) async fn page(
    at: InTenant<Read>,
    With(api): With<Api>,
    Named(endpoint): Named<id::Endpoint>,
) -> Shown {
    let tenant = at.tenant.to_string();
    let found = endpoints::get(at, With(api.clone()), Named(endpoint)).await?;
    let ([(_, version)], found) = found;
    let catalogue = names::list(at, With(api.clone())).await?;
    let form = Form::new(Filled::of(found.0), catalogue.0.data, Faults::default());
    let page = Edit {
        frame: Frame::of(&api, at, Section::Webhooks, "Edit endpoint").await?,
        tenant,
        endpoint: endpoint.to_string(),
        form,
        version,
    };
    Ok(show(StatusCode::OK, &page))
}

/// Saves what was sent, or shows the form again with what is wrong.
pub(super) async fn save(
    at: InTenant<Manage>,
    reading: InTenant<Read>,
    With(api): With<Api>,
    Named(endpoint): Named<id::Endpoint>,
    fields: Fields,
) -> Shown {
    let (tenant, filled) = (at.tenant.to_string(), Filled::sent(&fields));
    let version = fields.one("version").to_owned();
    let changes = Changes {
        url: Some(filled.url.clone()),
        description: Some(filled.description.clone()),
        event_types: Some(filled.events.clone()),
        ..Changes::default()
    };
    let seen = IfMatch::read(version.as_bytes())?;
    let with = With(api.clone());
    match endpoints::update(at, with, Named(endpoint), seen, Body(changes)).await {
        Ok(_) => {
            Ok(Redirect::to(&format!("/tenants/{tenant}/webhooks/{endpoint}")).into_response())
        }
        Err(problem) if problem.status().is_server_error() => Err(problem),
        Err(problem) if problem.status() == StatusCode::NOT_FOUND => Err(problem),
        Err(problem) => {
            let catalogue = names::list(reading, With(api.clone())).await?;
            let page = Edit {
                frame: Frame::of(&api, reading, Section::Webhooks, "Edit endpoint").await?,
                tenant,
                endpoint: endpoint.to_string(),
                form: Form::new(filled, catalogue.0.data, Faults::of(&problem)),
                version,
            };
            Ok(show(problem.status(), &page))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem;

    #[test]
    fn a_fault_stands_beside_its_field() {
        let form = |problem| Form::new(Filled::default(), Vec::new(), Faults::of(&problem));
        let wrong = form(problem::invalid("#/url", "not a URL: give one"));
        assert_eq!(wrong.faults.at("url"), Some("Not a URL: give one."));
        let wrong = form(problem::invalid("#/event_types/0", "no type"));
        assert_eq!(wrong.faults.at("event_types"), Some("No type."));
        let wrong = form(problem::invalid("#/filter", "x"));
        assert!(wrong.faults.at("url").is_none() && wrong.other().is_some());
        assert!(form(problem::not_found()).other().is_some());
    }
}
