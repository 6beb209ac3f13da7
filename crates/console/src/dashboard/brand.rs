//! The platform's name, logo, colour and contact, as its customers see them.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use service::problem::Problem;

use super::assets::KEPT;
use crate::api::Api;
use crate::problem;
use crate::resources::branding::colour::Colour;
use crate::resources::branding::{self, Shown};

/// What a page shows of the platform.
pub(super) struct Brand {
    pub(super) name: Option<String>,
    /// The path of the logo.
    pub(super) logo: Option<String>,
    /// The digits of the colour, by which its style is called.
    pub(super) style: Option<String>,
    pub(super) support: Option<Support>,
}

/// Whom to ask.
pub(super) struct Support {
    pub(super) link: String,
    pub(super) words: String,
}

impl Brand {
    pub(super) async fn of(api: &Api) -> Result<Self, Problem> {
        let (_, Json(shown)) = branding::get(State(api.clone())).await?;
        Ok(shown.into())
    }
}

impl From<Shown> for Brand {
    fn from(shown: Shown) -> Self {
        let digits = |colour: String| colour.trim_start_matches('#').to_owned();
        let support = |link: String| Support {
            words: link
                .trim_start_matches("mailto:")
                .trim_start_matches("https://")
                .trim_end_matches('/')
                .to_owned(),
            link,
        };
        Self {
            name: shown.name,
            logo: shown.logo,
            style: shown.colour.map(digits),
            support: shown.support.map(support),
        }
    }
}

/// The style of a colour, `3451b2.css`: darker or lighter where it could not be read otherwise.
pub(super) async fn style(Path(name): Path<String>) -> Response {
    let digits = name.strip_suffix(".css");
    let colour = digits.and_then(|digits| format!("#{digits}").parse::<Colour>().ok());
    let Some(colour) = colour else {
        return problem::not_found().into_response();
    };
    let (light, dark) = (colour.on_light(), colour.on_dark());
    let style = format!(
        ":root {{ --accent: {light}; }}\n\
         @media (prefers-color-scheme: dark) {{ :root {{ --accent: {dark}; }} }}\n"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, KEPT),
    ];
    (headers, style).into_response()
}
