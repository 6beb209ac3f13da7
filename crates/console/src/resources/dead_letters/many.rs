//! What is done to many dead letters at once: in batches, and for a few seconds.

use std::time::Duration;

use domain::id::{DeadLetterId, TenantId};
use futures::future::join_all;
use serde::Serialize;
use serde_json::{Value, json};
use service::problem::Problem;
use store::audit::{Action, Actor};
use store::dead_letters::{DeadLetterKind, Resolution, Search, Viewer};
use time::OffsetDateTime;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::again;
use crate::api::Api;
use crate::problem;
use crate::resources::{audit, text};

/// How long one request works.
const WORKING: Duration = Duration::from_secs(5);

/// How many are counted or discarded at a time.
const TOGETHER: u16 = 1_000;

/// How many are replayed at a time.
const REPLAYED_TOGETHER: u16 = 50;

/// What came of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Many {
    /// How many it was done to, or would be.
    pub(crate) count: u64,
    /// How many could not be replayed, and stay open.
    pub(crate) left: u64,
    /// Whether these are all; if not, there was no time for more: ask again.
    pub(crate) complete: bool,
}

/// What is done to them.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Count,
    Discard,
    Replay(Actor),
}

impl Deed {
    const fn together(self) -> u16 {
        match self {
            Self::Count | Self::Discard => TOGETHER,
            Self::Replay(_) => REPLAYED_TOGETHER,
        }
    }

    /// Does it to some; gives to how many.
    async fn act(self, api: &Api, letters: &[DeadLetterId]) -> Result<u64, Problem> {
        match self {
            Self::Count => Ok(whole(letters.len())),
            Self::Discard => {
                let resolution = Resolution::Discarded;
                let discarded = api.store.resolve_dead_letters(letters, resolution).await;
                discarded.map_err(|error| problem::of_store(&error))
            }
            Self::Replay(by) => {
                let replayed = letters.iter().map(|letter| one(api, by, *letter));
                let replayed = join_all(replayed).await.into_iter();
                Ok(whole(replayed.filter(|replayed| *replayed).count()))
            }
        }
    }
}

/// How many there are.
pub(super) async fn count(api: &Api, search: &Search) -> Result<Many, Problem> {
    each(api, search, Deed::Count).await
}

/// Discards them.
pub(super) async fn discard(
    api: &Api,
    by: Actor,
    tenant: Option<TenantId>,
    search: &Search,
) -> Result<Many, Problem> {
    let many = each(api, search, Deed::Discard).await?;
    note(api, by, tenant, Action::DeadLettersDiscarded, search, &many).await;
    Ok(many)
}

/// Replays them; what can't be stays open.
pub(super) async fn replay(api: &Api, by: Actor, search: &Search) -> Result<Many, Problem> {
    let many = each(api, search, Deed::Replay(by)).await?;
    note(api, by, None, Action::DeadLettersReplayed, search, &many).await;
    Ok(many)
}

/// Whether the letter was replayed.
async fn one(api: &Api, by: Actor, letter: DeadLetterId) -> bool {
    let Ok(found) = api.store.dead_letter(Viewer::Platform, letter).await else {
        return false;
    };
    again::replay(api, by, found, None).await.is_ok()
}

/// Does something to batch after batch, until there are no more or the time is over. What comes
/// after it has begun is not among them.
async fn each(api: &Api, search: &Search, deed: Deed) -> Result<Many, Problem> {
    let now = OffsetDateTime::now_utc();
    let search = Search {
        until: Some(search.until.unwrap_or(now).min(now)),
        ..search.clone()
    };
    let deadline = Instant::now() + WORKING;
    let mut many = Many {
        count: 0,
        left: 0,
        complete: false,
    };
    let mut after = None;
    loop {
        let found = api
            .store
            .dead_letter_ids(&search, after, deed.together())
            .await;
        let found = found.map_err(|error| problem::of_store(&error))?;
        let done = deed.act(api, &found.letters).await?;
        many.count += done;
        many.left += whole(found.letters.len()).saturating_sub(done);
        after = found.next;
        if after.is_none() {
            many.complete = true;
            return Ok(many);
        }
        if Instant::now() > deadline {
            return Ok(many);
        }
    }
}

async fn note(
    api: &Api,
    by: Actor,
    tenant: Option<TenantId>,
    action: Action,
    search: &Search,
    many: &Many,
) {
    let tenant = tenant.or(search.tenant);
    let detail = json!({"count": many.count, "selection": selection(search)});
    let deed = audit::deed(by, tenant, action, "dead letters", &detail);
    audit::note(api, deed).await;
}

fn selection(search: &Search) -> Value {
    json!({
        "kind": search.kind.map(DeadLetterKind::as_str),
        "reason": search.reason,
        "endpoint": search.endpoint,
        "event": search.event_type.as_ref().map(ToString::to_string),
        "since": search.since.map(text::instant),
        "until": search.until.map(text::instant),
    })
}

fn whole(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
