//! What customers see of the platform: its name, its colour, whom to ask, and its logo.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use service::problem::Problem;
use store::audit::Action;
use store::branding::{Branding, Look};
use url::Url;
use utoipa::ToSchema;

use super::{audit, text};
use crate::access::{Manage, Platform};
use crate::api::Api;
use crate::body::{self, Body};
use crate::etag::{self, IfMatch, Tagged};
use crate::problem;

pub(crate) mod colour;
mod png;

use colour::Colour;

/// For as long as a browser likes: the address that pages have changes with the logo.
const KEPT: &str = "public, max-age=31536000, immutable";

/// What customers see of the platform.
#[derive(Serialize, ToSchema)]
#[schema(as = Branding)]
pub(crate) struct Shown {
    #[schema(example = "Acme Shipping")]
    pub(crate) name: Option<String>,
    #[schema(example = "#3451b2")]
    pub(crate) colour: Option<String>,
    #[schema(example = "mailto:help@acme.example")]
    pub(crate) support: Option<String>,
    /// The path of the logo; another one as soon as it changes.
    #[schema(example = "/v1/branding/logo?v=9f86d081884c7d65")]
    pub(crate) logo: Option<String>,
    pub(crate) updated_at: String,
}

impl From<Branding> for Shown {
    fn from(branding: Branding) -> Self {
        let version = |digest: Vec<u8>| {
            let first = digest.into_iter().take(8);
            first.map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        let logo = branding.logo.map(version);
        Self {
            name: branding.look.name,
            colour: branding.look.colour,
            support: branding.look.support,
            logo: logo.map(|version| format!("/v1/branding/logo?v={version}")),
            updated_at: text::instant(branding.updated_at),
        }
    }
}

/// What to show customers. A member that is left out, or null, goes.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewBranding)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToPut {
    /// What the platform is called, 1 to 200 bytes.
    #[schema(example = "Acme Shipping")]
    pub(crate) name: Option<String>,
    /// Of links and buttons, as `#rrggbb`. It is shown darker or lighter where it could not be read
    /// otherwise.
    #[schema(example = "#3451b2")]
    pub(crate) colour: Option<String>,
    /// Whom customers ask: an https or a mailto URL.
    #[schema(example = "mailto:help@acme.example")]
    pub(crate) support: Option<String>,
}

impl ToPut {
    fn judged(self) -> Result<Look, Problem> {
        if let Some(name) = &self.name {
            text::name("#/name", name)?;
        }
        let colour = self.colour.as_deref().map(str::parse::<Colour>);
        let colour = colour.transpose();
        let colour = colour.map_err(|error| problem::invalid("#/colour", error))?;
        let support = self.support.as_deref().map(contact).transpose()?;
        Ok(Look {
            name: self.name,
            colour: colour.map(|colour| colour.to_string()),
            support: support.map(String::from),
        })
    }
}

/// Whom to ask, as a link that does nothing else.
fn contact(given: &str) -> Result<Url, Problem> {
    let wrong = || {
        let detail = "not one to be asked by: give an https URL, or mailto: and an address";
        problem::invalid("#/support", detail)
    };
    text::name("#/support", given)?;
    let url: Url = given.parse().map_err(|_| wrong())?;
    let is_one = match url.scheme() {
        "https" => url.username().is_empty() && url.password().is_none(),
        "mailto" => url.path().contains('@') && url.query().is_none(),
        _ => false,
    };
    is_one.then_some(url).ok_or_else(wrong)
}

fn tagged(branding: Branding) -> Tagged<Json<Shown>> {
    let tag = etag::of(branding.version);
    ([(header::ETAG, tag)], Json(Shown::from(branding)))
}

/// Get what customers see of the platform; no key is needed
#[utoipa::path(get, path = "/v1/branding", tag = "settings", security(()),
    responses((status = 200, body = Shown)))]
pub(crate) async fn get(State(api): State<Api>) -> Result<Tagged<Json<Shown>>, Problem> {
    let branding = api.store.branding().await;
    Ok(tagged(branding.map_err(|error| problem::of_store(&error))?))
}

/// Set what customers see of the platform, all but its logo
#[utoipa::path(put, path = "/v1/branding", tag = "settings",
    params(("if-match" = String, Header, description = "the ETag of what you have seen")),
    request_body = ToPut,
    responses((status = 200, body = Shown), (status = 412, description = "it has changed since"), (status = 422), (status = 428, description = "without If-Match")))]
pub(crate) async fn put(
    by: Platform<Manage>,
    State(api): State<Api>,
    IfMatch(precondition): IfMatch,
    Body(given): Body<ToPut>,
) -> Result<Tagged<Json<Shown>>, Problem> {
    let look = given.judged()?;
    let set = api.store.set_look(precondition, &look).await;
    let set = set.map_err(|error| problem::of_store(&error))?;
    let detail = json!({"name": look.name, "colour": look.colour, "support": look.support});
    let deed = audit::deed(by.by, None, Action::BrandingChanged, "branding", &detail);
    audit::note(&api, deed).await;
    Ok(tagged(set))
}

/// Get the platform's logo; no key is needed
#[utoipa::path(get, path = "/v1/branding/logo", tag = "settings", security(()),
    responses((status = 200, content_type = "image/png", body = Vec<u8>), (status = 404)))]
pub(crate) async fn logo(State(api): State<Api>) -> Result<Response, Problem> {
    let logo = api.store.logo().await;
    let logo = logo.map_err(|error| problem::of_store(&error))?;
    let headers = [
        (header::CONTENT_TYPE, "image/png"),
        (header::CACHE_CONTROL, KEPT),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Opened by itself it is a picture, and can be nothing else.
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox",
        ),
    ];
    Ok((headers, logo).into_response())
}

/// Set the platform's logo: a PNG of 64 KiB and 16 to 1,024 pixels a side at most
#[utoipa::path(put, path = "/v1/branding/logo", tag = "settings",
    request_body(content = Vec<u8>, content_type = "image/png"),
    responses((status = 204), (status = 413), (status = 422, description = "it is no such PNG")))]
pub(crate) async fn put_logo(
    by: Platform<Manage>,
    State(api): State<Api>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let logo = body::read(request.into_body()).await?;
    png::judge(&logo).map_err(|error| problem::invalid("#", error))?;
    change_logo(&api, by, Some(&logo)).await
}

/// Remove the platform's logo
#[utoipa::path(delete, path = "/v1/branding/logo", tag = "settings",
    responses((status = 204)))]
pub(crate) async fn remove_logo(
    by: Platform<Manage>,
    State(api): State<Api>,
) -> Result<StatusCode, Problem> {
    change_logo(&api, by, None).await
}

async fn change_logo(
    api: &Api,
    by: Platform<Manage>,
    logo: Option<&[u8]>,
) -> Result<StatusCode, Problem> {
    let set = api.store.set_logo(logo).await;
    set.map_err(|error| problem::of_store(&error))?;
    let detail = json!({"bytes": logo.map_or(0, <[u8]>::len)});
    let action = Action::BrandingLogoChanged;
    let deed = audit::deed(by.by, None, action, "branding", &detail);
    audit::note(api, deed).await;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://acme.example/help", true)]
    #[case("mailto:help@acme.example", true)]
    #[case("help@acme.example", false)]
    #[case("http://acme.example/", false)]
    #[case("https://me@acme.example/", false)]
    #[case("mailto:help", false)]
    #[case("mailto:a@b.example?body=x", false)]
    #[case("javascript:alert(1)", false)]
    #[case("data:text/html,a", false)]
    #[case("", false)]
    fn whom_to_ask(#[case] given: &str, #[case] is_one: bool) {
        assert_eq!(contact(given).is_ok(), is_one);
    }
}
