//! The outbox of operational events: what Posthaste tells the platform of its own accord.
//!
//! An event is written in the transaction that made it true, so that neither is without the other;
//! the recorder publishes what lies here to fan-out, and from there it is an event like any other.
//! Its key names what happened, so that telling it again, or publishing it again, makes no second
//! event.
//!
//! **Invariant:** nothing is told about the platform's own endpoints: an endpoint for operational
//! events that fails must not make more of them. A URL is told by its host alone.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use deadpool_postgres::Transaction;
use domain::event::{Event, Identity};
use domain::id::{EndpointId, EventId, IngestId, TenantId};
use domain::operational::Operational;
use domain::trace::TraceContext;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio_postgres::Row;
use url::Url;
use uuid::Uuid;

use crate::error::StoreError;
use crate::pool::Store;
use crate::sql::{execute, get, id, parsed, rows, uuids};

/// How long what was published is kept: longer than the window in which fan-out knows its key, so
/// that a thing is told once although its report comes late.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long a batch may take from being read to being marked, its publishing included.
const PUBLISH_LIMIT: Duration = Duration::from_secs(45);

/// How many that were published are forgotten in one transaction.
const FORGOTTEN_AT_ONCE: i64 = 10_000;

/// Something to tell the platform.
#[derive(Debug, Clone)]
pub(crate) struct Telling {
    /// What kind of thing.
    pub(crate) kind: Operational,
    /// Names what happened among its kind, such as an endpoint and an instant.
    pub(crate) key: String,
    /// The tenant that it happened to.
    pub(crate) tenant: TenantId,
    /// The endpoint that it happened to, if it was one.
    pub(crate) endpoint: Option<EndpointId>,
    /// What there is to say beside tenant and endpoint: a JSON object without secrets or payload.
    pub(crate) members: Map<String, Value>,
    /// When it happened.
    pub(crate) at: OffsetDateTime,
}

/// The members of a telling.
pub(crate) fn members<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    let named = |(name, value): (&str, Value)| (name.to_owned(), value);
    members.into_iter().map(named).collect()
}

/// An instant as operational events tell it: RFC 3339, in UTC and to the microsecond.
pub(crate) fn instant(at: OffsetDateTime) -> Result<Value, StoreError> {
    let text = at.to_utc().format(&Rfc3339);
    text.map(Value::from)
        .map_err(|error| StoreError::Broken(Box::new(error)))
}

/// The same, null where there is none.
pub(crate) fn optional_instant(at: Option<OffsetDateTime>) -> Result<Value, StoreError> {
    at.map_or(Ok(Value::Null), instant)
}

/// Writes what is to be told; it is told if the transaction commits. What was told before under
/// the same key isn't told again. Gives how many are new.
pub(crate) async fn tell(
    transaction: &Transaction<'_>,
    tellings: Vec<Telling>,
) -> Result<u64, StoreError> {
    // In the order of the keys, so that two transactions that tell the same can't deadlock.
    const TELL: &str = "-- operational_events_write
        insert into operational_events (key, event_type, data, occurred_at)
        select u.key, u.event_type, u.data, u.occurred_at
        from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
             as u (key, event_type, data, occurred_at)
        order by u.key
        on conflict (key) do nothing";
    let about_tenants = |one: &Telling| one.tenant != TenantId::PLATFORM;
    let tellings: Vec<_> = tellings.into_iter().filter(about_tenants).collect();
    if tellings.is_empty() {
        return Ok(0);
    }
    let tenants = external_ids(transaction, &tellings).await?;
    let hosts = hosts(transaction, &tellings).await?;
    let (mut keys, mut types, mut data, mut at) = (vec![], vec![], vec![], vec![]);
    for one in tellings {
        keys.push(format!("{}/{}", one.kind.as_str(), one.key));
        types.push(one.kind.as_str());
        at.push(one.at);
        let mut told = Map::new();
        let external_id = tenants.get(&one.tenant);
        told.insert(
            "tenant".to_owned(),
            json!({"id": one.tenant, "external_id": external_id}),
        );
        if let Some(endpoint) = one.endpoint {
            let host = hosts.get(&endpoint);
            told.insert("endpoint".to_owned(), json!({"id": endpoint, "host": host}));
        }
        told.extend(one.members);
        data.push(Value::Object(told).to_string());
    }
    execute(transaction, TELL, &[&keys, &types, &data, &at]).await
}

/// The platform's own keys for the tenants that have one.
async fn external_ids(
    transaction: &Transaction<'_>,
    tellings: &[Telling],
) -> Result<HashMap<TenantId, String>, StoreError> {
    const NAMES: &str = "-- operational_events_tenants
        select id, external_id from tenants where id = any($1) and external_id is not null";
    let tenants: BTreeSet<_> = tellings.iter().map(|one| one.tenant).collect();
    let tenants = uuids(tenants);
    let found = rows(transaction, NAMES, &[&tenants]).await?;
    let pair = |row: &Row| Ok((id(row, "id")?, get(row, "external_id")?));
    found.iter().map(pair).collect()
}

/// The hosts of the endpoints' URLs.
async fn hosts(
    transaction: &Transaction<'_>,
    tellings: &[Telling],
) -> Result<HashMap<EndpointId, String>, StoreError> {
    const URLS: &str = "-- operational_events_endpoints
        select id, url from endpoints where id = any($1)";
    let endpoints: BTreeSet<_> = tellings.iter().filter_map(|one| one.endpoint).collect();
    let endpoints = uuids(endpoints);
    let found = rows(transaction, URLS, &[&endpoints]).await?;
    let mut hosts = HashMap::with_capacity(found.len());
    for row in &found {
        let url: Url = parsed(row, "url")?;
        let host = url.host_str().unwrap_or_default();
        hosts.insert(id(row, "id")?, host.to_owned());
    }
    Ok(hosts)
}

impl Store {
    /// Publishes what lies in the outbox, the oldest first and at most `limit` of them; gives how
    /// many were published.
    ///
    /// `publish` sends them to fan-out, as accepted at `now`, and gives those that the broker has
    /// confirmed; these are marked, the others stay. Several processes may do so at once: what one
    /// has in hand is passed over by the others. A kill in between publishes some twice, under
    /// the same ids, and fan-out drops the second.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is, or all of it takes more than 45 s:
    /// nothing is marked then.
    pub async fn publish_operational<F, P>(
        &self,
        now: OffsetDateTime,
        limit: u16,
        publish: F,
    ) -> Result<usize, StoreError>
    where
        F: FnOnce(Vec<Event>) -> P,
        P: Future<Output = Vec<EventId>>,
    {
        const TAKE: &str = "-- operational_events_take
            select key, event_type, data, occurred_at from operational_events
            where published_at is null
            order by written_at limit $1
            for update skip locked";
        const MARK: &str = "-- operational_events_mark
            update operational_events set published_at = $2 where key = any($1)";
        let work = async {
            let mut client = self.client().await?;
            let transaction = client.transaction().await?;
            let found = rows(&transaction, TAKE, &[&i64::from(limit)]).await?;
            let mut keys = HashMap::with_capacity(found.len());
            let mut events = Vec::with_capacity(found.len());
            for row in &found {
                let key: &str = get(row, "key")?;
                let event = event(row, key, now)?;
                keys.insert(event.id, key);
                events.push(event);
            }
            if events.is_empty() {
                return Ok(0);
            }
            let published = publish(events).await;
            let published: Vec<&str> = published
                .iter()
                .filter_map(|id| keys.get(id).copied())
                .collect();
            execute(&transaction, MARK, &[&published, &now]).await?;
            transaction.commit().await?;
            Ok(published.len())
        };
        tokio::time::timeout(PUBLISH_LIMIT, work)
            .await
            .map_err(StoreError::elapsed)?
    }

    /// Forgets what was published long enough before `now`; gives how many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is; what was forgotten until then stays so.
    pub async fn forget_operational(&self, now: OffsetDateTime) -> Result<u64, StoreError> {
        const FORGET: &str = "-- operational_events_forget
            delete from operational_events where key in (
                select key from operational_events where published_at < $1
                order by published_at limit $2 for update skip locked
            )";
        let before = now - KEPT;
        let mut total = 0;
        loop {
            let forgotten = self
                .bounded(async {
                    let client = self.client().await?;
                    execute(&client, FORGET, &[&before, &FORGOTTEN_AT_ONCE]).await
                })
                .await?;
            total += forgotten;
            if forgotten < FORGOTTEN_AT_ONCE.unsigned_abs() {
                return Ok(total);
            }
        }
    }
}

/// The event of a row. Each time it is another acceptance of the same event, so that fan-out drops
/// what it has already.
fn event(row: &Row, key: &str, now: OffsetDateTime) -> Result<Event, StoreError> {
    let event_type = parsed(row, "event_type")?;
    let data = Bytes::copy_from_slice(get::<&str>(row, "data")?.as_bytes());
    Ok(Event {
        id: EventId::keyed(TenantId::PLATFORM, key),
        ingest_id: IngestId::from_uuid(Uuid::new_v4()),
        tenant: TenantId::PLATFORM,
        identity: Identity::keyed(&event_type, &data),
        event_type,
        data,
        timestamp: get(row, "occurred_at")?,
        accepted_at: now,
        channels: Vec::new(),
        violations: Vec::new(),
        trace: TraceContext::default(),
    })
}
