//! Encrypting again what was encrypted with a key that is to be retired.

use deadpool_postgres::Transaction;
use domain::id::EndpointId;
use uuid::Uuid;

use super::row::{headers_owner, secret_owner};
use crate::error::StoreError;
use crate::keyring::Keyring;
use crate::pool::Store;
use crate::sql::{execute, get, id, rows};

/// How many rows are rewrapped in one transaction.
const BATCH: i64 = 100;

impl Store {
    /// Encrypts every secret and header with the current key that is not yet; gives how many.
    /// May be stopped and run again; the old keys may go when it has returned.
    ///
    /// # Errors
    /// [`StoreError::Broken`] when the keyring lacks a key; what was rewrapped before stays so.
    pub async fn rewrap_secrets(&self) -> Result<u64, StoreError> {
        let mut total = 0;
        loop {
            let rewrapped = self.bounded(self.rewrap_batch()).await?;
            if rewrapped == 0 {
                return Ok(total);
            }
            total += rewrapped;
        }
    }

    async fn rewrap_batch(&self) -> Result<u64, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        let secrets = rewrap_secrets(&transaction, self.keyring()).await?;
        let headers = rewrap_headers(&transaction, self.keyring()).await?;
        transaction.commit().await?;
        Ok(secrets + headers)
    }
}

async fn rewrap_secrets(
    transaction: &Transaction<'_>,
    keyring: &Keyring,
) -> Result<u64, StoreError> {
    const OLD: &str = "-- endpoint_secrets_of_old_keys
        select s.id, s.endpoint_id, e.tenant_id, s.key_id, s.sealed
        from endpoint_secrets s join endpoints e on e.id = s.endpoint_id
        where s.key_id <> $1 order by s.id limit $2";
    // Only if it is still what was read: a rotation may have come between.
    const REWRAP: &str = "-- endpoint_secret_rewrap
        update endpoint_secrets set key_id = $2, sealed = $3 where id = $1 and sealed = $4";
    let mut rewrapped = 0;
    for row in &rows(transaction, OLD, &[&keyring.current(), &BATCH]).await? {
        let secret: Uuid = get(row, "id")?;
        let owner = secret_owner(id(row, "tenant_id")?, id(row, "endpoint_id")?, secret);
        let old: &[u8] = get(row, "sealed")?;
        let plain = keyring.open(owner, get(row, "key_id")?, old)?;
        let new = keyring.seal(owner, &plain)?;
        rewrapped += execute(transaction, REWRAP, &[&secret, &new.key, &new.bytes, &old]).await?;
    }
    Ok(rewrapped)
}

async fn rewrap_headers(
    transaction: &Transaction<'_>,
    keyring: &Keyring,
) -> Result<u64, StoreError> {
    const OLD: &str = "-- endpoint_headers_of_old_keys
        select id, tenant_id, headers_key, headers_sealed from endpoints
        where headers_key <> $1 order by id limit $2";
    const REWRAP: &str = "-- endpoint_headers_rewrap
        update endpoints set headers_key = $2, headers_sealed = $3
        where id = $1 and headers_sealed = $4";
    let mut rewrapped = 0;
    for row in &rows(transaction, OLD, &[&keyring.current(), &BATCH]).await? {
        let endpoint: EndpointId = id(row, "id")?;
        let owner = headers_owner(id(row, "tenant_id")?, endpoint);
        let old: &[u8] = get(row, "headers_sealed")?;
        let plain = keyring.open(owner, get(row, "headers_key")?, old)?;
        let new = keyring.seal(owner, &plain)?;
        let endpoint = endpoint.uuid();
        rewrapped += execute(
            transaction,
            REWRAP,
            &[&endpoint, &new.key, &new.bytes, &old],
        )
        .await?;
    }
    Ok(rewrapped)
}
