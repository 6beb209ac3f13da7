//! API keys: 256 random bits that only their owner has; the record has their SHA-256.

use domain::id::{ApiKeyId, TenantId};
use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::error::StoreError;
use crate::page::{Cursor, Page, PageRequest};
use crate::pool::Store;
use crate::sql::{execute, get, id, optional_id, row, rows};
use crate::token::{Token, TokenDigest};

pub(crate) mod uses;

/// What every key's text begins with, so that people and secret scanners recognise it.
const PREFIX: &str = "phk_";

/// How much of a key is kept to recognise it by, in characters, the prefix included.
const HINT_LENGTH: usize = 8;

/// What a key allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// To publish events.
    Publish,
    /// To read everything but secrets.
    Read,
    /// To change tenants, endpoints, keys and event types, and to replay.
    Manage,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Publish, Self::Read, Self::Manage];

    /// The name in the record and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Read => "read",
            Self::Manage => "manage",
        }
    }

    /// The scope of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }
}

/// Whose data a key is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Every tenant's, and the platform's own.
    Platform,
    /// One tenant's.
    Tenant(TenantId),
}

impl Reach {
    /// Whether this tenant's data is within reach.
    #[must_use]
    pub fn covers(self, tenant: TenantId) -> bool {
        match self {
            Self::Platform => true,
            Self::Tenant(own) => own == tenant,
        }
    }

    pub(crate) fn from_column(tenant: Option<TenantId>) -> Self {
        tenant.map_or(Self::Platform, Self::Tenant)
    }

    pub(crate) fn column(self) -> Option<Uuid> {
        match self {
            Self::Platform => None,
            Self::Tenant(tenant) => Some(tenant.uuid()),
        }
    }
}

/// An API key, its text apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The key.
    pub id: ApiKeyId,
    /// What people call it.
    pub name: String,
    /// Whose data it is good for.
    pub reach: Reach,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// Its first characters, to recognise it by.
    pub hint: String,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was revoked, if it was.
    pub revoked_at: Option<OffsetDateTime>,
    /// When it was last used, to the minute; none: never.
    pub last_used_at: Option<OffsetDateTime>,
}

/// An API key to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApiKey {
    /// What people call it.
    pub name: String,
    /// Whose data it is good for.
    pub reach: Reach,
    /// What it allows.
    pub scopes: Vec<Scope>,
}

impl Store {
    /// Makes a key. Its text exists in the answer alone.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when its tenant does not exist.
    pub async fn create_api_key(&self, new: &NewApiKey) -> Result<(ApiKey, Token), StoreError> {
        const CREATE: &str = "-- api_key_create
            insert into api_keys (id, name, tenant_id, scopes, key_sha256, hint)
            select $1, $2, $3, $4, $5, $6
            where $3::uuid is null
               or exists (select 1 from tenants where id = $3 and deleted_at is null)
            returning id, name, tenant_id, scopes, hint, created_at, revoked_at,
                      null::timestamptz as last_used_at";
        let text = Token::generate(PREFIX)?;
        let digest = TokenDigest::of(text.expose());
        let hint = &text.expose()[..HINT_LENGTH];
        let scopes: Vec<&str> = new.scopes.iter().map(|scope| scope.as_str()).collect();
        let key = self
            .bounded(async {
                let client = self.client().await?;
                let made = row(
                    &client,
                    CREATE,
                    &[
                        &Uuid::now_v7(),
                        &new.name,
                        &new.reach.column(),
                        &scopes,
                        &digest.column(),
                        &hint,
                    ],
                )
                .await?;
                api_key(&made.ok_or(StoreError::NotFound)?)
            })
            .await?;
        Ok((key, text))
    }

    /// Every key, revoked ones too, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn api_keys(&self, page: PageRequest) -> Result<Page<ApiKey>, StoreError> {
        const LIST: &str = "-- api_keys_list
            select k.id, k.name, k.tenant_id, k.scopes, k.hint, k.created_at, k.revoked_at,
                   u.last_used_at
            from api_keys k left join api_key_uses u on u.key_id = k.id
            where (k.created_at, k.id) < ($1, $2)
            order by k.created_at desc, k.id desc limit $3";
        self.bounded(async {
            let client = self.client().await?;
            let after = page.below();
            let found = rows(&client, LIST, &[&after.at, &after.id, &page.limit()]).await?;
            keys(&found, page)
        })
        .await
    }

    /// A tenant's own keys, revoked ones too, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn api_keys_of(
        &self,
        tenant: TenantId,
        page: PageRequest,
    ) -> Result<Page<ApiKey>, StoreError> {
        const LIST: &str = "-- api_keys_of_tenant
            select k.id, k.name, k.tenant_id, k.scopes, k.hint, k.created_at, k.revoked_at,
                   u.last_used_at
            from api_keys k left join api_key_uses u on u.key_id = k.id
            where k.tenant_id = $1 and (k.created_at, k.id) < ($2, $3)
            order by k.created_at desc, k.id desc limit $4";
        self.bounded(async {
            let client = self.client().await?;
            let after = page.below();
            let found = rows(
                &client,
                LIST,
                &[&tenant.uuid(), &after.at, &after.id, &page.limit()],
            )
            .await?;
            keys(&found, page)
        })
        .await
    }

    /// Revokes a key, of this tenant where one is named; one that is revoked stays so.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    pub async fn revoke_api_key(
        &self,
        key: ApiKeyId,
        of: Option<TenantId>,
    ) -> Result<(), StoreError> {
        const REVOKE: &str = "-- api_key_revoke
            update api_keys set revoked_at = coalesce(revoked_at, now())
            where id = $1 and ($2::uuid is null or tenant_id = $2)";
        let of = of.map(TenantId::uuid);
        self.bounded(async {
            let client = self.client().await?;
            match execute(&client, REVOKE, &[&key.uuid(), &of]).await? {
                0 => Err(StoreError::NotFound),
                _ => Ok(()),
            }
        })
        .await
    }
}

fn keys(found: &[Row], page: PageRequest) -> Result<Page<ApiKey>, StoreError> {
    let found: Result<_, _> = found.iter().map(api_key).collect();
    Ok(Page::new(found?, page, |one| Cursor {
        at: one.created_at,
        id: one.id.uuid(),
    }))
}

fn api_key(row: &Row) -> Result<ApiKey, StoreError> {
    Ok(ApiKey {
        id: id(row, "id")?,
        name: get(row, "name")?,
        reach: Reach::from_column(optional_id(row, "tenant_id")?),
        scopes: scopes(row)?,
        hint: get(row, "hint")?,
        created_at: get(row, "created_at")?,
        revoked_at: get(row, "revoked_at")?,
        last_used_at: get(row, "last_used_at")?,
    })
}

/// The scopes that this version knows; one that a later version granted allows nothing here.
pub(crate) fn scopes(row: &Row) -> Result<Vec<Scope>, StoreError> {
    let names: Vec<&str> = get(row, "scopes")?;
    Ok(names.into_iter().filter_map(Scope::from_name).collect())
}
