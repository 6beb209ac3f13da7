//! The ledger: how many deliveries were recorded, and where they stand.
//!
//! Statements that move deliveries write down what they moved, in their own transaction; here that
//! is posted to sums, by tenant and day. A look at the ledger reads the sums.
//!
//! **Invariant:** what events matched is counted where events are recorded, and where deliveries
//! stand is counted when their rows change: the two can differ, and then something is wrong.

use deadpool_postgres::Transaction;
use domain::id::{Id, TenantId};
use domain::loss::Horizon;
use time::OffsetDateTime;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::error::StoreError;
use crate::fence::fence;
use crate::pool::Store;
use crate::sql::{execute, get, id, row, rows};

/// Held while the ledger's sums are changed, by one process at a time: two would change the same
/// rows in different orders.
pub(crate) const LOCK: &str = "-- ledger_lock
    select pg_advisory_xact_lock(123145301)";

/// How many moves are posted in one transaction.
const MOVES_AT_ONCE: i64 = 20_000;

/// How many deliveries there are, and where they stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that recorded events stand for.
    pub matched: i64,
    /// Those that repeat others.
    pub replayed: i64,
    /// Those that have arrived.
    pub delivered: i64,
    /// Those that wait for an attempt after the first.
    pub waiting: i64,
    /// Those that were given up.
    pub dead: i64,
    /// Those whose endpoint was deleted.
    pub cancelled: i64,
    /// Those whose endpoint is paused or disabled.
    pub held: i64,
}

impl Counts {
    /// All that were recorded.
    #[must_use]
    pub const fn recorded(&self) -> i64 {
        self.matched + self.replayed
    }

    /// Those that nothing is known of yet, since they wait for their first attempt. Below zero when
    /// more was reported than recorded.
    #[must_use]
    pub const fn unsettled(&self) -> i64 {
        let settled = self.delivered + self.dead + self.cancelled + self.held;
        self.recorded() - settled - self.waiting
    }
}

/// Deliveries that are neither settled nor can be in a queue any more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Missing {
    /// By how many first deliveries the two countings differ, where they should be the same by now.
    pub first: i64,
    /// Those that wait for an attempt which should have been made by now.
    pub waiting: i64,
}

/// Whether the ledger balances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Balance {
    /// Every recorded delivery is settled, held, or may be in a queue.
    Balanced,
    /// Some are missing, or more were reported than recorded.
    Unbalanced,
    /// Deliveries are open, and not every lane has told yet how far it has come.
    Unknown,
}

impl Balance {
    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Balanced => "balanced",
            Self::Unbalanced => "unbalanced",
            Self::Unknown => "unknown",
        }
    }
}

/// The ledger as it was last taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ledger {
    /// When.
    pub taken_at: OffsetDateTime,
    /// When the ledger of all tenants together balanced last, as far as it was taken.
    pub balanced_at: Option<OffsetDateTime>,
    /// Up to when deliveries could be judged; none while not every lane had told.
    pub horizon: Option<Horizon>,
    /// The counts.
    pub counts: Counts,
    /// What is missing.
    pub missing: Missing,
    /// Messages of accepted events that fan-out had not recorded yet, each with 1 to 256 events;
    /// none when the broker could not be asked.
    pub fanout_messages: Option<i64>,
}

impl Ledger {
    /// Whether it balances.
    #[must_use]
    pub fn balance(&self) -> Balance {
        let open = self.counts.unsettled() + self.counts.waiting;
        if self.missing != Missing::default() || self.counts.unsettled() < 0 {
            Balance::Unbalanced
        } else if open > 0 && self.horizon.is_none() {
            Balance::Unknown
        } else {
            Balance::Balanced
        }
    }
}

/// What a tenant's endpoints have not been sent yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// The tenant.
    pub tenant: TenantId,
    /// What people call it.
    pub name: String,
    /// Deliveries that wait for an attempt after the first.
    pub waiting: i64,
    /// Deliveries that wait for their first attempt.
    pub unsettled: i64,
}

impl Store {
    /// The tenants with the most deliveries that wait, the most first, at most `most` of them, as
    /// far as the ledger was posted.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn backlogs(&self, most: u16) -> Result<Vec<Backlog>, StoreError> {
        const LIST: &str = "-- ledger_backlogs
            select t.id, t.name, o.waiting, o.unsettled
            from ledger_open o join tenants t on t.id = o.tenant_id
            where o.waiting + o.unsettled > 0 and t.deleted_at is null
            order by o.waiting + o.unsettled desc, o.tenant_id limit $1";
        self.bounded(async {
            let client = self.client().await?;
            let found = rows(&client, LIST, &[&i64::from(most)]).await?;
            let read = |row: &Row| {
                Ok(Backlog {
                    tenant: id(row, "id")?,
                    name: get(row, "name")?,
                    waiting: get(row, "waiting")?,
                    unsettled: get(row, "unsettled")?,
                })
            };
            found.iter().map(read).collect()
        })
        .await
    }

    /// Posts what was moved and takes the ledger of all tenants. Several processes may do so at
    /// once.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn take_ledger(
        &self,
        horizon: Option<Horizon>,
        fanout_messages: Option<i64>,
    ) -> Result<Ledger, StoreError> {
        const TAKEN: &str = "-- ledger_taken_set
            update ledger_taken
            set taken_at = now(), first_before = $1, waiting_before = $2, fanout_messages = $3";
        const BALANCED: &str = "-- ledger_taken_balanced
            update ledger_taken set balanced_at = taken_at";
        let first = horizon.map(|horizon| horizon.first);
        let waiting = horizon.map(|horizon| horizon.waiting);
        self.post_ledger().await?;
        self.bounded(async {
            let mut client = self.client().await?;
            let transaction = client.transaction().await?;
            post(&transaction).await?;
            execute(&transaction, TAKEN, &[&first, &waiting, &fanout_messages]).await?;
            let mut taken = read(&transaction, None).await?;
            if taken.balance() == Balance::Balanced {
                execute(&transaction, BALANCED, &[]).await?;
                taken.balanced_at = Some(taken.taken_at);
            }
            transaction.commit().await?;
            Ok(taken)
        })
        .await
    }

    /// Posts what was moved. Several processes may do so at once.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn post_ledger(&self) -> Result<(), StoreError> {
        loop {
            let posted = self
                .bounded(async {
                    let mut client = self.client().await?;
                    let transaction = client.transaction().await?;
                    let posted = post(&transaction).await?;
                    transaction.commit().await?;
                    Ok(posted)
                })
                .await?;
            if posted < MOVES_AT_ONCE.unsigned_abs() {
                return Ok(());
            }
        }
    }

    /// The ledger of all tenants as it was last taken.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn ledger(&self) -> Result<Ledger, StoreError> {
        self.read_ledger(None).await
    }

    /// A tenant's part of it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn ledger_of(&self, tenant: TenantId) -> Result<Ledger, StoreError> {
        self.read_ledger(Some(tenant)).await
    }

    async fn read_ledger(&self, tenant: Option<TenantId>) -> Result<Ledger, StoreError> {
        self.bounded(async {
            let mut client = self.client().await?;
            let transaction = match tenant {
                None => client.transaction().await?,
                Some(tenant) => fence(&mut client, tenant).await?,
            };
            read(&transaction, tenant).await
        })
        .await
    }
}

/// Posts what was moved to the sums, the eldest first; gives how many moves.
async fn post(transaction: &Transaction<'_>) -> Result<u64, StoreError> {
    const POST: &str = "-- ledger_post
        with posted as (
            delete from ledger_moves
            where id in (select id from ledger_moves order by id limit $1)
            returning moved_at, tenant_id, day, minute, matched, reported, replayed, delivered,
                      waiting, dead, cancelled, held
        ),
        days as (
            insert into ledger_days as l (tenant_id, day, matched, reported, replayed, delivered,
                                          waiting, dead, cancelled, held)
            select tenant_id, day, sum(matched), sum(reported), sum(replayed), sum(delivered),
                   sum(waiting), sum(dead), sum(cancelled), sum(held)
            from posted group by grouping sets ((tenant_id, day), (day))
            on conflict (tenant_id, day) do update set
                matched = l.matched + excluded.matched,
                reported = l.reported + excluded.reported,
                replayed = l.replayed + excluded.replayed,
                delivered = l.delivered + excluded.delivered,
                waiting = l.waiting + excluded.waiting,
                dead = l.dead + excluded.dead,
                cancelled = l.cancelled + excluded.cancelled,
                held = l.held + excluded.held
        ),
        minutes as (
            insert into ledger_minutes as l (tenant_id, minute, matched, reported, last_moved_at)
            select tenant_id, minute, sum(matched), sum(reported), max(moved_at)
            from posted where minute is not null group by 1, 2
            on conflict (tenant_id, minute) do update set
                matched = l.matched + excluded.matched,
                reported = l.reported + excluded.reported,
                last_moved_at = greatest(l.last_moved_at, excluded.last_moved_at)
        )
        select count(*) as posted from posted";
    // What differs stays, however old it is.
    const FORGET: &str = "-- ledger_minutes_forget
        delete from ledger_minutes
        where matched = reported and last_moved_at < now() - interval '10 minutes'";
    execute(transaction, LOCK, &[]).await?;
    let posted = row(transaction, POST, &[&MOVES_AT_ONCE]).await?;
    let posted: i64 = posted.map_or(Ok(0), |row| get(&row, "posted"))?;
    execute(transaction, FORGET, &[]).await?;
    Ok(posted.unsigned_abs())
}

/// What was last taken, of all tenants or of one.
async fn read(
    transaction: &Transaction<'_>,
    tenant: Option<TenantId>,
) -> Result<Ledger, StoreError> {
    let (sums, own) = match tenant {
        None => ("tenant_id is null", ""),
        Some(_) => ("tenant_id = $1", " and tenant_id = $1"),
    };
    // The waiting ones are looked up as they are: what was settled since is not missing.
    let read = format!(
        "-- ledger_read
        select t.taken_at, t.balanced_at, t.first_before, t.waiting_before, t.fanout_messages,
               d.matched, d.replayed, d.delivered, d.waiting, d.dead, d.cancelled, d.held,
               coalesce((
                   select sum(abs(matched - reported))::bigint from ledger_minutes
                   where last_moved_at < t.first_before and is_open{own}
               ), 0) as first_missing,
               (
                   select count(*) from deliveries
                   where state = 'waiting' and next_attempt_at < t.waiting_before{own}
               ) as waiting_missing
        from ledger_taken t
        cross join (
            select coalesce(sum(matched), 0)::bigint as matched,
                   coalesce(sum(replayed), 0)::bigint as replayed,
                   coalesce(sum(delivered), 0)::bigint as delivered,
                   coalesce(sum(waiting), 0)::bigint as waiting,
                   coalesce(sum(dead), 0)::bigint as dead,
                   coalesce(sum(cancelled), 0)::bigint as cancelled,
                   coalesce(sum(held), 0)::bigint as held
            from ledger_days where {sums}
        ) d"
    );
    let tenant = tenant.map(Id::uuid);
    let params: Vec<&(dyn ToSql + Sync)> = tenant.iter().map(|one| one as _).collect();
    let found = row(transaction, &read, &params).await?;
    // The migration takes it first.
    ledger(found.as_ref().ok_or(StoreError::NotFound)?)
}

fn ledger(row: &Row) -> Result<Ledger, StoreError> {
    let first: Option<OffsetDateTime> = get(row, "first_before")?;
    let waiting: Option<OffsetDateTime> = get(row, "waiting_before")?;
    Ok(Ledger {
        taken_at: get(row, "taken_at")?,
        balanced_at: get(row, "balanced_at")?,
        horizon: first
            .zip(waiting)
            .map(|(first, waiting)| Horizon { first, waiting }),
        counts: Counts {
            matched: get(row, "matched")?,
            replayed: get(row, "replayed")?,
            delivered: get(row, "delivered")?,
            waiting: get(row, "waiting")?,
            dead: get(row, "dead")?,
            cancelled: get(row, "cancelled")?,
            held: get(row, "held")?,
        },
        missing: Missing {
            first: get(row, "first_missing")?,
            waiting: get(row, "waiting_missing")?,
        },
        fanout_messages: get(row, "fanout_messages")?,
    })
}
