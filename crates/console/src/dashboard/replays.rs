//! *Replays*: a tenant's replays, each with how far it has come.

use askama::Template;
use axum::extract::State as With;
use axum::http::StatusCode;
use serde_json::Value;

use super::frame::{Frame, Section, Shown, show};
use super::state::{Instant, State};
use crate::access::{InTenant, Read};
use crate::api::Api;
use crate::page::Paging;
use crate::resources::replays::{self, Replay};

#[derive(Template)]
#[template(path = "replays.html")]
struct Replays {
    frame: Frame,
    tenant: String,
    rows: Vec<Row>,
    /// Of the next page.
    next: Option<String>,
}

struct Row {
    id: String,
    asked: Asked,
    state: State,
    made: u64,
    /// How many there are in all, where that is known.
    expected: Option<u64>,
    rate: u16,
    created: Instant,
}

impl From<Replay> for Row {
    fn from(replay: Replay) -> Self {
        Self {
            asked: Asked::read(&replay.selector),
            state: State::of_replay(&replay),
            made: replay.selected,
            expected: replay.expected,
            rate: replay.rate,
            created: Instant(replay.created_at),
            id: replay.id,
        }
    }
}

/// What a replay was asked for, in words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) what: &'static str,
    /// The endpoint that it is of, where it is one's.
    pub(super) endpoint: Option<String>,
    /// Where its window begins; none when that is as far back as the record reaches.
    pub(super) since: Option<Instant>,
    pub(super) until: Option<Instant>,
}

impl Asked {
    /// By the selector that the API shows.
    pub(super) fn read(selector: &Value) -> Self {
        let kinds = [
            ("failed", "What failed"),
            ("everything", "Everything that was sent"),
            ("missed", "What was missed"),
        ];
        let kind = kinds
            .into_iter()
            .find(|(kind, _)| selector.get(kind).is_some());
        let (kind, what) = kind.unwrap_or(("deliveries", "Chosen deliveries"));
        let member = |name: &str| selector[kind][name].as_str().map(str::to_owned);
        Self {
            what,
            endpoint: member("endpoint"),
            since: member("since")
                .filter(|since| !since.starts_with("1970-"))
                .map(Instant),
            until: member("until").map(Instant),
        }
    }
}

/// Shows the list.
pub(super) async fn page(at: InTenant<Read>, With(api): With<Api>, paging: Paging) -> Shown {
    let tenant = at.tenant.to_string();
    let listed = replays::list(at, With(api.clone()), paging).await?;
    let page = Replays {
        frame: Frame::of(&api, at, Section::Replays, "Replays").await?,
        tenant,
        rows: listed.data.into_iter().map(Row::from).collect(),
        next: listed.next_cursor,
    };
    Ok(show(StatusCode::OK, &page))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_asked_for() {
        let (since, until) = ("1970-01-01T00:00:00Z", "2026-03-02T10:00:00Z");
        let failed = json!({"failed": {"endpoint": "ep_1", "since": since, "until": until}});
        let asked = Asked::read(&failed);
        assert_eq!(asked.what, "What failed");
        assert_eq!(asked.endpoint.as_deref(), Some("ep_1"));
        assert_eq!(
            (asked.since, asked.until),
            (None, Some(Instant(until.to_owned())))
        );
        let chosen = Asked::read(&json!({"deliveries": ["dlv_1"]}));
        assert_eq!((chosen.what, chosen.endpoint), ("Chosen deliveries", None));
    }
}
