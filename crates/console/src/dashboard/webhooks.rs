//! *Webhooks*: a tenant's endpoints, each with how it stands.

use askama::Template;
use axum::extract::State as With;
use axum::http::StatusCode;

use super::frame::{Frame, Section, Shown, show};
use super::state::State;
use crate::access::{InTenant, Read};
use crate::api::Api;
use crate::page::Paging;
use crate::resources::endpoints::{self, Endpoint};

/// How many event types a row shows.
const SHOWN: usize = 4;

#[derive(Template)]
#[template(path = "webhooks.html")]
struct Webhooks {
    frame: Frame,
    tenant: String,
    rows: Vec<Row>,
    /// Of the next page.
    next: Option<String>,
}

struct Row {
    id: String,
    url: String,
    description: String,
    state: State,
    events: Vec<String>,
    /// How many event types are not shown.
    more: usize,
}

impl From<Endpoint> for Row {
    fn from(endpoint: Endpoint) -> Self {
        let state = State::of_endpoint(&endpoint);
        let mut events = endpoint.event_types;
        let more = events.len().saturating_sub(SHOWN);
        events.truncate(SHOWN);
        Self {
            id: endpoint.id,
            url: endpoint.url,
            description: endpoint.description,
            state,
            events,
            more,
        }
    }
}

/// Shows the list.
pub(super) async fn page(at: InTenant<Read>, With(api): With<Api>, paging: Paging) -> Shown {
    let tenant = at.tenant.to_string();
    let listed = endpoints::list(at, With(api.clone()), paging).await?;
    let page = Webhooks {
        frame: Frame::of(&api, at, Section::Webhooks, "Webhooks").await?,
        tenant,
        rows: listed.data.into_iter().map(Row::from).collect(),
        next: listed.next_cursor,
    };
    Ok(show(StatusCode::OK, &page))
}
