//! How far each lane's queue has come, as the dispatchers tell.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::loss::{Horizon, Passage, Watermark};
use time::OffsetDateTime;
use tokio_postgres::types::ToSql;

use crate::error::StoreError;
use crate::pool::Store;
use crate::sql::{execute, get, row, rows};

/// How long the longest lag of a queue is remembered: what was taken from a backlog has been
/// reported on by then.
const PEAK_REMEMBERED: Duration = Duration::from_secs(60 * 60);

/// The queues that deliveries come by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lanes {
    /// Those of first attempts.
    pub first: Vec<String>,
    /// Those of all else, and of what found no room in the first.
    pub later: Vec<String>,
}

impl Store {
    /// Records how far queues have been taken. Several dispatchers take from one queue, and the one
    /// that came furthest counts.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn record_watermarks(&self, watermarks: &[Watermark]) -> Result<(), StoreError> {
        const UPSERT: &str = "-- lane_passages_upsert
            insert into lane_passages as p (queue, passed_at, told_at, peak_lag_ms, peak_at)
            select u.queue, u.passed_at, u.told_at, u.lag_ms, now()
            from unnest($1::text[], $2::timestamptz[], $3::bigint[], $5::timestamptz[])
                 with ordinality as u (queue, passed_at, lag_ms, told_at, position)
            order by u.position
            on conflict (queue) do update set
                passed_at = greatest(p.passed_at, excluded.passed_at),
                told_at = greatest(p.told_at, excluded.told_at),
                peak_lag_ms = case
                    when p.peak_at < now() - make_interval(secs => $4) then excluded.peak_lag_ms
                    else greatest(p.peak_lag_ms, excluded.peak_lag_ms) end,
                peak_at = case
                    when excluded.peak_lag_ms >= p.peak_lag_ms
                         or p.peak_at < now() - make_interval(secs => $4) then excluded.peak_at
                    else p.peak_at end";
        if watermarks.is_empty() {
            return Ok(());
        }
        // In one order, so that two batches can't deadlock; an upsert can't touch a row twice.
        let mut by_queue: BTreeMap<&str, Watermark> = BTreeMap::new();
        for one in watermarks {
            let kept = by_queue.entry(&one.queue).or_insert_with(|| one.clone());
            kept.passed_at = kept.passed_at.max(one.passed_at);
            kept.lag = kept.lag.max(one.lag);
            kept.told_at = kept.told_at.max(one.told_at);
        }
        let queues: Vec<_> = by_queue.keys().copied().collect();
        let passed: Vec<_> = by_queue.values().map(|one| one.passed_at).collect();
        let lags: Vec<_> = by_queue
            .values()
            .map(|one| i64::try_from(one.lag.as_millis()).unwrap_or(i64::MAX))
            .collect();
        let told: Vec<_> = by_queue.values().map(|one| one.told_at).collect();
        let remembered = PEAK_REMEMBERED.as_secs_f64();
        self.bounded(async {
            let client = self.client().await?;
            let values: [&(dyn ToSql + Sync); 5] = [&queues, &passed, &lags, &remembered, &told];
            execute(&client, UPSERT, &values).await?;
            Ok(())
        })
        .await
    }

    /// Up to when all that dispatchers reported is recorded, as far as is known; none while they
    /// have told nothing. By their clocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn recorded_until(&self) -> Result<Option<OffsetDateTime>, StoreError> {
        const TOLD: &str = "-- lane_passages_told
            select max(told_at) as told_at from lane_passages";
        self.bounded(async {
            let client = self.client().await?;
            let found = row(&client, TOLD, &[]).await?;
            found.map_or(Ok(None), |row| get(&row, "told_at"))
        })
        .await
    }

    /// Up to when deliveries can be judged; none while a lane has not told how far it has come.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn horizon(
        &self,
        lanes: &Lanes,
        grace: Duration,
    ) -> Result<Option<Horizon>, StoreError> {
        let first = self.passages(&lanes.first).await?;
        let later = self.passages(&lanes.later).await?;
        let all_told = first.len() == lanes.first.len() && later.len() == lanes.later.len();
        let now = OffsetDateTime::now_utc();
        Ok(Horizon::of(&first, &later, now, grace).filter(|_| all_told))
    }

    /// What is known of these queues.
    async fn passages(&self, queues: &[String]) -> Result<Vec<Passage>, StoreError> {
        const GET: &str = "-- lane_passages_get
            select passed_at, peak_lag_ms from lane_passages where queue = any($1)";
        self.bounded(async {
            let client = self.client().await?;
            let found = rows(&client, GET, &[&queues]).await?;
            let passage = |row| {
                let peak_lag_ms: i64 = get(row, "peak_lag_ms")?;
                Ok(Passage {
                    passed_at: get(row, "passed_at")?,
                    peak_lag: Duration::from_millis(peak_lag_ms.unsigned_abs()),
                })
            };
            found.iter().map(passage).collect()
        })
        .await
    }
}
