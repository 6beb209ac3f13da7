//! *Tenants*: where whoever has the whole platform chooses one.

use askama::Template;
use axum::extract::State as With;
use axum::http::StatusCode;

use super::frame::{Frame, Section, Shown, show};
use crate::access::{Platform, Read};
use crate::api::Api;
use crate::page::Paging;
use crate::resources::tenants::{self, Tenant};

#[derive(Template)]
#[template(path = "tenants.html")]
struct Tenants {
    frame: Frame,
    rows: Vec<Tenant>,
    /// Of the next page.
    next: Option<String>,
}

/// Shows the list.
pub(super) async fn page(by: Platform<Read>, With(api): With<Api>, paging: Paging) -> Shown {
    let listed = tenants::list(by, With(api), paging).await?;
    let page = Tenants {
        frame: Frame::of_platform(Section::Tenants, "Tenants"),
        rows: listed.data,
        next: listed.next_cursor,
    };
    Ok(show(StatusCode::OK, &page))
}
