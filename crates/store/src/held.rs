//! Releasing what was held while an endpoint was paused or disabled.

use std::future::Future;
use std::num::NonZeroU16;
use std::time::Duration;

use deadpool_postgres::Transaction;
use domain::delivery::{Due, Held};
use domain::id::DeliveryId;
use time::OffsetDateTime;
use tokio_postgres::Row;

use crate::deliveries::{delivery_named, number};
use crate::error::StoreError;
use crate::events::{StoredEvent, stored_event};
use crate::pool::Store;
use crate::sql::{execute, get, row, rows, uuids};

/// How long a batch may take from being read to being marked, its publishing included.
const RELEASE_LIMIT: Duration = Duration::from_secs(45);

/// How much time that nothing was released in counts: a batch is at most what this long allows.
const LONGEST_CREDIT: time::Duration = time::Duration::SECOND;

/// A delivery that may go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The attempt to make.
    pub due: Due,
    /// Its event.
    pub event: StoredEvent,
}

impl Store {
    /// Releases held deliveries whose endpoints are enabled again, as many as `rate` a second
    /// allows at `now`, and at most a second's worth; gives how many. Endpoints take turns, and of
    /// each the longest held goes first.
    ///
    /// `publish` sends them on and gives those that the broker has confirmed; these are marked
    /// waiting then, the others stay held. Several processes may ask at once, and share the rate:
    /// while one releases the others get nothing. A kill in between publishes some twice, under
    /// the same ids.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is, or all of it takes more than 45 s:
    /// nothing is marked then.
    pub async fn release_held<F, P>(
        &self,
        rate: NonZeroU16,
        now: OffsetDateTime,
        publish: F,
    ) -> Result<usize, StoreError>
    where
        F: FnOnce(Vec<Release>) -> P,
        P: Future<Output = Vec<DeliveryId>>,
    {
        // The rank stays that of the hold: a late copy of its report must not hold it again, and
        // one of a later hold must, by its instant.
        const MARK: &str = "-- held_mark_released
            update deliveries
            set state = 'waiting', next_attempt_at = $3, updated_at = greatest(updated_at, $3)
            where id = any($1) and day = any($2) and state = 'held'";
        let work = async {
            let mut client = self.client().await?;
            let transaction = client.transaction().await?;
            let Some(turn) = Turn::take(&transaction, rate, now).await? else {
                return Ok(0);
            };
            let batch = oldest(&transaction, turn.allowance).await?;
            if batch.is_empty() {
                // A transaction that is dropped ends a moment later, and keeps the turn so long.
                transaction.rollback().await?;
                return Ok(0);
            }
            let days: Vec<_> = batch.iter().map(|one| one.event.day()).collect();
            let published = publish(batch).await;
            execute(
                &transaction,
                MARK,
                &[&uuids(published.iter().copied()), &days, &now],
            )
            .await?;
            turn.pay(&transaction, published.len()).await?;
            transaction.commit().await?;
            Ok(published.len())
        };
        tokio::time::timeout(RELEASE_LIMIT, work)
            .await
            .map_err(StoreError::elapsed)?
    }

    /// Cancels held deliveries whose endpoint was deleted, at most `limit` of them; gives how
    /// many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn cancel_held(&self, limit: u16) -> Result<u64, StoreError> {
        // The rank of a cancelled delivery is one above that of a held one of the same attempt.
        const CANCEL: &str = "-- held_cancel
            with recursive holding as (
                (select endpoint_id from deliveries where state = 'held'
                 order by endpoint_id limit 1)
                union all
                select (select d.endpoint_id from deliveries d
                        where d.state = 'held' and d.endpoint_id > h.endpoint_id
                        order by d.endpoint_id limit 1)
                from holding h where h.endpoint_id is not null
            ), orphans as materialized (
                select d.id, d.day
                from holding h
                join endpoints p on p.id = h.endpoint_id
                join deliveries d on d.endpoint_id = p.id
                where p.deleted_at is not null and d.state = 'held'
                limit $1
                for update of d skip locked
            )
            update deliveries d
            set state = 'cancelled', rank = d.rank + 1, updated_at = now()
            from orphans o where d.id = o.id and d.day = o.day";
        self.bounded(async {
            let client = self.client().await?;
            execute(&client, CANCEL, &[&i64::from(limit)]).await
        })
        .await
    }
}

/// The turn to release, held until the transaction ends.
struct Turn {
    rate: NonZeroU16,
    /// How many may be released.
    allowance: u16,
    /// From when what is released is paid for.
    paid_until: OffsetDateTime,
}

impl Turn {
    /// Takes the turn; none while another has it.
    async fn take(
        transaction: &Transaction<'_>,
        rate: NonZeroU16,
        now: OffsetDateTime,
    ) -> Result<Option<Self>, StoreError> {
        const TAKE: &str = "-- held_release_take
            select paid_until from held_release for update skip locked";
        let Some(row) = row(transaction, TAKE, &[]).await? else {
            return Ok(None);
        };
        let paid_until: OffsetDateTime = get(&row, "paid_until")?;
        let paid_until = paid_until.max(now - LONGEST_CREDIT);
        Ok(Some(Self {
            rate,
            allowance: allowance(now - paid_until, rate),
            paid_until,
        }))
    }

    /// Pays for what was released.
    async fn pay(&self, transaction: &Transaction<'_>, released: usize) -> Result<(), StoreError> {
        const PAY: &str = "-- held_release_pay
            update held_release set paid_until = $1";
        let each = time::Duration::SECOND / u32::from(self.rate.get());
        let released = i32::try_from(released).unwrap_or(i32::MAX);
        execute(transaction, PAY, &[&(self.paid_until + each * released)]).await?;
        Ok(())
    }
}

/// How many a second's rate allows in so much time, rounded: what that is too many delays the next.
fn allowance(credit: time::Duration, rate: NonZeroU16) -> u16 {
    let credit_us = u64::try_from(credit.whole_microseconds()).unwrap_or(0);
    let allowed = (credit_us * u64::from(rate.get()) + 500_000) / 1_000_000;
    u16::try_from(allowed).unwrap_or(u16::MAX)
}

/// The longest held of each endpoint that is enabled, by turns.
async fn oldest(transaction: &Transaction<'_>, limit: u16) -> Result<Vec<Release>, StoreError> {
    // Which endpoints have anything held is found by one step of the index for each, so that a
    // million that wait for a paused one cost no more than one.
    const OLDEST: &str = "-- held_oldest
        with recursive holding as (
            (select endpoint_id from deliveries where state = 'held' order by endpoint_id limit 1)
            union all
            select (select d.endpoint_id from deliveries d
                    where d.state = 'held' and d.endpoint_id > h.endpoint_id
                    order by d.endpoint_id limit 1)
            from holding h where h.endpoint_id is not null
        ), oldest as materialized (
            select o.id, o.day, o.turn
            from holding h
            join endpoints p on p.id = h.endpoint_id
            cross join lateral (
                select d.id, d.day, row_number() over (order by d.updated_at) as turn
                from deliveries d
                where d.endpoint_id = p.id and d.state = 'held'
                order by d.updated_at limit $1
            ) o
            where p.state = 'enabled' and p.deleted_at is null
            order by o.turn limit $1
        ), taken as materialized (
            select d.day, d.id, d.event_id, d.endpoint_id, d.trigger, d.replay_of, d.attempt, o.turn
            from oldest o join deliveries d on d.id = o.id and d.day = o.day
            where d.state = 'held'
            for update of d skip locked
        )
        select t.id as delivery_id, t.endpoint_id, t.trigger, t.replay_of, t.attempt,
               e.id, e.tenant_id, e.event_type, e.occurred_at, e.accepted_at, e.channels,
               e.endpoints, octet_length(e.data) as data_bytes, e.data, e.traceparent,
               e.tracestate
        from taken t join events e on e.id = t.event_id and e.day = t.day
        order by t.turn";
    let found = rows(transaction, OLDEST, &[&i64::from(limit)]).await?;
    found.iter().map(release).collect()
}

fn release(row: &Row) -> Result<Release, StoreError> {
    let held = Held {
        delivery: delivery_named(row, "delivery_id")?,
        attempt: number(get(row, "attempt")?)?,
    };
    Ok(Release {
        due: held.release(),
        event: stored_event(row)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(rate: u16) -> NonZeroU16 {
        NonZeroU16::new(rate).unwrap()
    }

    #[test]
    fn a_second_allows_the_rate() {
        assert_eq!(allowance(time::Duration::SECOND, rate(500)), 500);
        assert_eq!(allowance(time::Duration::milliseconds(250), rate(500)), 125);
        assert_eq!(allowance(time::Duration::ZERO, rate(500)), 0);
        assert_eq!(allowance(-time::Duration::SECOND, rate(500)), 0);
    }

    proptest! {
        #[test]
        fn however_it_is_asked_for_the_rate_holds(
            rate in 1u16..2_000,
            gaps in proptest::collection::vec(0i64..3_000, 1..60),
        ) {
            let rate = NonZeroU16::new(rate).unwrap();
            let begun = OffsetDateTime::UNIX_EPOCH;
            let each = time::Duration::SECOND / u32::from(rate.get());
            let (mut now, mut paid_until, mut released) = (begun, begun, 0u64);
            for gap in gaps {
                now += time::Duration::milliseconds(gap);
                paid_until = paid_until.max(now - LONGEST_CREDIT);
                let allowed = allowance(now - paid_until, rate);
                prop_assert!(allowed <= rate.get());
                paid_until += each * i32::from(allowed);
                released += u64::from(allowed);
            }
            let passed_ms = u64::try_from((now - begun).whole_milliseconds()).unwrap();
            let bound = passed_ms * u64::from(rate.get()) / 1_000 + 1;
            prop_assert!(released <= bound, "{released} in {passed_ms} ms");
        }
    }
}
