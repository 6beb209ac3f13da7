//! The keys that an endpoint's deliveries are signed with.

use deadpool_postgres::Transaction;
use domain::id::{EndpointId, TenantId};
use domain::limits;
use signature::Secret;
use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

use super::Precondition;
use super::row::secret_owner;
use super::write::why_not;
use crate::error::StoreError;
use crate::fence::fence;
use crate::keyring::Keyring;
use crate::pool::Store;
use crate::sql::{execute, get, id, row, rows};

/// The most secrets of an endpoint that sign at one time.
pub const SECRETS: i64 = 5;

impl Store {
    /// Gives an endpoint a new secret. Those before it sign beside it for
    /// [`limits::SECRET_OVERLAP`] and then no more.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has no endpoint of this id, or no longer;
    /// [`StoreError::VersionMismatch`] when it is of another version; [`StoreError::Conflict`]
    /// when [`SECRETS`] of them sign already.
    pub async fn rotate_secret(
        &self,
        tenant: TenantId,
        endpoint: EndpointId,
        precondition: Precondition,
        secret: &Secret,
    ) -> Result<(), StoreError> {
        // First the endpoint: its lock keeps two rotations apart.
        const TOUCH: &str = "-- endpoint_touch
            update endpoints set version = version + 1, updated_at = now()
            where id = $1 and tenant_id = $2 and deleted_at is null
              and version = coalesce($3, version)";
        const FORGET: &str = "-- endpoint_secrets_forget_expired
            delete from endpoint_secrets where endpoint_id = $1 and expires_at <= now()";
        const COUNT: &str = "-- endpoint_secrets_count
            select count(*) as secrets from endpoint_secrets where endpoint_id = $1";
        const RETIRE: &str = "-- endpoint_secrets_retire
            update endpoint_secrets set expires_at = now() + make_interval(secs => $2)
            where endpoint_id = $1 and expires_at is null";
        let (tenant_id, id, version) = (tenant.uuid(), endpoint.uuid(), precondition.column());
        let overlap = limits::SECRET_OVERLAP.as_secs_f64();
        self.bounded(async {
            let mut client = self.client().await?;
            let transaction = client.transaction().await?;
            if execute(&transaction, TOUCH, &[&id, &tenant_id, &version]).await? == 0 {
                return Err(why_not(&transaction, tenant, endpoint).await);
            }
            execute(&transaction, FORGET, &[&id]).await?;
            let counted = row(&transaction, COUNT, &[&id]).await?;
            let secrets: i64 = counted.map_or(Ok(0), |row| get(&row, "secrets"))?;
            if secrets >= SECRETS {
                return Err(StoreError::Conflict);
            }
            execute(&transaction, RETIRE, &[&id, &overlap]).await?;
            insert_secret(&transaction, self.keyring(), tenant, endpoint, secret).await?;
            Ok(transaction.commit().await?)
        })
        .await
    }

    /// The secrets that sign an endpoint's deliveries now, the newest first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has no endpoint of this id, or no longer.
    pub async fn endpoint_secrets(
        &self,
        tenant: TenantId,
        endpoint: EndpointId,
    ) -> Result<Vec<Secret>, StoreError> {
        const LIVE: &str = "-- endpoint_secrets_live
            select s.id, s.endpoint_id, e.tenant_id, s.key_id, s.sealed, s.expires_at
            from endpoint_secrets s join endpoints e on e.id = s.endpoint_id
            where e.id = $1 and e.tenant_id = $2 and e.deleted_at is null
              and (s.expires_at is null or s.expires_at > now())
            order by s.created_at desc, s.id desc";
        self.bounded(async {
            let mut client = self.client().await?;
            let fenced = fence(&mut client, tenant).await?;
            let found = rows(&fenced, LIVE, &[&endpoint.uuid(), &tenant.uuid()]).await?;
            // One without a secret there is not.
            if found.is_empty() {
                return Err(StoreError::NotFound);
            }
            let read = |row| secret(row, self.keyring()).map(|(secret, _)| secret);
            found.iter().map(read).collect()
        })
        .await
    }
}

/// Reads one, and until when it signs.
pub(crate) fn secret(
    row: &Row,
    keyring: &Keyring,
) -> Result<(Secret, Option<OffsetDateTime>), StoreError> {
    let owner = secret_owner(
        id(row, "tenant_id")?,
        id(row, "endpoint_id")?,
        get(row, "id")?,
    );
    let key = keyring.open(owner, get(row, "key_id")?, get(row, "sealed")?)?;
    let secret = Secret::from_bytes(key.to_vec()).map_err(|_| StoreError::unreadable("sealed"))?;
    Ok((secret, get(row, "expires_at")?))
}

pub(super) async fn insert_secret(
    transaction: &Transaction<'_>,
    keyring: &Keyring,
    tenant: TenantId,
    endpoint: EndpointId,
    secret: &Secret,
) -> Result<(), StoreError> {
    const INSERT: &str = "-- endpoint_secret_insert
        insert into endpoint_secrets (id, endpoint_id, key_id, sealed) values ($1, $2, $3, $4)";
    let id = Uuid::now_v7();
    let owner = secret_owner(tenant, endpoint, id);
    let sealed = keyring.seal(owner, secret.as_bytes())?;
    let params: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
        [&id, &endpoint.uuid(), &sealed.key, &sealed.bytes];
    execute(transaction, INSERT, &params).await?;
    Ok(())
}
