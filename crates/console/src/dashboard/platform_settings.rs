//! *Settings*: the platform's retry schedule, and what its customers see of it.

use askama::Template;
use axum::Json;
use axum::body::Body as Stream;
use axum::extract::multipart::MultipartRejection;
use axum::extract::{Multipart, Request, State as With};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use service::problem::Problem;

use super::brand::Brand;
use super::faults::Faults;
use super::fields::{Fields, some};
use super::frame::{Frame, Section, Shown, show};
use super::schedule;
use crate::access::{Manage, Platform, Read};
use crate::api::Api;
use crate::body::Body;
use crate::etag::IfMatch;
use crate::problem;
use crate::resources::branding::{self, ToPut};
use crate::resources::given::Given;
use crate::resources::settings;

#[derive(Template)]
#[template(path = "platform-settings.html")]
struct Page {
    frame: Frame,
    /// Whether whoever looks may change anything.
    may_manage: bool,
    retries: Retries,
    look: Look,
    /// The path of the logo.
    logo: Option<String>,
    faults: Faults,
}

/// The platform's schedule, as its form is filled in.
struct Retries {
    version: String,
    /// The waits as they are written; none: those built in.
    waits: Option<String>,
    /// What is in force comes to.
    words: String,
}

/// What customers see, as its form is filled in.
struct Look {
    version: String,
    name: String,
    colour: String,
    support: String,
}

impl Page {
    /// As everything is.
    async fn new(api: &Api, by: Platform<Read>, may_manage: bool) -> Result<Self, Problem> {
        let ([(_, settings_tag)], Json(set)) = settings::get(by, With(api.clone())).await?;
        let ([(_, look_tag)], Json(shown)) = branding::get(With(api.clone())).await?;
        let is_own = set.retry.source == "platform";
        let look = Look {
            version: look_tag,
            name: shown.name.clone().unwrap_or_default(),
            colour: shown.colour.clone().unwrap_or_default(),
            support: as_written(shown.support.as_deref().unwrap_or_default()),
        };
        Ok(Self {
            retries: Retries {
                version: settings_tag,
                waits: is_own.then(|| schedule::written(&set.retry.waits_s)),
                words: schedule::in_words(&set.retry),
            },
            look,
            logo: shown.logo.clone(),
            frame: Frame {
                brand: Some(Brand::from(shown)),
                ..Frame::of_platform(Section::Settings, "Settings")
            },
            may_manage,
            faults: Faults::default(),
        })
    }
}

/// Shows everything as it is.
pub(super) async fn page(
    by: Platform<Read>,
    managing: Option<Platform<Manage>>,
    With(api): With<Api>,
) -> Shown {
    let page = Page::new(&api, by, managing.is_some()).await?;
    Ok(show(StatusCode::OK, &page))
}

/// Sets the schedule.
pub(super) async fn set_retries(
    by: Platform<Manage>,
    reading: Platform<Read>,
    With(api): With<Api>,
    fields: Fields,
) -> Shown {
    let is_own = fields.one("schedule") == "own";
    let waits = is_own.then(|| fields.one("waits").to_owned());
    let set = async {
        let retry_waits_s = match &waits {
            Some(waits) => Given::Value(schedule::read(waits)?),
            None => Given::Nothing,
        };
        let body = settings::ToPut {
            retry_waits_s,
            retry_exponential: None,
        };
        let seen = IfMatch::read(fields.one("version").as_bytes())?;
        settings::put(by, With(api.clone()), seen, Body(body)).await
    };
    let Err(problem) = set.await else {
        return Ok(done());
    };
    let mut page = refused(&api, reading, &problem).await?;
    page.retries.waits = waits;
    Ok(show(problem.status(), &page))
}

/// Sets the name, the colour and the contact.
pub(super) async fn set_look(
    by: Platform<Manage>,
    reading: Platform<Read>,
    With(api): With<Api>,
    fields: Fields,
) -> Shown {
    let text = |name| fields.one(name).to_owned();
    let set = async {
        let body = ToPut {
            name: some(fields.one("name")),
            colour: some(fields.one("colour")),
            support: some(fields.one("support")).map(as_link),
        };
        let seen = IfMatch::read(fields.one("version").as_bytes())?;
        branding::put(by, With(api.clone()), seen, Body(body)).await
    };
    let Err(problem) = set.await else {
        return Ok(done());
    };
    let mut page = refused(&api, reading, &problem).await?;
    page.look = Look {
        version: page.look.version,
        name: text("name"),
        colour: text("colour"),
        support: text("support"),
    };
    Ok(show(problem.status(), &page))
}

/// Sets the logo.
pub(super) async fn set_logo(
    by: Platform<Manage>,
    reading: Platform<Read>,
    With(api): With<Api>,
    form: Result<Multipart, MultipartRejection>,
) -> Shown {
    let set = async {
        let picture = picture(form).await.ok_or_else(|| {
            problem::invalid("#/logo", "no picture came: choose one of 64 KiB at most")
        })?;
        let request = Request::new(Stream::from(picture));
        let put = branding::put_logo(by, With(api.clone()), request).await;
        put.map_err(|problem| match problem.faults() {
            [fault, ..] => problem::invalid("#/logo", &fault.detail),
            [] => problem,
        })
    };
    let Err(problem) = set.await else {
        return Ok(done());
    };
    let page = refused(&api, reading, &problem).await?;
    Ok(show(problem.status(), &page))
}

/// The file of a form that has one; none where that is empty, or can't be read.
async fn picture(form: Result<Multipart, MultipartRejection>) -> Option<Bytes> {
    let mut form = form.ok()?;
    let field = form.next_field().await.ok()??;
    let picture = field.bytes().await.ok()?;
    (!picture.is_empty()).then_some(picture)
}

/// Removes the logo.
pub(super) async fn remove_logo(by: Platform<Manage>, With(api): With<Api>) -> Shown {
    branding::remove_logo(by, With(api)).await?;
    Ok(done())
}

/// The page with what is wrong; the problem again, where that is none of the form's.
async fn refused(api: &Api, by: Platform<Read>, problem: &Problem) -> Result<Page, Problem> {
    if problem.status().is_server_error() {
        return Err(problem.clone());
    }
    let page = Page::new(api, by, true).await?;
    Ok(Page {
        faults: Faults::of(problem),
        ..page
    })
}

fn done() -> Response {
    Redirect::to("/settings").into_response()
}

/// An address alone is what people write for one that mail is sent to.
fn as_link(written: String) -> String {
    if written.contains('@') && !written.contains(':') {
        return format!("mailto:{written}");
    }
    written
}

fn as_written(link: &str) -> String {
    link.trim_start_matches("mailto:").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_for_mail() {
        let link = |written: &str| as_link(written.to_owned());
        assert_eq!(link("help@acme.example"), "mailto:help@acme.example");
        assert_eq!(
            link("https://acme.example/@help"),
            "https://acme.example/@help"
        );
        assert_eq!(link("acme"), "acme");
        assert_eq!(as_written("mailto:help@acme.example"), "help@acme.example");
    }
}
