//! *Edit*: an endpoint's settings, changed.

use askama::Template;
use axum::Json;
use axum::extract::State as With;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use domain::id;
use service::problem::Problem;

use super::endpoint_form::{Deed, Filled, Form};
use super::faults::Faults;
use super::fields::Fields;
use super::frame::{Frame, Section, Shown, show};
use crate::access::{InTenant, Manage, Named, Read};
use crate::api::Api;
use crate::body::Body;
use crate::etag::IfMatch;
use crate::resources::endpoints;

#[derive(Template)]
#[template(path = "edit.html")]
struct Edit {
    frame: Frame,
    endpoint: String,
    form: Form,
    /// The version that is edited, as its entity tag.
    version: String,
}

impl Edit {
    async fn new(
        api: &Api,
        at: InTenant<Read>,
        endpoint: id::EndpointId,
        form: Form,
        version: String,
    ) -> Result<Self, Problem> {
        Ok(Self {
            frame: Frame::of(api, at, Section::Webhooks, "Edit endpoint").await?,
            endpoint: endpoint.to_string(),
            form,
            version,
        })
    }
}

/// Shows the form as the endpoint is.
pub(super) async fn page(
    at: InTenant<Read>,
    With(api): With<Api>,
    Named(endpoint): Named<id::Endpoint>,
) -> Shown {
    let found = endpoints::get(at, With(api.clone()), Named(endpoint)).await?;
    let ([(_, version)], Json(found)) = found;
    let form = Form::new(&api, at, Filled::of(found), Faults::default()).await?;
    let page = Edit::new(&api, at, endpoint, form, version).await?;
    Ok(show(StatusCode::OK, &page))
}

/// Saves what was sent, or shows the form again with what is wrong, or with what it would do.
pub(super) async fn save(
    at: InTenant<Manage>,
    reading: InTenant<Read>,
    With(api): With<Api>,
    Named(endpoint): Named<id::Endpoint>,
    fields: Fields,
) -> Shown {
    let found = endpoints::get(reading, With(api.clone()), Named(endpoint)).await?;
    let (_, Json(found)) = found;
    let filled = Filled::sent(&fields, &found.headers);
    let version = fields.one("version").to_owned();
    if Deed::sent(&fields) == Deed::Try {
        let form = Form::tried(&api, at, reading, filled).await?;
        let page = Edit::new(&api, reading, endpoint, form, version).await?;
        return Ok(show(StatusCode::OK, &page));
    }
    let (changes, unread) = filled.asked();
    let (status, faults) = if unread.is_empty() {
        let seen = IfMatch::read(version.as_bytes())?;
        let with = With(api.clone());
        match endpoints::update(at, with, Named(endpoint), seen, Body(changes)).await {
            Ok(_) => {
                let to = format!("/tenants/{}/webhooks/{endpoint}", at.tenant);
                return Ok(Redirect::to(&to).into_response());
            }
            Err(problem) if problem.status().is_server_error() => return Err(problem),
            Err(problem) if problem.status() == StatusCode::NOT_FOUND => return Err(problem),
            Err(problem) => (problem.status(), Faults::of(&problem)),
        }
    } else {
        (StatusCode::UNPROCESSABLE_ENTITY, unread)
    };
    let form = Form::new(&api, reading, filled, faults).await?;
    let page = Edit::new(&api, reading, endpoint, form, version).await?;
    Ok(show(status, &page))
}
