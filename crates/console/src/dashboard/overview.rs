//! *Overview*: the whole platform for those who run it: whether everything is accounted for, what
//! fails, what is left alone, and who waits.

use askama::Template;
use axum::Json;
use axum::extract::State as With;
use axum::http::StatusCode;

use super::frame::{Frame, Section, Shown, show};
use super::state::{Instant, State};
use super::waiting::Waiting;
use super::words;
use crate::access::{Platform, Read};
use crate::api::Api;
use crate::page::Paging;
use crate::resources::ledger::{self, Backlog, Whole};
use crate::resources::queues;
use crate::resources::troubled::{self, Troubled};

/// How many endpoints in trouble are shown at once.
const ROWS: u16 = 10;

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    frame: Frame,
    balance: Balance,
    failing: Vec<Row>,
    /// Of the next page of failing endpoints.
    next: Option<String>,
    left_alone: Vec<Row>,
    /// Whether more are left alone than are shown.
    more_left_alone: bool,
    backlogs: Vec<Backlog>,
    /// What waits at the broker; none until somebody has asked.
    waiting: Option<Waiting>,
}

impl Overview {
    fn count(&self, number: &i64) -> String {
        words::count(*number)
    }
}

/// The ledger, in words.
struct Balance {
    /// The colour of how it stands.
    tone: &'static str,
    words: String,
    advice: Option<&'static str>,
    whole: Whole,
    taken: Instant,
    balanced: Option<Instant>,
}

impl From<Whole> for Balance {
    fn from(whole: Whole) -> Self {
        let account = &whole.account;
        let missing = account.missing.first_attempts + account.missing.later_attempts;
        let (tone, words, advice) = match account.balance {
            "balanced" => ("good", "Everything is accounted for".to_owned(), None),
            "unbalanced" => (
                "bad",
                format!("{} unaccounted for", deliveries(missing)),
                Some("Run posthaste reconcile: it finds what no queue holds and sends it again."),
            ),
            _ => (
                "waiting",
                "Not every queue has told yet how far it has come".to_owned(),
                Some("That is so after a start, and whenever a role has nothing to consume from."),
            ),
        };
        Self {
            tone,
            words,
            advice,
            taken: Instant(account.taken_at.clone()),
            balanced: whole.balanced_at.clone().map(Instant),
            whole,
        }
    }
}

fn deliveries(number: i64) -> String {
    match number {
        1 => "1 delivery is".to_owned(),
        _ => format!("{} deliveries are", words::count(number)),
    }
}

/// An endpoint in trouble.
struct Row {
    one: Troubled,
    state: State,
    /// Until when it is left alone.
    until: Option<Instant>,
}

impl From<Troubled> for Row {
    fn from(one: Troubled) -> Self {
        Self {
            state: State::of_troubled(&one),
            until: one.breaker.retry_at.clone().map(Instant),
            one,
        }
    }
}

/// Shows it.
pub(super) async fn page(by: Platform<Read>, With(api): With<Api>, mut paging: Paging) -> Shown {
    let with = || With(api.clone());
    paging.request.rows = ROWS;
    let Json(whole) = ledger::whole(by, with()).await?;
    let failing = troubled::failing(by, with(), paging).await?;
    let left_alone = troubled::left_alone(by, with(), Paging::first(ROWS)).await?;
    let Json(backlogs) = ledger::backlogs(by, with()).await?;
    let Json(queues) = queues::list(by, with()).await?;
    let page = Overview {
        frame: Frame::of_platform(Section::Overview, "Overview"),
        balance: whole.into(),
        failing: failing.data.into_iter().map(Row::from).collect(),
        next: failing.next_cursor,
        more_left_alone: left_alone.next_cursor.is_some(),
        left_alone: left_alone.data.into_iter().map(Row::from).collect(),
        backlogs: backlogs.data,
        waiting: Waiting::of(queues),
    };
    Ok(show(StatusCode::OK, &page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_many_deliveries() {
        assert_eq!(deliveries(1), "1 delivery is");
        assert_eq!(deliveries(1_200), "1,200 deliveries are");
    }
}
