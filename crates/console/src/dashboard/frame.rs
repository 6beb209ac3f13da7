//! What every page has around it, and the page for what went wrong.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use service::problem::Problem;
use store::api_keys::Reach;
use store::directory::Audience;

use super::brand::Brand;
use super::{assets, words};
use crate::access::{InTenant, Read};
use crate::api::Api;
use crate::resources::tenants;

/// What every page has around it.
pub(super) struct Frame {
    pub(super) title: String,
    /// What its assets' addresses end with.
    pub(super) version: u64,
    /// The tenant whose page it is, where it is one's.
    pub(super) tenant: Option<Tenant>,
    /// The parts of the dashboard that lie beside the page.
    pub(super) parts: Vec<Part>,
    /// Whether the reader has other tenants to go back to.
    pub(super) is_operators: bool,
    /// The platform, where customers are to see it.
    pub(super) brand: Option<Brand>,
}

/// Whose page it is.
pub(super) struct Tenant {
    pub(super) name: String,
}

/// A part of the dashboard, as the navigation offers it.
pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) path: String,
    /// Whether the page is of this part.
    pub(super) is_here: bool,
}

/// Which part of the dashboard a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Webhooks,
    Events,
    Replays,
    DeadLetters,
    EventTypes,
    Guide,
    /// The operators' first page.
    Overview,
    /// The operators' list of tenants.
    Tenants,
    Keys,
    People,
    Audit,
    Settings,
}

/// A tenant's parts, each with its path below the tenant's.
const OF_TENANT: [(Section, &str, &str); 6] = [
    (Section::Webhooks, "Webhooks", "webhooks"),
    (Section::Events, "Events", "events"),
    (Section::DeadLetters, "Dead letters", "dead-letters"),
    (Section::Replays, "Replays", "replays"),
    (Section::EventTypes, "Event types", "event-types"),
    (Section::Guide, "Guide", "guide"),
];

/// What its developers see besides, and its customers don't.
const OF_DEVELOPERS: [(Section, &str, &str); 2] = [
    (Section::Keys, "Keys", "keys"),
    (Section::Audit, "Audit", "audit"),
];

/// The platform's parts.
const OF_PLATFORM: [(Section, &str, &str); 8] = [
    (Section::Overview, "Overview", "overview"),
    (Section::Tenants, "Tenants", "tenants"),
    (Section::DeadLetters, "Dead letters", "dead-letters"),
    (Section::EventTypes, "Event types", "event-types"),
    (Section::Keys, "Keys", "keys"),
    (Section::People, "People", "people"),
    (Section::Audit, "Audit", "audit"),
    (Section::Settings, "Settings", "settings"),
];

fn parts(all: &[(Section, &'static str, &str)], below: &str, here: Section) -> Vec<Part> {
    let part = |(section, name, path): &(Section, &'static str, &str)| Part {
        name,
        path: format!("{below}/{path}"),
        is_here: *section == here,
    };
    all.iter().map(part).collect()
}

impl Frame {
    /// Around a page that lies beside nothing.
    pub(super) fn bare(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            version: assets::VERSION,
            tenant: None,
            parts: Vec::new(),
            is_operators: false,
            brand: None,
        }
    }

    /// Around a page of the whole platform.
    pub(super) fn of_platform(section: Section, title: impl Into<String>) -> Self {
        Self {
            parts: parts(&OF_PLATFORM, "", section),
            ..Self::bare(title)
        }
    }

    /// Around a tenant's page.
    pub(super) async fn of(
        api: &Api,
        at: InTenant<Read>,
        section: Section,
        title: impl Into<String>,
    ) -> Result<Self, Problem> {
        let tenant = tenants::get(at, State(api.clone()));
        let (tenant, brand) = tokio::try_join!(tenant, Brand::of(api))?;
        let tenant = tenant.0;
        let below = format!("/tenants/{}", tenant.id);
        let mut beside = parts(&OF_TENANT, &below, section);
        if at.audience == Audience::Platform {
            beside.extend(parts(&OF_DEVELOPERS, &below, section));
        }
        Ok(Self {
            tenant: Some(Tenant { name: tenant.name }),
            parts: beside,
            is_operators: at.reach == Reach::Platform,
            brand: Some(brand),
            ..Self::bare(title)
        })
    }
}

/// A page, or what can't be shown instead of it.
pub(super) type Shown = Result<Response, Problem>;

/// Renders a page.
pub(super) fn show(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page can't be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct Trouble {
    frame: Frame,
    detail: String,
}

/// Shows problems as pages to whoever takes pages; the rest get them as they are.
pub(super) async fn problems(request: Request, next: Next) -> Response {
    let takes_pages = takes_pages(request.headers());
    let response = next.run(request).await;
    if takes_pages {
        as_page(response)
    } else {
        response
    }
}

/// Whether a client takes pages, as a browser does that follows a link or sends a form.
pub(super) fn takes_pages(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).into_iter();
    let mut accepted = accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|kind| kind.split(';').next());
    accepted.any(|kind| kind.trim().eq_ignore_ascii_case("text/html"))
}

/// The page for what an answer says went wrong; the answer, where nothing did.
pub(super) fn as_page(mut response: Response) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    let page = Trouble {
        frame: Frame::bare(problem.title()),
        detail: words::sentence(problem.detail()),
    };
    let mut shown = show(problem.status(), &page);
    for name in [header::RETRY_AFTER, header::ALLOW, header::SET_COOKIE] {
        if let Some(value) = response.headers_mut().remove(&name) {
            shown.headers_mut().insert(name, value);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("text/html,application/xhtml+xml,*/*;q=0.8", true)]
    #[case("application/json, Text/HTML;q=0.5", true)]
    #[case("*/*", false)]
    #[case("text/event-stream", false)]
    #[case("application/json", false)]
    fn browsers_take_pages(#[case] accept: &str, #[case] takes: bool) {
        let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
        assert_eq!(takes_pages(&headers), takes);
    }
}
