//! Making, reading, changing and deleting endpoints.

use deadpool_postgres::GenericClient;
use domain::id::{EndpointId, TenantId};
use domain::limits;
use signature::Secret;
use uuid::Uuid;

use super::row::{endpoint, retry_column, seal_headers};
use super::secrets::insert_secret;
use super::{EndpointRecord, Precondition, Settings};
use crate::error::StoreError;
use crate::fence::fence;
use crate::health::forget_failures;
use crate::keyring::{Keyring, Sealed};
use crate::page::{Cursor, Page, PageRequest};
use crate::pool::Store;
use crate::sql::{execute, row, rows};

/// Settings as their columns hold them.
struct Columns {
    event_types: Vec<String>,
    channels: Vec<String>,
    headers: Option<Sealed>,
    timeout_ms: i32,
    retry_waits_s: Option<Vec<i32>>,
    rate_per_second: Option<i32>,
    rate_burst: Option<i32>,
}

impl Columns {
    fn of(
        keyring: &Keyring,
        tenant: TenantId,
        endpoint: EndpointId,
        settings: &Settings,
    ) -> Result<Self, StoreError> {
        let timeout = settings
            .timeout
            .clamp(limits::ATTEMPT_TIMEOUT_MIN, limits::ATTEMPT_TIMEOUT_MAX);
        Ok(Self {
            event_types: settings
                .event_types
                .iter()
                .map(ToString::to_string)
                .collect(),
            channels: settings.channels.iter().map(ToString::to_string).collect(),
            headers: seal_headers(keyring, tenant, endpoint, &settings.headers)?,
            timeout_ms: i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX),
            retry_waits_s: retry_column(settings.retry.as_ref()),
            rate_per_second: settings.rate_limit.map(|rate| rate.per_second().into()),
            rate_burst: settings.rate_limit.map(|rate| rate.burst().into()),
        })
    }
}

impl Store {
    /// Makes an endpoint with its first secret, enabled.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant does not exist.
    pub async fn create_endpoint(
        &self,
        tenant: TenantId,
        settings: &Settings,
        secret: &Secret,
    ) -> Result<EndpointRecord, StoreError> {
        const CREATE: &str = "-- endpoint_create
            insert into endpoints (id, tenant_id, url, description, event_types, channels, format,
                                   headers_key, headers_sealed, timeout_ms, retry_waits_s, filter,
                                   rate_per_second, rate_burst)
            select $1, t.id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14
            from tenants t where t.id = $2 and t.deleted_at is null
            returning id, tenant_id, url, description, event_types, channels, format, headers_key,
                      headers_sealed, timeout_ms, retry_waits_s, rate_per_second, rate_burst, state,
                      state_reason, state_since, version, filter, created_at, updated_at";
        let new = EndpointId::from_uuid(Uuid::now_v7());
        let columns = Columns::of(self.keyring(), tenant, new, settings)?;
        self.bounded(async {
            let mut client = self.client().await?;
            let transaction = client.transaction().await?;
            let made = row(
                &transaction,
                CREATE,
                &[
                    &new.uuid(),
                    &tenant.uuid(),
                    &settings.url.as_str(),
                    &settings.description,
                    &columns.event_types,
                    &columns.channels,
                    &settings.format.as_str(),
                    &columns.headers.as_ref().map(|sealed| &*sealed.key),
                    &columns.headers.as_ref().map(|sealed| &*sealed.bytes),
                    &columns.timeout_ms,
                    &columns.retry_waits_s,
                    &settings.filter,
                    &columns.rate_per_second,
                    &columns.rate_burst,
                ],
            )
            .await?;
            let made = endpoint(&made.ok_or(StoreError::NotFound)?, self.keyring())?;
            insert_secret(&transaction, self.keyring(), tenant, new, secret).await?;
            transaction.commit().await?;
            Ok(made)
        })
        .await
    }

    /// A tenant's endpoint.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has none of this id, or no longer.
    pub async fn endpoint(
        &self,
        tenant: TenantId,
        id: EndpointId,
    ) -> Result<EndpointRecord, StoreError> {
        const GET: &str = "-- endpoint_get
            select id, tenant_id, url, description, event_types, channels, format, headers_key,
                   headers_sealed, timeout_ms, retry_waits_s, rate_per_second, rate_burst, state,
                   state_reason, state_since, version, filter, created_at, updated_at
            from endpoints where id = $1 and tenant_id = $2 and deleted_at is null";
        self.bounded(async {
            let mut client = self.client().await?;
            let fenced = fence(&mut client, tenant).await?;
            let found = row(&fenced, GET, &[&id.uuid(), &tenant.uuid()]).await?;
            endpoint(&found.ok_or(StoreError::NotFound)?, self.keyring())
        })
        .await
    }

    /// A tenant's endpoints, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn endpoints(
        &self,
        tenant: TenantId,
        page: PageRequest,
    ) -> Result<Page<EndpointRecord>, StoreError> {
        const LIST: &str = "-- endpoints_list
            select id, tenant_id, url, description, event_types, channels, format, headers_key,
                   headers_sealed, timeout_ms, retry_waits_s, rate_per_second, rate_burst, state,
                   state_reason, state_since, version, filter, created_at, updated_at
            from endpoints
            where tenant_id = $1 and deleted_at is null and (created_at, id) < ($2, $3)
            order by created_at desc, id desc limit $4";
        self.bounded(async {
            let mut client = self.client().await?;
            let fenced = fence(&mut client, tenant).await?;
            let Cursor { at, id } = page.below();
            let found = rows(&fenced, LIST, &[&tenant.uuid(), &at, &id, &page.limit()]).await?;
            let found: Result<_, _> = found
                .iter()
                .map(|row| endpoint(row, self.keyring()))
                .collect();
            Ok(Page::new(found?, page, |one| Cursor {
                at: one.created_at,
                id: one.id.uuid(),
            }))
        })
        .await
    }

    /// Replaces all that an endpoint's owner sets. With another URL it begins anew: how its circuit
    /// breakers stood was said of the old one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has none of this id, or no longer;
    /// [`StoreError::VersionMismatch`] when it is of another version.
    pub async fn update_endpoint(
        &self,
        tenant: TenantId,
        id: EndpointId,
        precondition: Precondition,
        settings: &Settings,
    ) -> Result<EndpointRecord, StoreError> {
        const UPDATE: &str = "-- endpoint_update
            with forgotten as (
                delete from breakers b using endpoints e
                where b.endpoint_id = e.id and e.id = $1 and e.tenant_id = $2
                  and e.deleted_at is null and e.version = coalesce($3, e.version) and e.url <> $4
            )
            update endpoints
            set url = $4, description = $5, event_types = $6, channels = $7, format = $8,
                headers_key = $9, headers_sealed = $10, timeout_ms = $11, retry_waits_s = $12,
                filter = $13, rate_per_second = $14, rate_burst = $15,
                version = version + 1, updated_at = now(),
                selects_since = case
                    when (event_types, channels, filter) is distinct from ($6, $7, $13) then now()
                    else selects_since
                end
            where id = $1 and tenant_id = $2 and deleted_at is null
              and version = coalesce($3, version)
            returning id, tenant_id, url, description, event_types, channels, format, headers_key,
                      headers_sealed, timeout_ms, retry_waits_s, rate_per_second, rate_burst, state,
                      state_reason, state_since, version, filter, created_at, updated_at";
        let columns = Columns::of(self.keyring(), tenant, id, settings)?;
        self.bounded(async {
            let client = self.client().await?;
            let changed = row(
                &client,
                UPDATE,
                &[
                    &id.uuid(),
                    &tenant.uuid(),
                    &precondition.column(),
                    &settings.url.as_str(),
                    &settings.description,
                    &columns.event_types,
                    &columns.channels,
                    &settings.format.as_str(),
                    &columns.headers.as_ref().map(|sealed| &*sealed.key),
                    &columns.headers.as_ref().map(|sealed| &*sealed.bytes),
                    &columns.timeout_ms,
                    &columns.retry_waits_s,
                    &settings.filter,
                    &columns.rate_per_second,
                    &columns.rate_burst,
                ],
            )
            .await?;
            match changed {
                Some(row) => endpoint(&row, self.keyring()),
                None => Err(why_not(&client, tenant, id).await),
            }
        })
        .await
    }

    /// Deletes an endpoint. What is on its way to it is cancelled by whoever meets it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has none of this id, or no longer;
    /// [`StoreError::VersionMismatch`] when it is of another version.
    pub async fn delete_endpoint(
        &self,
        tenant: TenantId,
        id: EndpointId,
        precondition: Precondition,
    ) -> Result<(), StoreError> {
        const DELETE: &str = "-- endpoint_delete
            update endpoints
            set deleted_at = now(), version = version + 1, updated_at = now()
            where id = $1 and tenant_id = $2 and deleted_at is null
              and version = coalesce($3, version)";
        self.bounded(async {
            let mut client = self.client().await?;
            let transaction = client.transaction().await?;
            forget_failures(&transaction, tenant, id).await?;
            let version = precondition.column();
            let (endpoint, owner) = (id.uuid(), tenant.uuid());
            if execute(&transaction, DELETE, &[&endpoint, &owner, &version]).await? == 0 {
                return Err(why_not(&transaction, tenant, id).await);
            }
            Ok(transaction.commit().await?)
        })
        .await
    }
}

/// Why a change found no endpoint: there is none, or it is of another version.
pub(super) async fn why_not<C: GenericClient>(
    client: &C,
    tenant: TenantId,
    id: EndpointId,
) -> StoreError {
    const EXISTS: &str = "-- endpoint_exists
        select 1 from endpoints where id = $1 and tenant_id = $2 and deleted_at is null";
    match row(client, EXISTS, &[&id.uuid(), &tenant.uuid()]).await {
        Ok(Some(_)) => StoreError::VersionMismatch,
        Ok(None) => StoreError::NotFound,
        Err(error) => error,
    }
}
