//! The audit: who did what, and when.

use axum::extract::State;
use domain::id::TenantId;
use serde::Serialize;
use serde_json::Value;
use service::problem::Problem;
use store::audit::{Action, Actor, Deed, Who};
use utoipa::ToSchema;

use super::text;
use crate::access::{Developer, InTenant, Manage, Platform, Read};
use crate::api::Api;
use crate::page::{Listed, Paging};
use crate::problem;

/// An entry of the audit.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(crate) struct Entry {
    #[schema(example = "aud_0193a5c8e0b87c3aa1f2c9d8e7f60512")]
    pub(crate) id: String,
    pub(crate) at: String,
    /// The key that asked for it; null: a person did.
    pub(crate) key: Option<String>,
    /// As the key was called then.
    pub(crate) key_name: Option<String>,
    /// The person who asked for it, signed in by the identity provider; null: a key did.
    pub(crate) person: Option<String>,
    /// As the person was called then.
    pub(crate) person_name: Option<String>,
    /// The session in the dashboard in which it was done, opened by the person, by the key, or by a
    /// link that the key made; null: a call of the API.
    pub(crate) session: Option<String>,
    #[schema(example = "replay.created")]
    pub(crate) action: String,
    /// Whose data it was done to; null: the platform's.
    pub(crate) tenant: Option<String>,
    /// What it was done to.
    pub(crate) subject: String,
    /// More about it.
    pub(crate) detail: Value,
}

impl From<store::audit::Entry> for Entry {
    fn from(entry: store::audit::Entry) -> Self {
        let who = entry.by.who;
        let (key_name, person_name) = match who {
            Who::Key(_) => (Some(entry.name), None),
            Who::Person(_) => (None, Some(entry.name)),
        };
        Self {
            id: entry.id.to_string(),
            at: text::instant(entry.at),
            key: who.key().map(|id| id.to_string()),
            key_name,
            person: who.person().map(|id| id.to_string()),
            person_name,
            session: entry.by.session.map(|id| id.to_string()),
            action: entry.action,
            tenant: entry.tenant.map(|id| id.to_string()),
            subject: entry.subject,
            detail: serde_json::from_str(&entry.detail).unwrap_or_default(),
        }
    }
}

/// What is to be written down.
pub(crate) fn deed(
    by: Actor,
    tenant: Option<TenantId>,
    action: Action,
    subject: impl ToString,
    detail: &Value,
) -> Deed {
    Deed {
        by,
        tenant,
        action,
        subject: subject.to_string(),
        detail: detail.to_string(),
    }
}

impl InTenant<Manage> {
    /// What is to be written down of a deed in this tenant.
    pub(crate) fn deed(&self, action: Action, subject: impl ToString, detail: &Value) -> Deed {
        deed(self.by, Some(self.tenant), action, subject, detail)
    }
}

/// Writes a deed down that is done. It is done whether or not the record has a moment for this.
pub(crate) async fn note(api: &Api, deed: Deed) {
    if let Err(error) = api.store.audit(&deed).await {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            action = deed.action.as_str(),
            subject = deed.subject,
            by = ?deed.by,
            "a deed is not in the audit"
        );
    }
}

/// List who did what, the latest first
#[utoipa::path(get, path = "/v1/audit", tag = "audit",
    params(("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Listed<Entry>)))]
pub(crate) async fn list(
    _: Platform<Read>,
    State(api): State<Api>,
    paging: Paging,
) -> Result<Listed<Entry>, Problem> {
    let page = api.store.audit_entries(paging.request).await;
    Ok(paging.listed(
        page.map_err(|error| problem::of_store(&error))?,
        Entry::from,
    ))
}

/// List who did what to a tenant's data, the latest first
#[utoipa::path(get, path = "/v1/tenants/{tenant}/audit", tag = "audit",
    params(("tenant" = String, Path), ("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Listed<Entry>), (status = 404)))]
pub(crate) async fn of_tenant(
    Developer(at): Developer<Read>,
    State(api): State<Api>,
    paging: Paging,
) -> Result<Listed<Entry>, Problem> {
    let page = api.store.audit_entries_of(at.tenant, paging.request).await;
    Ok(paging.listed(
        page.map_err(|error| problem::of_store(&error))?,
        Entry::from,
    ))
}
