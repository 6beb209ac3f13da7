//! *Register*: a new endpoint, and its secret, shown this once.

use askama::Template;
use axum::extract::State as With;
use axum::http::StatusCode;

use super::edit::{Filled, Form};
use super::faults::Faults;
use super::fields::Fields;
use super::frame::{Frame, Section, Shown, show};
use crate::access::{InTenant, Manage, Read};
use crate::api::Api;
use crate::body::{Body, Created};
use crate::resources::endpoints::{self, ToCreate};
use crate::resources::event_types::names;

#[derive(Template)]
#[template(path = "register.html")]
struct Register {
    frame: Frame,
    tenant: String,
    form: Form,
}

/// An endpoint's secret, where it was just made or renewed.
#[derive(Template)]
#[template(path = "secret.html")]
pub(super) struct Secret {
    pub(super) frame: Frame,
    pub(super) tenant: String,
    pub(super) endpoint: String,
    pub(super) secret: String,
    pub(super) occasion: Occasion,
}

/// Why a secret is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occasion {
    Registered,
    Rotated,
}

impl Secret {
    fn is_new_endpoint(&self) -> bool {
        self.occasion == Occasion::Registered
    }
}

/// Shows the form, with nothing filled in.
pub(super) async fn page(at: InTenant<Read>, With(api): With<Api>) -> Shown {
    let tenant = at.tenant.to_string();
    let catalogue = names::list(at, With(api.clone())).await?;
    let page = Register {
        frame: Frame::of(&api, at, Section::Webhooks, "Add endpoint").await?,
        tenant,
        form: Form::new(Filled::default(), catalogue.0.data, Faults::default()),
    };
    Ok(show(StatusCode::OK, &page))
}

/// Registers what was sent, or shows the form again with what is wrong.
pub(super) async fn save(
    at: InTenant<Manage>,
    reading: InTenant<Read>,
    With(api): With<Api>,
    fields: Fields,
) -> Shown {
    let (tenant, filled) = (at.tenant.to_string(), Filled::sent(&fields));
    let new = ToCreate {
        url: filled.url.clone(),
        description: filled.description.clone(),
        event_types: Some(filled.events.clone()),
        ..ToCreate::default()
    };
    match endpoints::create(at, With(api.clone()), Body(new)).await {
        Ok((_, Created { body, .. })) => {
            let page = Secret {
                frame: Frame::of(&api, reading, Section::Webhooks, "Endpoint added").await?,
                tenant,
                endpoint: body.endpoint.id,
                secret: body.secret,
                occasion: Occasion::Registered,
            };
            Ok(show(StatusCode::CREATED, &page))
        }
        Err(problem) if problem.status().is_server_error() => Err(problem),
        Err(problem) => {
            let catalogue = names::list(reading, With(api.clone())).await?;
            let page = Register {
                frame: Frame::of(&api, reading, Section::Webhooks, "Add endpoint").await?,
                tenant,
                form: Form::new(filled, catalogue.0.data, Faults::of(&problem)),
            };
            Ok(show(problem.status(), &page))
        }
    }
}
