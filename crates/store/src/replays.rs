//! Replays of many deliveries: jobs that any console can go on with.
//!
//! A job moves by steps. A step selects some deliveries behind the job's cursor ([`select`]); one
//! transaction writes their rows, moves the cursor and notes them as in hand ([`step`]); then they
//! are published, and the next step's transaction counts them. Whoever takes over a job whose
//! console was killed publishes what was in hand, under the same ids.

use domain::delivery::State as DeliveryState;
use domain::id::{ReplayId, TenantId};
use domain::limits;
use domain::operational::Operational;
use domain::replay::{Rate, Selector, State, Switch};
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::audit::{self, Deed};
use crate::error::StoreError;
use crate::fence::fence;
use crate::operational::{self, Telling};
use crate::page::{Cursor, Page, PageRequest};
use crate::pool::Store;
use crate::sql::{named, row, rows};

pub mod select;
pub mod step;
pub mod work;

mod row;

use row::{Columns, column, counted, replay};

/// A replay to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReplay {
    /// Its id.
    pub id: ReplayId,
    /// Whose deliveries.
    pub tenant: TenantId,
    /// Which of them.
    pub selector: Selector,
    /// From this instant on.
    pub since: OffsetDateTime,
    /// Until before this one.
    pub until: OffsetDateTime,
    /// How fast.
    pub rate: Rate,
    /// How many there are, where they could be counted in time.
    pub expected: Option<u64>,
}

/// A replay as the record has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// As it was made, with its present rate.
    pub made: NewReplay,
    /// How it goes.
    pub state: State,
    /// Deliveries that were made so far.
    pub selected: u64,
    /// Those of them that the broker has confirmed.
    pub published: u64,
    /// Selected, and no longer on record when their turn came.
    pub skipped: u64,
    /// Where the selection goes on.
    pub cursor: Cursor,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When anything about it changed last.
    pub updated_at: OffsetDateTime,
    /// When it ended.
    pub finished_at: Option<OffsetDateTime>,
}

/// What became of a replay's deliveries so far, as the record has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Their receivers have them.
    pub delivered: u64,
    /// Given up again.
    pub dead: u64,
    /// On their way.
    pub waiting: u64,
    /// Their endpoints are paused or disabled.
    pub held: u64,
    /// Their endpoints were deleted.
    pub cancelled: u64,
}

impl Store {
    /// Makes a replay, and notes who did.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the tenant has [`limits::REPLAYS_OPEN`] of them open.
    pub async fn create_replay(&self, new: &NewReplay, by: &Deed) -> Result<Replay, StoreError> {
        const CREATE: &str = "-- replay_create
            insert into replays (id, tenant_id, selector, deliveries, endpoint_id, reason,
                                 event_type, since, until, rate, expected, cursor_at, cursor_id)
            select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $8, $12
            where (select count(*) from replays
                   where tenant_id = $2 and state in ('running', 'paused')) < $13
            returning id, tenant_id, selector, deliveries, endpoint_id, reason, event_type, since,
                      until, rate, state, expected, selected, published, skipped, cursor_at,
                      cursor_id, created_at, updated_at, finished_at";
        let columns = Columns::of(&new.selector);
        let expected = new.expected.map(column);
        self.bounded(async {
            let mut client = self.client().await?;
            let transaction = client.transaction().await?;
            let made = row(
                &transaction,
                CREATE,
                &[
                    &new.id.uuid(),
                    &new.tenant.uuid(),
                    &columns.selector,
                    &columns.deliveries,
                    &columns.endpoint,
                    &columns.reason,
                    &columns.event_type,
                    &new.since,
                    &new.until,
                    &i32::from(new.rate.per_second()),
                    &expected,
                    &Uuid::nil(),
                    &i64::from(limits::REPLAYS_OPEN),
                ],
            )
            .await?;
            let made = replay(&made.ok_or(StoreError::Conflict)?)?;
            audit::write(&transaction, by).await?;
            transaction.commit().await?;
            Ok(made)
        })
        .await
    }

    /// A tenant's replays, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn replays(
        &self,
        tenant: TenantId,
        page: PageRequest,
    ) -> Result<Page<Replay>, StoreError> {
        const LIST: &str = "-- replays_list
            select id, tenant_id, selector, deliveries, endpoint_id, reason, event_type, since,
                   until, rate, state, expected, selected, published, skipped, cursor_at,
                   cursor_id, created_at, updated_at, finished_at
            from replays where tenant_id = $1 and (created_at, id) < ($2, $3)
            order by created_at desc, id desc limit $4";
        self.bounded(async {
            let mut client = self.client().await?;
            let fenced = fence(&mut client, tenant).await?;
            let (tenant, after) = (tenant.uuid(), page.below());
            let found = rows(
                &fenced,
                LIST,
                &[&tenant, &after.at, &after.id, &page.limit()],
            )
            .await?;
            let found: Result<_, _> = found.iter().map(replay).collect();
            Ok(Page::new(found?, page, |one| Cursor {
                at: one.created_at,
                id: one.made.id.uuid(),
            }))
        })
        .await
    }

    /// A tenant's replay.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has none of this id.
    pub async fn replay(&self, tenant: TenantId, named: ReplayId) -> Result<Replay, StoreError> {
        const GET: &str = "-- replay_get
            select id, tenant_id, selector, deliveries, endpoint_id, reason, event_type, since,
                   until, rate, state, expected, selected, published, skipped, cursor_at,
                   cursor_id, created_at, updated_at, finished_at
            from replays where id = $1 and tenant_id = $2";
        self.bounded(async {
            let mut client = self.client().await?;
            let fenced = fence(&mut client, tenant).await?;
            let found = row(&fenced, GET, &[&named.uuid(), &tenant.uuid()]).await?;
            replay(&found.ok_or(StoreError::NotFound)?)
        })
        .await
    }

    /// What became of a replay's deliveries. It counts them, by an index that has these alone.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn replay_outcomes(&self, replay: ReplayId) -> Result<Outcomes, StoreError> {
        const COUNT: &str = "-- replay_outcomes
            select state, count(*) as count from deliveries where replay_id = $1 group by state";
        self.bounded(async {
            let client = self.client().await?;
            let mut outcomes = Outcomes::default();
            for row in &rows(&client, COUNT, &[&replay.uuid()]).await? {
                let count = match named(row, "state", DeliveryState::from_name)? {
                    DeliveryState::Delivered => &mut outcomes.delivered,
                    DeliveryState::Dead => &mut outcomes.dead,
                    DeliveryState::Waiting => &mut outcomes.waiting,
                    DeliveryState::Held => &mut outcomes.held,
                    DeliveryState::Cancelled => &mut outcomes.cancelled,
                };
                *count = counted(row, "count")?;
            }
            Ok(outcomes)
        })
        .await
    }

    /// Pauses, resumes or cancels a tenant's replay, and notes who did.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has none of this id; [`StoreError::Conflict`] when
    /// it has ended.
    pub async fn switch_replay(
        &self,
        tenant: TenantId,
        named_id: ReplayId,
        switch: Switch,
        by: &Deed,
    ) -> Result<Replay, StoreError> {
        const LOOK: &str = "-- replay_switch_look
            select state from replays where id = $1 and tenant_id = $2 for update";
        const SWITCH: &str = "-- replay_switch
            update replays
            set state = $2, updated_at = now(),
                finished_at = case when $2 = 'cancelled' then coalesce(finished_at, now()) end
            where id = $1
            returning id, tenant_id, selector, deliveries, endpoint_id, reason, event_type, since,
                      until, rate, state, expected, selected, published, skipped, cursor_at,
                      cursor_id, created_at, updated_at, finished_at";
        self.bounded(async {
            let mut client = self.client().await?;
            let transaction = client.transaction().await?;
            let seen = row(&transaction, LOOK, &[&named_id.uuid(), &tenant.uuid()]).await?;
            let seen: State = named(
                &seen.ok_or(StoreError::NotFound)?,
                "state",
                State::from_name,
            )?;
            let next = seen.after(switch).ok_or(StoreError::Conflict)?;
            let switched = row(&transaction, SWITCH, &[&named_id.uuid(), &next.as_str()]).await?;
            let switched = replay(&switched.ok_or(StoreError::NotFound)?)?;
            if next == State::Cancelled {
                operational::tell(&transaction, vec![told_ended(&switched)]).await?;
            }
            audit::write(&transaction, by).await?;
            transaction.commit().await?;
            Ok(switched)
        })
        .await
    }

    /// Changes the rate of a tenant's replay, and notes who did. It counts from the next step.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has none of this id; [`StoreError::Conflict`] when
    /// it has ended.
    pub async fn change_replay_rate(
        &self,
        tenant: TenantId,
        named_id: ReplayId,
        rate: Rate,
        by: &Deed,
    ) -> Result<Replay, StoreError> {
        const CHANGE: &str = "-- replay_change_rate
            update replays set rate = $3, updated_at = now()
            where id = $1 and tenant_id = $2 and state in ('running', 'paused')
            returning id, tenant_id, selector, deliveries, endpoint_id, reason, event_type, since,
                      until, rate, state, expected, selected, published, skipped, cursor_at,
                      cursor_id, created_at, updated_at, finished_at";
        let changed = self
            .bounded(async {
                let mut client = self.client().await?;
                let transaction = client.transaction().await?;
                let rate = i32::from(rate.per_second());
                let (replay_id, tenant) = (named_id.uuid(), tenant.uuid());
                let changed = row(&transaction, CHANGE, &[&replay_id, &tenant, &rate]).await?;
                audit::write(&transaction, by).await?;
                match changed {
                    Some(changed) => {
                        transaction.commit().await?;
                        replay(&changed).map(Some)
                    }
                    None => Ok(None),
                }
            })
            .await?;
        match changed {
            Some(changed) => Ok(changed),
            None => {
                self.replay(tenant, named_id).await?;
                Err(StoreError::Conflict)
            }
        }
    }
}

/// What the platform is told of a replay that has ended.
fn told_ended(replay: &Replay) -> Telling {
    Telling {
        kind: Operational::ReplayFinished,
        key: replay.made.id.to_string(),
        tenant: replay.made.tenant,
        endpoint: None,
        members: operational::members([
            ("replay", json!(replay.made.id)),
            ("outcome", json!(replay.state.as_str())),
            ("replayed", json!(replay.selected)),
        ]),
        at: replay.finished_at.unwrap_or(replay.updated_at),
    }
}
