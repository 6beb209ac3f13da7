//! An endpoint's row: columns to values and back.

use std::time::Duration;

use domain::endpoint::{BodyFormat, EndpointState, RateLimit};
use domain::id::{EndpointId, TenantId};
use domain::retry::RetryPolicy;
use tokio_postgres::Row;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{EndpointRecord, Settings};
use crate::error::StoreError;
use crate::keyring::{Keyring, Owner, Place, Sealed};
use crate::sql::{all_parsed, get, id, named, parsed};

/// Reads a row with the columns of [`EndpointRecord`].
pub(crate) fn endpoint(row: &Row, keyring: &Keyring) -> Result<EndpointRecord, StoreError> {
    let (endpoint, tenant) = (id(row, "id")?, id(row, "tenant_id")?);
    let timeout_ms: i32 = get(row, "timeout_ms")?;
    Ok(EndpointRecord {
        id: endpoint,
        tenant,
        settings: Settings {
            url: parsed(row, "url")?,
            description: get(row, "description")?,
            event_types: all_parsed(row, "event_types")?,
            channels: all_parsed(row, "channels")?,
            format: named(row, "format", BodyFormat::from_name)?,
            headers: open_headers(row, keyring, tenant, endpoint)?,
            timeout: Duration::from_millis(timeout_ms.unsigned_abs().into()),
            retry: retry(row)?,
            filter: get(row, "filter")?,
            rate_limit: rate_limit(row)?,
        },
        state: named(row, "state", EndpointState::from_name)?,
        state_reason: get(row, "state_reason")?,
        state_since: get(row, "state_since")?,
        version: get(row, "version")?,
        created_at: get(row, "created_at")?,
        updated_at: get(row, "updated_at")?,
    })
}

/// The policy that a row names; none for the default behind it.
pub(crate) fn retry(row: &Row) -> Result<Option<RetryPolicy>, StoreError> {
    let waits: Option<Vec<i32>> = get(row, "retry_waits_s")?;
    let policy = waits.map(|waits| {
        let waits = waits.into_iter().map(|wait| u64::from(wait.unsigned_abs()));
        RetryPolicy::try_from(waits.collect::<Vec<_>>())
    });
    policy
        .transpose()
        .map_err(|_| StoreError::unreadable("retry_waits_s"))
}

fn rate_limit(row: &Row) -> Result<Option<RateLimit>, StoreError> {
    let per_second: Option<i32> = get(row, "rate_per_second")?;
    let burst: Option<i32> = get(row, "rate_burst")?;
    let limit = per_second
        .zip(burst)
        .map(|(per_second, burst)| RateLimit::new(per_second.unsigned_abs(), burst.unsigned_abs()));
    limit
        .transpose()
        .map_err(|_| StoreError::unreadable("rate_per_second"))
}

/// The policy as its column holds it, in whole seconds.
pub(crate) fn retry_column(policy: Option<&RetryPolicy>) -> Option<Vec<i32>> {
    let seconds = |wait: &Duration| i32::try_from(wait.as_secs()).unwrap_or(i32::MAX);
    policy.map(|policy| policy.waits().iter().map(seconds).collect())
}

/// Encrypts an endpoint's own headers; none when it has none.
pub(super) fn seal_headers(
    keyring: &Keyring,
    tenant: TenantId,
    endpoint: EndpointId,
    headers: &[(String, String)],
) -> Result<Option<Sealed>, StoreError> {
    if headers.is_empty() {
        return Ok(None);
    }
    let text = serde_json::to_vec(headers).map_err(|error| StoreError::Broken(Box::new(error)))?;
    let text = Zeroizing::new(text);
    keyring
        .seal(headers_owner(tenant, endpoint), &text)
        .map(Some)
}

fn open_headers(
    row: &Row,
    keyring: &Keyring,
    tenant: TenantId,
    endpoint: EndpointId,
) -> Result<Vec<(String, String)>, StoreError> {
    let key: Option<&str> = get(row, "headers_key")?;
    let sealed: Option<&[u8]> = get(row, "headers_sealed")?;
    let Some((key, sealed)) = key.zip(sealed) else {
        return Ok(Vec::new());
    };
    let text = keyring.open(headers_owner(tenant, endpoint), key, sealed)?;
    serde_json::from_slice(&text).map_err(|_| StoreError::unreadable("headers_sealed"))
}

/// Where an endpoint's secret is sealed.
pub(crate) fn secret_owner(tenant: TenantId, endpoint: EndpointId, secret: Uuid) -> Owner {
    Owner {
        tenant,
        endpoint,
        place: Place::Secret(secret),
    }
}

/// Where an endpoint's headers are sealed.
pub(super) fn headers_owner(tenant: TenantId, endpoint: EndpointId) -> Owner {
    Owner {
        tenant,
        endpoint,
        place: Place::Headers,
    }
}
