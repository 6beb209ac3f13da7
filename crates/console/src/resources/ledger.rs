//! The ledger: how many deliveries were recorded, where they stand, and whether any is missing.

use axum::Json;
use axum::extract::State;
use domain::loss::Horizon;
use serde::Serialize;
use service::problem::Problem;
use store::ledger::Ledger;
use utoipa::ToSchema;

use super::text;
use crate::access::{InTenant, Platform, Read};
use crate::api::Api;
use crate::problem;

/// The most tenants whose backlog is listed.
const BACKLOGS: u16 = 20;

/// The ledger as it was last taken: `recorded` is the sum of the six below it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Account {
    /// When it was taken.
    pub(crate) taken_at: String,
    /// `balanced`, `unbalanced`, or `unknown` while not every lane has told how far it has come.
    #[schema(example = "balanced")]
    pub(crate) balance: &'static str,
    /// Deliveries of recorded events, and replays.
    pub(crate) recorded: i64,
    /// Arrived.
    pub(crate) delivered: i64,
    /// Waiting for an attempt after the first.
    pub(crate) waiting: i64,
    /// Given up.
    pub(crate) dead: i64,
    /// Ended with their endpoint.
    pub(crate) cancelled: i64,
    /// Kept back while their endpoint is paused or disabled.
    pub(crate) held: i64,
    /// Waiting for their first attempt.
    pub(crate) unsettled: i64,
    /// Of those waiting and unsettled: what can be in no queue any more.
    pub(crate) missing: ByAttempt<i64>,
    /// Up to when that can be told: first attempts recorded before, later ones due before.
    judged_before: Option<ByAttempt<String>>,
}

/// The ledger of all tenants.
#[derive(Serialize, ToSchema)]
#[schema(as = WholeLedger)]
pub(crate) struct Whole {
    #[serde(flatten)]
    pub(crate) account: Account,
    /// When it last balanced.
    pub(crate) balanced_at: Option<String>,
    /// Messages of accepted events that are not recorded yet, each with 1 to 256 events; null when
    /// the broker could not be asked.
    pub(crate) accepted_messages: Option<i64>,
}

/// First attempts, and all others.
#[derive(Serialize, ToSchema)]
pub(crate) struct ByAttempt<T> {
    pub(crate) first_attempts: T,
    pub(crate) later_attempts: T,
}

impl From<&Ledger> for Account {
    fn from(ledger: &Ledger) -> Self {
        let counts = ledger.counts;
        Self {
            taken_at: text::instant(ledger.taken_at),
            balance: ledger.balance().as_str(),
            recorded: counts.recorded(),
            delivered: counts.delivered,
            waiting: counts.waiting,
            dead: counts.dead,
            cancelled: counts.cancelled,
            held: counts.held,
            unsettled: counts.unsettled(),
            missing: ByAttempt {
                first_attempts: ledger.missing.first,
                later_attempts: ledger.missing.waiting,
            },
            judged_before: ledger.horizon.map(judged_before),
        }
    }
}

fn judged_before(horizon: Horizon) -> ByAttempt<String> {
    ByAttempt {
        first_attempts: text::instant(horizon.first),
        later_attempts: text::instant(horizon.waiting),
    }
}

/// What a tenant's endpoints have not been sent yet.
#[derive(Serialize, ToSchema)]
pub(crate) struct Backlog {
    #[schema(example = "ten_0193a5c8e0b87c3aa1f2c9d8e7f60512")]
    pub(crate) tenant: String,
    #[schema(example = "Acme")]
    pub(crate) tenant_name: String,
    /// Waiting for an attempt after the first.
    pub(crate) waiting: i64,
    /// Waiting for their first attempt.
    pub(crate) unsettled: i64,
}

/// The largest backlogs.
#[derive(Serialize, ToSchema)]
pub(crate) struct Backlogs {
    pub(crate) data: Vec<Backlog>,
}

/// List the tenants with the most deliveries that wait, the most first, 20 at most
///
/// As far as the ledger was taken: every five seconds.
#[utoipa::path(get, path = "/v1/backlogs", tag = "ledger",
    responses((status = 200, body = Backlogs)))]
pub(crate) async fn backlogs(
    _: Platform<Read>,
    State(api): State<Api>,
) -> Result<Json<Backlogs>, Problem> {
    let found = api.store.backlogs(BACKLOGS).await;
    let view = |one: store::ledger::Backlog| Backlog {
        tenant: one.tenant.to_string(),
        tenant_name: one.name,
        waiting: one.waiting,
        unsettled: one.unsettled,
    };
    let found = found.map_err(|error| problem::of_store(&error))?;
    let data = found.into_iter().map(view).collect();
    Ok(Json(Backlogs { data }))
}

/// Get the ledger of all tenants, as it was last taken
#[utoipa::path(get, path = "/v1/ledger", tag = "ledger",
    responses((status = 200, body = Whole)))]
pub(crate) async fn whole(
    _: Platform<Read>,
    State(api): State<Api>,
) -> Result<Json<Whole>, Problem> {
    let ledger = api.store.ledger().await;
    let ledger = ledger.map_err(|error| problem::of_store(&error))?;
    Ok(Json(Whole {
        account: Account::from(&ledger),
        balanced_at: ledger.balanced_at.map(text::instant),
        accepted_messages: ledger.fanout_messages,
    }))
}

/// Get a tenant's part of the ledger
#[utoipa::path(get, path = "/v1/tenants/{tenant}/ledger", tag = "ledger",
    params(("tenant" = String, Path)), responses((status = 200, body = Account)))]
pub(crate) async fn of_tenant(
    at: InTenant<Read>,
    State(api): State<Api>,
) -> Result<Json<Account>, Problem> {
    let ledger = api.store.ledger_of(at.tenant).await;
    let ledger = ledger.map_err(|error| problem::of_store(&error))?;
    Ok(Json(Account::from(&ledger)))
}
