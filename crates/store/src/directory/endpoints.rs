//! Where to post and what to sign with, for the dispatcher.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use deadpool_postgres::Transaction;
use domain::endpoint::{BodyFormat, Endpoint, EndpointState};
use domain::id::EndpointId;
use domain::limits;
use domain::retry::RetryPolicy;
use signature::Secret;
use time::OffsetDateTime;
use tokio_postgres::Row;

use super::live::load::Load;
use crate::endpoints::row::{endpoint, retry};
use crate::endpoints::secrets::secret;
use crate::error::StoreError;
use crate::keyring::Keyring;
use crate::sql::{get, id, parsed, row, rows};

/// Every endpoint that there is. One that is not here after a [refresh](super::Live::refresh) was
/// deleted.
#[derive(Debug, Clone, Default)]
pub struct EndpointDirectory {
    targets: HashMap<EndpointId, Arc<Target>>,
    /// The platform's retry policy, which every target without its own has been given.
    retry: RetryPolicy,
}

/// An endpoint with its secrets.
#[derive(Clone)]
pub struct Target {
    /// The endpoint. One whose secrets or headers can't be decrypted stands here as disabled, so
    /// that its deliveries are held and not sent unsigned.
    pub endpoint: Endpoint,
    /// Its secrets with their ends, the newest first.
    secrets: Vec<(Secret, Option<OffsetDateTime>)>,
}

impl Target {
    /// An endpoint with its secrets, the newest first, each with its end if it has one.
    #[must_use]
    pub fn new(endpoint: Endpoint, secrets: Vec<(Secret, Option<OffsetDateTime>)>) -> Self {
        Self { endpoint, secrets }
    }

    /// The secrets that sign at `now`, the newest first.
    pub fn secrets(&self, now: OffsetDateTime) -> impl Iterator<Item = &Secret> {
        let live =
            move |(_, end): &&(Secret, Option<OffsetDateTime>)| end.is_none_or(|end| now < end);
        self.secrets.iter().filter(live).map(|(secret, _)| secret)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("endpoint", &self.endpoint)
            .field("secrets", &self.secrets.len())
            .finish()
    }
}

impl EndpointDirectory {
    /// The endpoint; none when it was deleted, or is newer than this snapshot.
    #[must_use]
    pub fn target(&self, endpoint: EndpointId) -> Option<Arc<Target>> {
        self.targets.get(&endpoint).cloned()
    }
}

impl Load for EndpointDirectory {
    async fn load(
        &self,
        transaction: &Transaction<'_>,
        keyring: &Keyring,
        known: i64,
    ) -> Result<Self, StoreError> {
        const CHANGED: &str = "-- directory_endpoints
            select id, tenant_id, url, description, event_types, channels, format, headers_key,
                   headers_sealed, timeout_ms, retry_waits_s, rate_per_second, rate_burst, state,
                   state_reason, state_since, version, filter, created_at, updated_at,
                   deleted_at is not null as gone
            from endpoints
            where epoch > $1 and (deleted_at is null or $1 > 0)";
        const SECRETS: &str = "-- directory_secrets
            select s.id, s.endpoint_id, e.tenant_id, s.key_id, s.sealed, s.expires_at
            from endpoint_secrets s join endpoints e on e.id = s.endpoint_id
            where e.epoch > $1 and e.deleted_at is null
              and (s.expires_at is null or s.expires_at > now())
            order by s.created_at desc, s.id desc";
        const SETTINGS: &str = "-- directory_settings
            select retry_waits_s from platform_settings where epoch > $1";
        let (mut next, known) = match row(transaction, SETTINGS, &[&known]).await? {
            None => (self.clone(), known),
            // What the platform sets is in many targets, and changes seldom: all are read anew.
            Some(row) => {
                let retry = retry(&row)?.unwrap_or_default();
                let targets = HashMap::new();
                (Self { targets, retry }, 0)
            }
        };
        let mut secrets: HashMap<EndpointId, Vec<Row>> = HashMap::new();
        for row in rows(transaction, SECRETS, &[&known]).await? {
            let of: &mut Vec<Row> = secrets.entry(id(&row, "endpoint_id")?).or_default();
            of.push(row);
        }
        for row in &rows(transaction, CHANGED, &[&known]).await? {
            let id = id(row, "id")?;
            if get(row, "gone")? {
                next.targets.remove(&id);
                continue;
            }
            let secrets = secrets.remove(&id).unwrap_or_default();
            match target(row, &secrets, keyring, &next.retry) {
                Ok(target) => {
                    next.targets.insert(id, Arc::new(target));
                }
                Err(error) => {
                    tracing::error!(
                        endpoint.id = %id,
                        error = &error as &dyn std::error::Error,
                        "an endpoint can't be read: its deliveries are held"
                    );
                    next.targets.insert(id, Arc::new(unreadable(row)?));
                }
            }
        }
        Ok(next)
    }
}

fn target(
    row: &Row,
    secrets: &[Row],
    keyring: &Keyring,
    default: &RetryPolicy,
) -> Result<Target, StoreError> {
    let record = endpoint(row, keyring)?;
    let secrets = secrets
        .iter()
        .map(|row| secret(row, keyring))
        .collect::<Result<_, _>>()?;
    let settings = record.settings;
    let endpoint = Endpoint {
        id: record.id,
        tenant: record.tenant,
        url: settings.url,
        state: record.state,
        format: settings.format,
        headers: settings.headers,
        timeout: settings.timeout,
        retry: settings.retry.unwrap_or_else(|| default.clone()),
        rate_limit: settings.rate_limit,
    };
    Ok(Target::new(endpoint, secrets))
}

/// What stands in for an endpoint that can't be read in full.
fn unreadable(row: &Row) -> Result<Target, StoreError> {
    let endpoint = Endpoint {
        id: id(row, "id")?,
        tenant: id(row, "tenant_id")?,
        url: parsed(row, "url")?,
        state: EndpointState::Disabled,
        format: BodyFormat::Guide,
        headers: Vec::new(),
        timeout: limits::ATTEMPT_TIMEOUT,
        retry: RetryPolicy::default(),
        rate_limit: None,
    };
    Ok(Target::new(endpoint, Vec::new()))
}
