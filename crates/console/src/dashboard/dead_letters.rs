//! *Dead letters*: what nothing more is done for unless somebody asks, of a tenant or of all.

use askama::Template;
use axum::extract::State as With;
use domain::id::TenantId;
use serde::Deserialize;
use service::problem::Problem;

use super::faults::Faults;
use super::fields::{Fields, instant, some, to_the_minute};
use super::frame::{Frame, Section, Shown, show};
use super::letter_words;
use super::search::{Searched, behind};
use super::state::{Instant, State};
use crate::access::{InTenant, Platform, Read};
use crate::api::Api;
use crate::page::{Listed, Paging};
use crate::query::Query;
use crate::resources::dead_letters::{self, Filter, Letter, OfTenant, of_tenant};

/// What is searched by.
const FIELDS: [&str; 8] = [
    "kind", "tenant", "reason", "endpoint", "event", "since", "until", "state",
];

/// Whose letters a page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Tenant(TenantId),
    /// Of all tenants, and of none.
    Everybody,
}

impl Whose {
    /// Where the list is.
    pub(super) fn path(self) -> String {
        match self {
            Self::Tenant(tenant) => format!("/tenants/{tenant}/dead-letters"),
            Self::Everybody => "/dead-letters".to_owned(),
        }
    }

    pub(super) fn is_everybody(self) -> bool {
        self == Self::Everybody
    }
}

/// What is searched for, as it was typed.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    pub(super) kind: String,
    pub(super) tenant: String,
    pub(super) reason: String,
    pub(super) endpoint: String,
    pub(super) event: String,
    pub(super) since: String,
    pub(super) until: String,
    pub(super) state: String,
}

impl Asked {
    /// As a form was sent.
    pub(super) fn sent(fields: &Fields) -> Self {
        let text = |name: &str| fields.one(name).to_owned();
        Self {
            kind: text("kind"),
            tenant: text("tenant"),
            reason: text("reason"),
            endpoint: text("endpoint"),
            event: text("event"),
            since: text("since"),
            until: text("until"),
            state: String::new(),
        }
    }

    /// What was filled in, by its name.
    pub(super) fn given(&self) -> Vec<(&'static str, &str)> {
        let values = [
            &*self.kind,
            &self.tenant,
            &self.reason,
            &self.endpoint,
            &self.event,
            &self.since,
            &self.until,
            &self.state,
        ];
        let all = FIELDS.into_iter().zip(values);
        all.filter(|(_, value)| !value.is_empty()).collect()
    }

    fn of_tenant(&self) -> OfTenant {
        OfTenant {
            reason: some(&self.reason),
            endpoint: some(&self.endpoint),
            event: some(&self.event),
            since: instant(&self.since),
            until: instant(&self.until),
            state: some(&self.state),
        }
    }

    fn of_all(&self) -> Filter {
        Filter {
            kind: some(&self.kind),
            tenant: some(&self.tenant),
            rest: self.of_tenant(),
        }
    }

    fn behind(&self, cursor: &str) -> String {
        behind(self.given(), cursor)
    }

    fn since_field(&self) -> &str {
        to_the_minute(&self.since)
    }

    fn until_field(&self) -> &str {
        to_the_minute(&self.until)
    }

    fn is_empty(&self) -> bool {
        self.given().is_empty()
    }

    /// Whether all that is shown is open, so that something can be done to it.
    fn is_open(&self) -> bool {
        self.state != "all"
    }

    /// Whether it asks for messages, which are published again, and no deliveries.
    fn is_of_messages(&self) -> bool {
        matches!(&*self.kind, "poison" | "rejected")
    }
}

#[derive(Template)]
#[template(path = "dead-letters.html")]
struct Letters {
    frame: Frame,
    whose: Whose,
    asked: Asked,
    faults: Faults,
    rows: Vec<Row>,
    /// Where the next page is.
    next: Option<String>,
}

impl Letters {
    /// Whether what is shown can be sent again together.
    fn can_send(&self) -> bool {
        !self.whose.is_everybody() || self.asked.is_of_messages()
    }
}

struct Row {
    path: String,
    title: String,
    /// Where it was to go, or came from.
    place: String,
    state: State,
    at: Instant,
}

impl Row {
    fn new(letter: Letter, whose: Whose) -> Self {
        Self {
            path: format!("{}/{}", whose.path(), letter.id),
            state: letter_words::state(&letter),
            at: Instant(letter.created_at),
            title: letter
                .event_type
                .unwrap_or_else(|| letter_words::kind(letter.kind).to_owned()),
            place: letter.endpoint.unwrap_or(letter.origin),
        }
    }
}

/// Shows a tenant's.
pub(super) async fn page(
    at: InTenant<Read>,
    With(api): With<Api>,
    Query(asked): Query<Asked>,
    paging: Paging,
) -> Shown {
    let filter = Query(asked.of_tenant());
    let listed = of_tenant::list(at, With(api.clone()), filter, paging).await;
    let frame = Frame::of(&api, at, Section::DeadLetters, "Dead letters").await?;
    render(frame, Whose::Tenant(at.tenant), asked, listed)
}

/// Shows everybody's.
pub(super) async fn of_platform(
    by: Platform<Read>,
    With(api): With<Api>,
    Query(asked): Query<Asked>,
    paging: Paging,
) -> Shown {
    let filter = Query(asked.of_all());
    let listed = dead_letters::list(by, With(api), filter, paging).await;
    let frame = Frame::of_platform(Section::DeadLetters, "Dead letters");
    render(frame, Whose::Everybody, asked, listed)
}

fn render(
    frame: Frame,
    whose: Whose,
    asked: Asked,
    listed: Result<Listed<Letter>, Problem>,
) -> Shown {
    let found = Searched::of(listed, &FIELDS)?;
    let rows = found.rows.into_iter();
    let page = Letters {
        frame,
        whose,
        rows: rows.map(|one| Row::new(one, whose)).collect(),
        next: found.next.map(|cursor| asked.behind(&cursor)),
        asked,
        faults: found.faults,
    };
    Ok(show(found.status, &page))
}
