//! Partitions by day, made ahead and dropped by retention.
//!
//! Several processes may do so at once: an advisory lock lets one work while the others wait, and
//! what is there already is left alone.

use time::{Date, Duration, Month, OffsetDateTime};

use crate::error::StoreError;
use crate::pool::Store;
use crate::{ledger, sql};

/// The tables that are partitioned by the day of the event's acceptance.
const TABLES: [&str; 3] = ["events", "deliveries", "attempts"];

/// How many days ahead partitions are made: an upkeep that fails for a weekend is no outage.
pub const DAYS_AHEAD: u16 = 3;

/// How many days are kept, where nothing else is configured. Never fewer than the longest retry
/// policy takes.
pub const RETENTION_DAYS: u16 = 30;

/// The most days that one call makes partitions for.
const DAYS_AT_ONCE: usize = 400;

/// How many idempotency keys are forgotten in one transaction.
const KEYS_AT_ONCE: i64 = 10_000;

/// Held while a process makes or drops partitions.
const LOCK: &str = "-- partitions_lock
    select pg_advisory_xact_lock(123145300)";

/// Yesterday, since a clock may be behind and an event may be on its way at midnight, today and
/// the days ahead.
#[must_use]
pub fn around(today: Date, days_ahead: u16) -> Vec<Date> {
    (-1..=i64::from(days_ahead))
        .filter_map(|days| today.checked_add(Duration::days(days)))
        .collect()
}

impl Store {
    /// Makes the partitions from the day before `today` to `days_ahead` days after it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is, or a table is locked too long.
    pub async fn ensure_partitions(&self, today: Date, days_ahead: u16) -> Result<(), StoreError> {
        self.ensure_partitions_for(&around(today, days_ahead)).await
    }

    /// Makes the partitions of these days: what to do on [`StoreError::MissingPartition`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is, or a table is locked too long;
    /// [`StoreError::Conflict`] for more than 400 days.
    pub async fn ensure_partitions_for(&self, days: &[Date]) -> Result<(), StoreError> {
        if days.len() > DAYS_AT_ONCE {
            return Err(StoreError::Conflict);
        }
        self.bounded(async {
            let mut client = self.client().await?;
            let transaction = client.transaction().await?;
            create(&transaction, days).await?;
            Ok(transaction.commit().await?)
        })
        .await
    }

    /// Drops the partitions of the days before `day` and with them their events, deliveries and
    /// attempts, and what the ledger has of them; gives the days dropped. One day a transaction, so that locks are short.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is, or a table is locked too long; the days
    /// dropped before stay dropped.
    pub async fn drop_partitions_before(&self, day: Date) -> Result<Vec<Date>, StoreError> {
        let old: Vec<Date> = self.partitions().await?;
        let old: Vec<Date> = old.into_iter().filter(|one| *one < day).collect();
        for day in &old {
            self.drop_day(*day).await?;
        }
        Ok(old)
    }

    /// The days that have a partition, in order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn partitions(&self) -> Result<Vec<Date>, StoreError> {
        const LIST: &str = "-- partitions_list
            select c.relname::text as name
            from pg_inherits i join pg_class c on c.oid = i.inhrelid
            where i.inhparent in ('events'::regclass, 'deliveries'::regclass, 'attempts'::regclass)";
        self.bounded(async {
            let client = self.client().await?;
            let rows = sql::rows(&client, LIST, &[]).await?;
            let mut days = Vec::new();
            for row in &rows {
                days.extend(day_of(sql::get(row, "name")?));
            }
            days.sort_unstable();
            days.dedup();
            Ok(days)
        })
        .await
    }

    /// Forgets the idempotency keys whose window has passed at `now`; gives how many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn forget_idempotency_keys(&self, now: OffsetDateTime) -> Result<u64, StoreError> {
        const FORGET: &str = "-- idempotency_keys_forget
            delete from idempotency_keys where event_id in (
                select event_id from idempotency_keys where expires_at < $1
                order by expires_at limit $2 for update skip locked
            )";
        let mut total = 0;
        loop {
            let forgotten = self
                .bounded(async {
                    let client = self.client().await?;
                    sql::execute(&client, FORGET, &[&now, &KEYS_AT_ONCE]).await
                })
                .await?;
            total += forgotten;
            if forgotten < KEYS_AT_ONCE.unsigned_abs() {
                return Ok(total);
            }
        }
    }

    async fn drop_day(&self, day: Date) -> Result<(), StoreError> {
        // Dropping waits for every reader, and everybody else waits behind it: not for long.
        const PATIENCE: &str = "-- partition_drop_patience
            set local lock_timeout = '2s'";
        const FORGET: &str = "-- ledger_forget_day
            with days as (delete from ledger_days where day = $1),
                 minutes as (delete from ledger_minutes where minute >= $1::date
                             and minute < $1::date + 1)
            delete from ledger_moves where day = $1";
        self.bounded(async {
            let mut client = self.client().await?;
            let transaction = client.transaction().await?;
            transaction.batch_execute(LOCK).await?;
            transaction.batch_execute(PATIENCE).await?;
            transaction.batch_execute(ledger::LOCK).await?;
            for table in TABLES {
                let name = name_of(table, day);
                let drop = format!("-- partition_drop\ndrop table if exists {name}");
                transaction.batch_execute(&drop).await?;
            }
            sql::execute(&transaction, FORGET, &[&day]).await?;
            Ok(transaction.commit().await?)
        })
        .await
    }
}

/// Makes what is missing. A table is made beside its parent and attached then: that takes a lock
/// which inserts don't wait for, as `create table … partition of` would.
pub(crate) async fn create(
    transaction: &tokio_postgres::Transaction<'_>,
    days: &[Date],
) -> Result<(), StoreError> {
    const EXISTS: &str = "-- partition_exists
        select to_regclass($1) is not null";
    transaction.batch_execute(LOCK).await?;
    for day in days {
        let Some(next) = day.next_day() else { continue };
        for table in TABLES {
            let name = name_of(table, *day);
            let found = transaction.query_one(EXISTS, &[&name]).await?;
            if found.try_get::<_, bool>(0)? {
                continue;
            }
            let make = format!(
                "-- partition_create\n\
                 create table {name} (like {table} including all);\n\
                 alter table {table} attach partition {name} \
                 for values from ('{day}') to ('{next}')"
            );
            transaction.batch_execute(&make).await?;
        }
    }
    Ok(())
}

/// The name of a day's partition.
fn name_of(table: &str, day: Date) -> String {
    let (year, month, day) = (day.year(), u8::from(day.month()), day.day());
    format!("{table}_{year:04}{month:02}{day:02}")
}

/// The day in a partition's name; none when we didn't make it.
fn day_of(name: &str) -> Option<Date> {
    let (_, digits) = name.rsplit_once('_')?;
    let number = |range: std::ops::Range<usize>| digits.get(range)?.parse::<u16>().ok();
    let month = Month::try_from(u8::try_from(number(4..6)?).ok()?).ok()?;
    let day = u8::try_from(number(6..8)?).ok()?;
    Date::from_calendar_date(i32::from(number(0..4)?), month, day).ok()
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn a_name_tells_its_day() {
        let day = date!(2026 - 02 - 03);
        assert_eq!(name_of("events", day), "events_20260203");
        assert_eq!(day_of("events_20260203"), Some(day));
        assert_eq!(day_of("events_default"), None);
        assert_eq!(day_of("events_20261303"), None);
    }

    #[test]
    fn the_days_around_include_yesterday() {
        let days = around(date!(2026 - 01 - 01), 1);
        assert_eq!(
            days,
            [
                date!(2025 - 12 - 31),
                date!(2026 - 01 - 01),
                date!(2026 - 01 - 02)
            ]
        );
    }
}
