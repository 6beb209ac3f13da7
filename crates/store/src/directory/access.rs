//! Who may do what: API keys and tenants, for every request.

use std::collections::HashMap;
use std::sync::Arc;

use deadpool_postgres::Transaction;
use domain::id::{ApiKeyId, TenantId};

use super::live::load::Load;
use crate::api_keys::uses::Mark;
use crate::api_keys::{Reach, Scope, scopes};
use crate::audit::Actor;
use crate::error::StoreError;
use crate::keyring::Keyring;
use crate::sql::{get, id, optional_id, rows};
use crate::token::TokenDigest;

/// The API keys and the tenants that there are.
#[derive(Debug, Clone, Default)]
pub struct AccessDirectory {
    keys: HashMap<TokenDigest, Known>,
    /// Each tenant with the platform's own key for it.
    tenants: HashMap<TenantId, Option<Box<str>>>,
    external: HashMap<Box<str>, TenantId>,
}

/// A key that there is.
#[derive(Debug, Clone)]
struct Known {
    key: ApiKeyId,
    access: Arc<Access>,
    used: Mark,
}

/// What a key allows, itself or through a session that came from it, or a person's session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Who asks.
    pub by: Actor,
    /// Whose data it is good for.
    pub reach: Reach,
    /// What it allows there.
    pub scopes: Vec<Scope>,
    /// For whom the dashboard is.
    pub audience: Audience,
}

/// For whom the dashboard is: what each sees of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Those who run the platform or build it: by a key, or by the identity provider.
    Platform,
    /// A customer of it: by a link. Keys and the audit are none of theirs.
    Customer,
}

impl Access {
    /// Whether it allows this.
    #[must_use]
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

impl AccessDirectory {
    /// What the presented text allows; none when it is no key, or a revoked one. The key counts as
    /// used.
    #[must_use]
    pub fn authenticate(&self, presented: &str) -> Option<Arc<Access>> {
        let known = self.keys.get(&TokenDigest::of(presented))?;
        known.used.set();
        Some(Arc::clone(&known.access))
    }

    /// The keys that were used since this was last asked.
    pub(crate) fn take_used(&self) -> impl Iterator<Item = ApiKeyId> {
        let used = self.keys.values().filter(|known| known.used.take());
        used.map(|known| known.key)
    }

    /// Marks these as used again.
    pub(crate) fn mark_used(&self, keys: &[ApiKeyId]) {
        let named = |known: &&Known| keys.contains(&known.key);
        self.keys
            .values()
            .filter(named)
            .for_each(|known| known.used.set());
    }

    /// Whether there is this tenant.
    #[must_use]
    pub fn has_tenant(&self, tenant: TenantId) -> bool {
        self.tenants.contains_key(&tenant)
    }

    /// The tenant that the platform calls so.
    #[must_use]
    pub fn tenant_by_external_id(&self, external_id: &str) -> Option<TenantId> {
        self.external.get(external_id).copied()
    }

    /// The platform's own key for a tenant, where it has one.
    #[must_use]
    pub fn external_id(&self, tenant: TenantId) -> Option<&str> {
        self.tenants.get(&tenant)?.as_deref()
    }

    fn forget_tenant(&mut self, tenant: TenantId) {
        if let Some(Some(external_id)) = self.tenants.remove(&tenant) {
            self.external.remove(&external_id);
        }
    }
}

impl Load for AccessDirectory {
    async fn load(
        &self,
        transaction: &Transaction<'_>,
        _: &Keyring,
        known: i64,
    ) -> Result<Self, StoreError> {
        const TENANTS: &str = "-- directory_tenants
            select id, external_id, deleted_at is not null as gone from tenants
            where epoch > $1 and (deleted_at is null or $1 > 0)";
        const KEYS: &str = "-- directory_api_keys
            select id, tenant_id, scopes, key_sha256, revoked_at is not null as gone from api_keys
            where epoch > $1 and (revoked_at is null or $1 > 0)";
        let mut next = self.clone();
        let tenants = rows(transaction, TENANTS, &[&known]).await?;
        // All that changed goes first: an external id may have moved from one to another.
        for row in &tenants {
            next.forget_tenant(id(row, "id")?);
        }
        for row in &tenants {
            if get(row, "gone")? {
                continue;
            }
            let tenant = id(row, "id")?;
            let external_id: Option<Box<str>> =
                get::<Option<&str>>(row, "external_id")?.map(Into::into);
            if let Some(external_id) = &external_id {
                next.external.insert(external_id.clone(), tenant);
            }
            next.tenants.insert(tenant, external_id);
        }
        for row in &rows(transaction, KEYS, &[&known]).await? {
            let digest = TokenDigest::from_column(get(row, "key_sha256")?)
                .ok_or_else(|| StoreError::unreadable("key_sha256"))?;
            if get(row, "gone")? {
                next.keys.remove(&digest);
                continue;
            }
            let key = id(row, "id")?;
            let access = Access {
                by: Actor::key(key),
                reach: Reach::from_column(optional_id(row, "tenant_id")?),
                scopes: scopes(row)?,
                audience: Audience::Platform,
            };
            let known = Known {
                key,
                access: Arc::new(access),
                used: Mark::default(),
            };
            next.keys.insert(digest, known);
        }
        Ok(next)
    }
}
