//! Tenants: a platform's customers.

use domain::id::TenantId;
use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::error::StoreError;
use crate::page::{Cursor, Page, PageRequest};
use crate::pool::Store;
use crate::sql::{execute, get, id, row, rows};

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// The tenant.
    pub id: TenantId,
    /// The platform's own key for it, unique among the living.
    pub external_id: Option<String>,
    /// What people call it.
    pub name: String,
    /// When it was made.
    pub created_at: OffsetDateTime,
}

/// A tenant to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTenant {
    /// The platform's own key for it.
    pub external_id: Option<String>,
    /// What people call it.
    pub name: String,
}

impl Store {
    /// Makes a tenant.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a living tenant has this external id.
    pub async fn create_tenant(&self, new: &NewTenant) -> Result<Tenant, StoreError> {
        const CREATE: &str = "-- tenant_create
            insert into tenants (id, external_id, name) values ($1, $2, $3)
            returning id, external_id, name, created_at";
        self.bounded(async {
            let client = self.client().await?;
            let made = row(
                &client,
                CREATE,
                &[&Uuid::now_v7(), &new.external_id, &new.name],
            )
            .await?;
            tenant(&made.ok_or(StoreError::NotFound)?)
        })
        .await
    }

    /// The tenant of this id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none, or no longer.
    pub async fn tenant(&self, tenant_id: TenantId) -> Result<Tenant, StoreError> {
        const GET: &str = "-- tenant_get
            select id, external_id, name, created_at from tenants
            where id = $1 and deleted_at is null";
        self.bounded(async {
            let client = self.client().await?;
            let found = row(&client, GET, &[&tenant_id.uuid()]).await?;
            tenant(&found.ok_or(StoreError::NotFound)?)
        })
        .await
    }

    /// The tenant that the platform calls so.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none, or no longer.
    pub async fn tenant_by_external_id(&self, external_id: &str) -> Result<Tenant, StoreError> {
        const GET: &str = "-- tenant_get_by_external_id
            select id, external_id, name, created_at from tenants
            where external_id = $1 and deleted_at is null";
        self.bounded(async {
            let client = self.client().await?;
            let found = row(&client, GET, &[&external_id]).await?;
            tenant(&found.ok_or(StoreError::NotFound)?)
        })
        .await
    }

    /// Every tenant, the newest first; the platform's own is none of its customers and not here.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn tenants(&self, page: PageRequest) -> Result<Page<Tenant>, StoreError> {
        const LIST: &str = "-- tenants_list
            select id, external_id, name, created_at from tenants
            where deleted_at is null and (created_at, id) < ($1, $2) and id <> $4
            order by created_at desc, id desc limit $3";
        self.bounded(async {
            let client = self.client().await?;
            let after = page.below();
            let platform = TenantId::PLATFORM.uuid();
            let found = rows(
                &client,
                LIST,
                &[&after.at, &after.id, &page.limit(), &platform],
            )
            .await?;
            let found: Result<_, _> = found.iter().map(tenant).collect();
            Ok(Page::new(found?, page, |one| Cursor {
                at: one.created_at,
                id: one.id.uuid(),
            }))
        })
        .await
    }

    /// Renames a tenant.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none, or no longer; [`StoreError::Conflict`] when
    /// another living tenant has this external id, and for [`TenantId::PLATFORM`].
    pub async fn update_tenant(
        &self,
        tenant_id: TenantId,
        new: &NewTenant,
    ) -> Result<Tenant, StoreError> {
        const UPDATE: &str = "-- tenant_update
            update tenants set external_id = $2, name = $3
            where id = $1 and deleted_at is null
            returning id, external_id, name, created_at";
        keep_platform(tenant_id)?;
        self.bounded(async {
            let client = self.client().await?;
            let params: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
                [&tenant_id.uuid(), &new.external_id, &new.name];
            let changed = row(&client, UPDATE, &params).await?;
            tenant(&changed.ok_or(StoreError::NotFound)?)
        })
        .await
    }

    /// Deletes a tenant with its endpoints, and revokes its keys.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none, or no longer; [`StoreError::Conflict`] for
    /// [`TenantId::PLATFORM`].
    pub async fn delete_tenant(&self, tenant_id: TenantId) -> Result<(), StoreError> {
        const DELETE: &str = "-- tenant_delete
            update tenants set deleted_at = now() where id = $1 and deleted_at is null";
        const ENDPOINTS: &str = "-- tenant_delete_endpoints
            update endpoints set deleted_at = now(), updated_at = now(), version = version + 1
            where tenant_id = $1 and deleted_at is null";
        const KEYS: &str = "-- tenant_revoke_keys
            update api_keys set revoked_at = now() where tenant_id = $1 and revoked_at is null";
        keep_platform(tenant_id)?;
        self.bounded(async {
            let mut client = self.client().await?;
            let transaction = client.transaction().await?;
            let tenant_id = tenant_id.uuid();
            if execute(&transaction, DELETE, &[&tenant_id]).await? == 0 {
                return Err(StoreError::NotFound);
            }
            execute(&transaction, ENDPOINTS, &[&tenant_id]).await?;
            execute(&transaction, KEYS, &[&tenant_id]).await?;
            Ok(transaction.commit().await?)
        })
        .await
    }
}

/// The platform's own tenant stays as the schema made it.
fn keep_platform(tenant: TenantId) -> Result<(), StoreError> {
    if tenant == TenantId::PLATFORM {
        return Err(StoreError::Conflict);
    }
    Ok(())
}

fn tenant(row: &Row) -> Result<Tenant, StoreError> {
    Ok(Tenant {
        id: id(row, "id")?,
        external_id: get(row, "external_id")?,
        name: get(row, "name")?,
        created_at: get(row, "created_at")?,
    })
}
