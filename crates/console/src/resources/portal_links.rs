//! Links that open a tenant's part of the dashboard.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::id::TenantId;
use domain::limits;
use serde::{Deserialize, Serialize};
use serde_json::json;
use service::problem::Problem;
use store::audit::Action;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::{audit, text};
use crate::access::{InTenant, Manage, Read};
use crate::api::Api;
use crate::body::Body;
use crate::problem;

/// A link to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPortalLink)]
pub(crate) struct ToCreate {
    /// How long it can be opened, 10 to 3,600 seconds; 300, if left out.
    #[schema(example = 300)]
    expires_in_s: Option<u64>,
}

/// A link that was made, shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct Link {
    /// Whoever opens it first is signed in to the tenant's part of the dashboard, for an hour.
    #[schema(example = "https://webhooks.example.com/portal/phl_…")]
    url: String,
    /// Until when it can be opened.
    expires_at: String,
}

/// Make a link to a tenant's part of the dashboard
///
/// It can be opened once. Its session may read and manage in this tenant alone, lasts for an hour,
/// and ends when the key that made the link is revoked. It takes the scopes read and manage.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/portal-links", tag = "dashboard",
    params(("tenant" = String, Path)), request_body = ToCreate,
    responses((status = 201, body = Link), (status = 404),
        (status = 409, description = "the platform's own tenant has none"), (status = 422)))]
pub(crate) async fn create(
    _: InTenant<Read>,
    at: InTenant<Manage>,
    State(api): State<Api>,
    Body(new): Body<ToCreate>,
) -> Result<(StatusCode, Json<Link>), Problem> {
    if at.tenant == TenantId::PLATFORM {
        return Err(of_the_platform());
    }
    let lasts = lasts(new.expires_in_s)?;
    let key = at.by.who.key().ok_or_else(of_a_person)?;
    let expires_at = OffsetDateTime::now_utc() + lasts;
    let token = api
        .store
        .create_portal_link(key, at.tenant, expires_at)
        .await
        .map_err(|error| problem::of_store(&error))?;
    let detail = json!({"expires_in_s": lasts.as_secs()});
    let action = Action::PortalLinkCreated;
    let deed = audit::deed(at.by, Some(at.tenant), action, at.tenant, &detail);
    audit::note(&api, deed).await;
    // Not as its Location, which others write down.
    let link = Link {
        url: format!("{}portal/{}", api.dashboard.public_url, token.expose()),
        expires_at: text::instant(expires_at),
    };
    Ok((StatusCode::CREATED, Json(link)))
}

/// Revoke a tenant's links, and end the sessions that links have opened
///
/// For when a customer signs out of your application, or a link went astray. Sessions that came
/// from a key itself go on.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/portal-links", tag = "dashboard",
    params(("tenant" = String, Path)), responses((status = 204), (status = 404)))]
pub(crate) async fn revoke(
    at: InTenant<Manage>,
    State(api): State<Api>,
) -> Result<StatusCode, Problem> {
    let revoked = api.store.revoke_portal_links(at.tenant).await;
    let revoked = revoked.map_err(|error| problem::of_store(&error))?;
    let (action, detail) = (Action::PortalLinksRevoked, json!({"revoked": revoked}));
    let deed = audit::deed(at.by, Some(at.tenant), action, at.tenant, &detail);
    audit::note(&api, deed).await;
    Ok(StatusCode::NO_CONTENT)
}

fn of_the_platform() -> Problem {
    let detail = "the platform's own tenant is for keys of the whole platform: sign in with one";
    Problem::new(StatusCode::CONFLICT, "conflict", "Conflict", detail)
}

/// A link ends with what made it, which is a key.
fn of_a_person() -> Problem {
    let detail = "links are made by API keys, and end with them";
    Problem::new(StatusCode::FORBIDDEN, "forbidden", "Not allowed", detail)
}

fn lasts(given_s: Option<u64>) -> Result<Duration, Problem> {
    let lasts = given_s.map_or(limits::PORTAL_LINK, Duration::from_secs);
    if (limits::PORTAL_LINK_MIN..=limits::PORTAL_LINK_MAX).contains(&lasts) {
        return Ok(lasts);
    }
    Err(problem::invalid("#/expires_in_s", "10 to 3600 seconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_lasts_within_bounds() {
        assert_eq!(lasts(None), Ok(limits::PORTAL_LINK));
        for seconds in [10, 3_600] {
            assert_eq!(lasts(Some(seconds)), Ok(Duration::from_secs(seconds)));
        }
        for seconds in [0, 9, 3_601, u64::MAX] {
            assert!(lasts(Some(seconds)).is_err(), "{seconds}");
        }
    }
}
