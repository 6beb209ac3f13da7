//! Working on replays: taken by a lease, given back, finished.

use std::time::Duration;

use deadpool_postgres::Transaction;
use domain::id::ReplayId;
use domain::replay::State;
use uuid::Uuid;

use super::row::replay;
use super::{Replay, told_ended};
use crate::error::StoreError;
use crate::operational;
use crate::pool::Store;
use crate::sql::{execute, row};

/// How long a replay is its taker's without a word from it: after this somebody else goes on.
pub const LEASE: Duration = Duration::from_secs(10);

/// One run of a process that works on replays; a process that is started again is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Worker(pub(super) Uuid);

impl Worker {
    /// A worker that nobody else is.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl Default for Worker {
    fn default() -> Self {
        Self::new()
    }
}

/// What is in the hand of a worker that gives its replay back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hand {
    /// All of it is published.
    Published,
    /// Whoever goes on has to publish it.
    Unknown,
}

impl Store {
    /// Takes a replay that is to be worked on and that nobody works on, the oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn take_replay(&self, worker: Worker) -> Result<Option<Replay>, StoreError> {
        const TAKE: &str = "-- replay_take
            with free as materialized (
                select id from replays
                where (state = 'running' or cardinality(in_hand) > 0)
                  and (leased_until is null or leased_until < now())
                order by created_at limit 1
                for update skip locked
            )
            update replays r
            set leased_by = $1, leased_until = now() + make_interval(secs => $2)
            from free where r.id = free.id
            returning r.id, tenant_id, selector, deliveries, endpoint_id, reason, event_type,
                      since, until, rate, state, expected, selected, published, skipped, cursor_at,
                      cursor_id, created_at, updated_at, finished_at";
        self.bounded(async {
            let client = self.client().await?;
            let taken = row(&client, TAKE, &[&worker.0, &LEASE.as_secs_f64()]).await?;
            taken.as_ref().map(replay).transpose()
        })
        .await
    }

    /// Keeps a replay for another [`LEASE`]; says whether it still is the worker's.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn keep_replay(&self, worker: Worker, replay: ReplayId) -> Result<bool, StoreError> {
        const KEEP: &str = "-- replay_keep
            update replays set leased_until = now() + make_interval(secs => $3)
            where id = $1 and leased_by = $2";
        self.bounded(async {
            let client = self.client().await?;
            let (replay, lease) = (replay.uuid(), LEASE.as_secs_f64());
            Ok(execute(&client, KEEP, &[&replay, &worker.0, &lease]).await? == 1)
        })
        .await
    }

    /// Gives a replay back, so that somebody else can go on at once.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn give_replay_back(
        &self,
        worker: Worker,
        replay: ReplayId,
        hand: Hand,
    ) -> Result<(), StoreError> {
        const GIVE_BACK: &str = "-- replay_give_back
            update replays set leased_by = null, leased_until = null
            where id = $1 and leased_by = $2";
        self.bounded(async {
            let mut client = self.client().await?;
            let transaction = client.transaction().await?;
            let given = execute(&transaction, GIVE_BACK, &[&replay.uuid(), &worker.0]).await?;
            if given > 0 && hand == Hand::Published {
                put_down(&transaction, replay).await?;
            }
            Ok(transaction.commit().await?)
        })
        .await
    }

    /// The selection is at its end and all of it is published: the replay is finished, unless
    /// somebody has cancelled or paused it, and is given back. Gives it as it is then; none when
    /// it was somebody else's.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn finish_replay(
        &self,
        worker: Worker,
        replay_id: ReplayId,
    ) -> Result<Option<Replay>, StoreError> {
        const FINISH: &str = "-- replay_finish
            update replays
            set published = published + cardinality(in_hand), in_hand = '{}', updated_at = now(),
                leased_by = null, leased_until = null,
                finished_at = case when state = 'running' then now() else finished_at end,
                state = case when state = 'running' then 'finished' else state end
            where id = $1 and leased_by = $2
            returning id, tenant_id, selector, deliveries, endpoint_id, reason, event_type, since,
                      until, rate, state, expected, selected, published, skipped, cursor_at,
                      cursor_id, created_at, updated_at, finished_at";
        self.bounded(async {
            let mut client = self.client().await?;
            let transaction = client.transaction().await?;
            let ended = row(&transaction, FINISH, &[&replay_id.uuid(), &worker.0]).await?;
            let ended = ended.as_ref().map(replay).transpose()?;
            if let Some(ended) = ended.iter().find(|ended| ended.state == State::Finished) {
                operational::tell(&transaction, vec![told_ended(ended)]).await?;
            }
            transaction.commit().await?;
            Ok(ended)
        })
        .await
    }
}

/// Counts what was in hand as published, and gives the replay back.
pub(super) async fn put_down(
    transaction: &Transaction<'_>,
    replay: ReplayId,
) -> Result<(), StoreError> {
    const PUT_DOWN: &str = "-- replay_put_down
        update replays
        set published = published + cardinality(in_hand), in_hand = '{}', updated_at = now(),
            leased_by = null, leased_until = null
        where id = $1";
    execute(transaction, PUT_DOWN, &[&replay.uuid()]).await?;
    Ok(())
}
