//! Releasing what was held while an endpoint was paused or disabled.

use std::future::Future;
use std::time::Duration;

use domain::delivery::{Due, Held};
use domain::id::DeliveryId;
use time::OffsetDateTime;
use tokio_postgres::Row;

use crate::deliveries::{delivery_named, number};
use crate::error::StoreError;
use crate::events::{StoredEvent, stored_event};
use crate::pool::Store;
use crate::sql::{execute, get, rows, uuids};

/// How long a batch may take from being read to being marked, its publishing included.
const RELEASE_LIMIT: Duration = Duration::from_secs(45);

/// A delivery that may go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The attempt to make.
    pub due: Due,
    /// Its event.
    pub event: StoredEvent,
}

impl Store {
    /// Releases held deliveries whose endpoint is enabled again, at most `limit` of them, the
    /// longest held first; gives how many.
    ///
    /// `publish` sends them on and gives those that the broker has confirmed; these are marked
    /// waiting then, the others stay held. Several processes may do so at once: rows that one has
    /// in hand are passed over by the others. A kill in between publishes some twice, under the
    /// same ids.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is, or all of it takes more than 45 s:
    /// nothing is marked then.
    pub async fn release_held<F, P>(&self, limit: u16, publish: F) -> Result<usize, StoreError>
    where
        F: FnOnce(Vec<Release>) -> P,
        P: Future<Output = Vec<DeliveryId>>,
    {
        // The rank stays that of the hold: a late copy of its report must not hold it again, and
        // one of a later hold must, by its instant.
        const TAKE: &str = "-- held_take
            with taken as materialized (
                select d.day, d.id, d.event_id, d.endpoint_id, d.trigger, d.replay_of, d.attempt,
                       d.updated_at
                from deliveries d
                join endpoints p on p.id = d.endpoint_id
                join events e on e.id = d.event_id and e.day = d.day
                where d.state = 'held' and p.state = 'enabled' and p.deleted_at is null
                order by d.updated_at limit $1
                for update of d skip locked
            )
            select t.id as delivery_id, t.endpoint_id, t.trigger, t.replay_of, t.attempt,
                   e.id, e.tenant_id, e.event_type, e.occurred_at, e.accepted_at, e.channels,
                   e.endpoints, octet_length(e.data) as data_bytes, e.data, e.traceparent,
                   e.tracestate
            from taken t join events e on e.id = t.event_id and e.day = t.day
            order by t.updated_at";
        const MARK: &str = "-- held_mark_released
            update deliveries
            set state = 'waiting', next_attempt_at = $3, updated_at = greatest(updated_at, $3)
            where id = any($1) and day = any($2) and state = 'held'";
        let work = async {
            let mut client = self.client().await?;
            let transaction = client.transaction().await?;
            let found = rows(&transaction, TAKE, &[&i64::from(limit)]).await?;
            let batch: Vec<Release> = found.iter().map(release).collect::<Result<_, _>>()?;
            if batch.is_empty() {
                return Ok(0);
            }
            let days: Vec<_> = batch.iter().map(|one| one.event.day()).collect();
            let published = publish(batch).await;
            let now = OffsetDateTime::now_utc();
            execute(
                &transaction,
                MARK,
                &[&uuids(published.iter().copied()), &days, &now],
            )
            .await?;
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
            with orphans as (
                select d.id, d.day from deliveries d
                join endpoints p on p.id = d.endpoint_id
                where d.state = 'held' and p.deleted_at is not null
                order by d.updated_at limit $1
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
