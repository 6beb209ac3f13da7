//! How circuit breakers stand, as the dispatchers said last.

use std::collections::{BTreeMap, HashMap};

use domain::breaker::{self, BreakerNotice, BreakerStanding, BreakerState};
use domain::id::EndpointId;
use time::OffsetDateTime;
use tokio_postgres::Row;

use crate::error::StoreError;
use crate::pool::Store;
use crate::sql::{execute, get, id, rows, uuids};

impl Store {
    /// Records what dispatchers say of breakers. Of two notices of one breaker the later one
    /// stands, in whatever order they come.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is: nothing is recorded then.
    pub async fn record_breakers(&self, notices: &[BreakerNotice]) -> Result<(), StoreError> {
        const UPSERT: &str = "-- breakers_upsert
            insert into breakers as b (endpoint_id, dispatcher_id, state, since, retry_at)
            select u.endpoint_id, u.dispatcher_id, u.state, u.since, u.retry_at
            from unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::timestamptz[])
                as u (endpoint_id, dispatcher_id, state, since, retry_at)
            on conflict (endpoint_id, dispatcher_id) do update
            set state = excluded.state, since = excluded.since, retry_at = excluded.retry_at
            where excluded.since >= b.since";
        let latest = latest(notices);
        let column = |name: fn(&BreakerNotice) -> uuid::Uuid| -> Vec<_> {
            latest.iter().map(|notice| name(notice)).collect()
        };
        let endpoints = column(|notice| notice.endpoint.uuid());
        let dispatchers = column(|notice| notice.dispatcher.uuid());
        let standings = || latest.iter().map(|notice| notice.standing);
        let states: Vec<_> = standings().map(|one| one.state.as_str()).collect();
        let since: Vec<_> = standings().map(|one| one.since).collect();
        let retry_at: Vec<_> = standings().map(|one| one.state.retry_at()).collect();
        self.bounded(async {
            let client = self.client().await?;
            execute(
                &client,
                UPSERT,
                &[&endpoints, &dispatchers, &states, &since, &retry_at],
            )
            .await?;
            Ok(())
        })
        .await
    }

    /// How the breakers of these endpoints stand, all dispatchers taken together as
    /// [`breaker::together`] says. Those that nobody has said anything of are left out.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn breakers(
        &self,
        endpoints: &[EndpointId],
        now: OffsetDateTime,
    ) -> Result<HashMap<EndpointId, BreakerStanding>, StoreError> {
        const LIST: &str = "-- breakers_of_endpoints
            select endpoint_id, state, since, retry_at from breakers
            where endpoint_id = any($1)";
        let endpoints = uuids(endpoints.iter().copied());
        let rows = self
            .bounded(async {
                let client = self.client().await?;
                rows(&client, LIST, &[&endpoints]).await
            })
            .await?;
        let mut said: HashMap<EndpointId, Vec<BreakerStanding>> = HashMap::new();
        for row in &rows {
            let of = said.entry(id(row, "endpoint_id")?).or_default();
            of.push(standing(row)?);
        }
        let together =
            |(endpoint, said): (_, Vec<_>)| Some((endpoint, breaker::together(said, now)?));
        Ok(said.into_iter().filter_map(together).collect())
    }

    /// Forgets how breakers stood that nobody has spoken of since `before`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn forget_breakers(&self, before: OffsetDateTime) -> Result<u64, StoreError> {
        const FORGET: &str = "-- breakers_forget
            delete from breakers where since < $1";
        self.bounded(async {
            let client = self.client().await?;
            execute(&client, FORGET, &[&before]).await
        })
        .await
    }
}

/// The latest notice of each breaker, in the order of their keys: an upsert can't touch a row
/// twice, and batches that lock rows in one order can't deadlock.
fn latest(notices: &[BreakerNotice]) -> Vec<&BreakerNotice> {
    let mut latest: BTreeMap<_, &BreakerNotice> = BTreeMap::new();
    for notice in notices {
        let key = (notice.endpoint, notice.dispatcher);
        let kept = latest.entry(key).or_insert(notice);
        if notice.standing.since >= kept.standing.since {
            *kept = notice;
        }
    }
    latest.into_values().collect()
}

fn standing(row: &Row) -> Result<BreakerStanding, StoreError> {
    let retry_at: Option<OffsetDateTime> = get(row, "retry_at")?;
    let state = match (get::<&str>(row, "state")?, retry_at) {
        ("closed", None) => BreakerState::Closed,
        ("half_open", None) => BreakerState::HalfOpen,
        ("open", Some(retry_at)) => BreakerState::Open { retry_at },
        _ => return Err(StoreError::unreadable("state")),
    };
    Ok(BreakerStanding {
        state,
        since: get(row, "since")?,
    })
}
