//! How much waits at the broker, as it was asked last.

use std::time::Duration;

use time::OffsetDateTime;
use tokio_postgres::Row;

use crate::error::StoreError;
use crate::pool::Store;
use crate::sql::{execute, get, rows};

/// The most rows that are kept: the kinds of queues, and the tiers.
const MOST: i64 = 100;

/// What waits in the queues of a kind, or in a tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depth {
    /// The kind's name, or the tier's.
    pub name: String,
    /// How long messages wait there; none: it is no tier.
    pub delay: Option<Duration>,
    /// Messages, those in a consumer's hands apart.
    pub messages: u64,
    /// Who takes from there.
    pub consumers: u64,
}

/// What waits, and when that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// When the broker was last asked; none: never.
    pub at: Option<OffsetDateTime>,
    /// Each kind by name, then each tier, the shortest first.
    pub depths: Vec<Depth>,
}

impl Store {
    /// Notes what the broker says now, in the place of what it said before.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn note_depths(&self, depths: &[Depth]) -> Result<(), StoreError> {
        // In the order of names, as all who note them do, so that none waits for another's rows.
        const NOTE: &str = "-- queue_depths_note
            insert into queue_depths (name, delay_ms, messages, consumers, asked_at)
            select name, delay_ms, messages, consumers, now()
            from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[])
                as t (name, delay_ms, messages, consumers)
            order by name
            on conflict (name) do update set
                delay_ms = excluded.delay_ms, messages = excluded.messages,
                consumers = excluded.consumers, asked_at = excluded.asked_at";
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let delay = |delay: Duration| i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
        let names: Vec<&str> = depths.iter().map(|one| &*one.name).collect();
        let delays: Vec<Option<i64>> = depths.iter().map(|one| one.delay.map(delay)).collect();
        let messages: Vec<i64> = depths.iter().map(|one| count(one.messages)).collect();
        let consumers: Vec<i64> = depths.iter().map(|one| count(one.consumers)).collect();
        self.bounded(async {
            let client = self.client().await?;
            execute(&client, NOTE, &[&names, &delays, &messages, &consumers]).await?;
            Ok(())
        })
        .await
    }

    /// What the broker said last.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn depths(&self) -> Result<Asked, StoreError> {
        const LIST: &str = "-- queue_depths_list
            select name, delay_ms, messages, consumers, asked_at from queue_depths
            order by delay_ms nulls first, name limit $1";
        self.bounded(async {
            let client = self.client().await?;
            let found = rows(&client, LIST, &[&MOST]).await?;
            let at = found.iter().map(|row| get(row, "asked_at"));
            let at: Vec<OffsetDateTime> = at.collect::<Result<_, _>>()?;
            Ok(Asked {
                at: at.into_iter().max(),
                depths: found.iter().map(depth).collect::<Result<_, _>>()?,
            })
        })
        .await
    }
}

fn depth(row: &Row) -> Result<Depth, StoreError> {
    let delay: Option<i64> = get(row, "delay_ms")?;
    let (messages, consumers): (i64, i64) = (get(row, "messages")?, get(row, "consumers")?);
    Ok(Depth {
        name: get(row, "name")?,
        delay: delay.map(|delay| Duration::from_millis(delay.unsigned_abs())),
        messages: messages.unsigned_abs(),
        consumers: consumers.unsigned_abs(),
    })
}
