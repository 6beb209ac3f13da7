//! *Register*: a new endpoint, and its secret, shown this once.

use askama::Template;
use axum::extract::State as With;
use axum::http::StatusCode;
use service::problem::Problem;

use super::endpoint_form::{Deed, Filled, Form};
use super::faults::Faults;
use super::fields::Fields;
use super::frame::{Frame, Section, Shown, show};
use crate::access::{InTenant, Manage, Read};
use crate::api::Api;
use crate::body::{Body, Created};
use crate::resources::endpoints::{self, Changes, ToCreate};

#[derive(Template)]
#[template(path = "register.html")]
struct Register {
    frame: Frame,
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

impl Register {
    async fn new(api: &Api, at: InTenant<Read>, form: Form) -> Result<Self, Problem> {
        Ok(Self {
            frame: Frame::of(api, at, Section::Webhooks, "Add endpoint").await?,
            form,
        })
    }
}

/// Shows the form, with nothing filled in.
pub(super) async fn page(at: InTenant<Read>, With(api): With<Api>) -> Shown {
    let form = Form::new(&api, at, Filled::default(), Faults::default()).await?;
    let page = Register::new(&api, at, form).await?;
    Ok(show(StatusCode::OK, &page))
}

/// Registers what was sent, or shows the form again with what is wrong, or with what it would do.
pub(super) async fn save(
    at: InTenant<Manage>,
    reading: InTenant<Read>,
    With(api): With<Api>,
    fields: Fields,
) -> Shown {
    let filled = Filled::sent(&fields, &[]);
    if Deed::sent(&fields) == Deed::Try {
        let form = Form::tried(&api, at, reading, filled).await?;
        let page = Register::new(&api, reading, form).await?;
        return Ok(show(StatusCode::OK, &page));
    }
    let (asked, unread) = filled.asked();
    let (status, faults) = if unread.is_empty() {
        match endpoints::create(at, With(api.clone()), Body(new(asked))).await {
            Ok((_, Created { body, .. })) => {
                let page = Secret {
                    frame: Frame::of(&api, reading, Section::Webhooks, "Endpoint added").await?,
                    tenant: at.tenant.to_string(),
                    endpoint: body.endpoint.id,
                    secret: body.secret,
                    occasion: Occasion::Registered,
                };
                return Ok(show(StatusCode::CREATED, &page));
            }
            Err(problem) if problem.status().is_server_error() => return Err(problem),
            Err(problem) => (problem.status(), Faults::of(&problem)),
        }
    } else {
        (StatusCode::UNPROCESSABLE_ENTITY, unread)
    };
    let form = Form::new(&api, reading, filled, faults).await?;
    let page = Register::new(&api, reading, form).await?;
    Ok(show(status, &page))
}

/// An endpoint with these settings; it has no headers whose values could be kept.
fn new(asked: Changes) -> ToCreate {
    let headers = asked.headers.unwrap_or_default().into_iter();
    ToCreate {
        url: asked.url.unwrap_or_default(),
        description: asked.description.unwrap_or_default(),
        event_types: asked.event_types,
        filter: asked.filter.over(None),
        headers: headers
            .map(|(name, value)| (name, value.unwrap_or_default()))
            .collect(),
        retry_waits_s: asked.retry_waits_s,
        channels: asked.channels.unwrap_or_default(),
        format: asked.format,
        timeout_s: asked.timeout_s,
        rate_limit: asked.rate_limit.over(None),
        ..ToCreate::default()
    }
}
