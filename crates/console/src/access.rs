//! Who asks, and what they may: decided once, before a handler runs.
//!
//! **Invariant:** a handler that reads or changes anything takes a [`Platform`] or an [`InTenant`],
//! and there is no other way to make one. What a key can't reach answers 404, like what isn't
//! there.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::{self, FromRequestParts, Path, RawPathParams};
use axum::http::StatusCode;
use axum::http::request::Parts;
use domain::id::{Id, Kind, TenantId};
use serde::Deserialize;
use service::bearer;
use service::problem::Problem;
use store::api_keys::{Reach, Scope};
use store::audit::Actor;
use store::directory::{Access, Audience};

use crate::api::Api;
use crate::problem;

/// What a handler does.
pub(crate) trait Deed: Send + Sync {
    /// The scope that it takes.
    const SCOPE: Scope;
}

/// Looks, and changes nothing.
pub(crate) enum Read {}

impl Deed for Read {
    const SCOPE: Scope = Scope::Read;
}

/// Changes something.
pub(crate) enum Manage {}

impl Deed for Manage {
    const SCOPE: Scope = Scope::Manage;
}

/// The bearer may do `D` on the whole platform.
pub(crate) struct Platform<D> {
    /// Who the bearer is.
    pub(crate) by: Actor,
    deed: PhantomData<D>,
}

/// The bearer may do `D` in the tenant that the path names.
pub(crate) struct InTenant<D> {
    pub(crate) tenant: TenantId,
    /// How far the bearer reaches beyond it.
    pub(crate) reach: Reach,
    /// For whom a page is.
    pub(crate) audience: Audience,
    /// Who the bearer is.
    pub(crate) by: Actor,
    deed: PhantomData<D>,
}

/// The same, by somebody of the platform's and no customer, to whom it is as if it weren't there.
pub(crate) struct Developer<D>(pub(crate) InTenant<D>);

// By hand: a proof may be used for all that a request does, whatever the deed.
impl<D> Clone for Platform<D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D> Copy for Platform<D> {}

impl<D> Clone for InTenant<D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D> Copy for InTenant<D> {}

/// The id that a path ends with. A malformed one is one of nothing: 404.
pub(crate) struct Named<K>(pub(crate) Id<K>);

impl<K: Kind, S: Send + Sync> FromRequestParts<S> for Named<K> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let parameters = RawPathParams::from_request_parts(parts, state).await;
        let parameters = parameters.map_err(|_| problem::not_found())?;
        let last = parameters
            .iter()
            .last()
            .and_then(|(_, text)| text.parse().ok());
        last.map(Self).ok_or_else(problem::not_found)
    }
}

#[derive(Deserialize)]
struct TenantPath {
    tenant: String,
}

impl<D: Deed> FromRequestParts<Api> for Platform<D> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let access = access(parts, api).await?;
        if access.reach != Reach::Platform {
            return Err(problem::not_found());
        }
        allow::<D>(&access)?;
        Ok(Self {
            by: access.by,
            deed: PhantomData,
        })
    }
}

/// For what is offered to those alone who may do it; none, too, when it can't be told.
impl<D: Deed> extract::OptionalFromRequestParts<Api> for Platform<D> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Option<Self>, Infallible> {
        let asked = <Self as FromRequestParts<Api>>::from_request_parts(parts, api).await;
        Ok(asked.ok())
    }
}

impl<D: Deed> FromRequestParts<Api> for InTenant<D> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let access = access(parts, api).await?;
        let path = Path::<TenantPath>::from_request_parts(parts, api).await;
        let Path(TenantPath { tenant: named }) = path.map_err(|_| problem::not_found())?;
        let tenant = known(&named, api)
            .await
            .filter(|tenant| access.reach.covers(*tenant));
        let tenant = tenant.ok_or_else(problem::not_found)?;
        allow::<D>(&access)?;
        Ok(Self {
            tenant,
            reach: access.reach,
            audience: access.audience,
            by: access.by,
            deed: PhantomData,
        })
    }
}

impl<D: Deed> FromRequestParts<Api> for Developer<D> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let at = InTenant::<D>::from_request_parts(parts, api).await;
        match at {
            Ok(at) if at.audience == Audience::Platform => Ok(Self(at)),
            Ok(_) => Err(problem::not_found()),
            Err(problem) => Err(problem),
        }
    }
}

/// For what is offered to those alone who may do it; none, too, when it can't be told.
impl<D: Deed> extract::OptionalFromRequestParts<Api> for Developer<D> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Option<Self>, Infallible> {
        let asked = <Self as FromRequestParts<Api>>::from_request_parts(parts, api).await;
        Ok(asked.ok())
    }
}

fn allow<D: Deed>(access: &Access) -> Result<(), Problem> {
    if access.allows(D::SCOPE) {
        return Ok(());
    }
    let detail = format!("the API key lacks the scope {}", D::SCOPE.as_str());
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "forbidden",
        "Not allowed",
        detail,
    ))
}

/// What the session of a request to the dashboard allows. Only the dashboard's own routes are given
/// one, so that no call of the API can be made by a cookie.
#[derive(Clone)]
pub(crate) struct Seat(pub(crate) Arc<Access>);

async fn access(parts: &Parts, api: &Api) -> Result<Arc<Access>, Problem> {
    if !api.access.is_loaded() {
        return Err(problem::unavailable(
            "the keys are not loaded yet: try again",
        ));
    }
    if let Some(Seat(access)) = parts.extensions.get() {
        return Ok(Arc::clone(access));
    }
    let unauthorized = |detail| {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "Not authorized",
            detail,
        )
    };
    let bearer = bearer::token(&parts.headers)
        .ok_or_else(|| unauthorized("send the header Authorization: Bearer phk_…"))?;
    let access = of_key(bearer, api).await;
    access.ok_or_else(|| unauthorized("the API key is not known, or was revoked"))
}

/// What this text of a key allows.
pub(crate) async fn of_key(presented: &str, api: &Api) -> Option<Arc<Access>> {
    match api.access.current().authenticate(presented) {
        Some(access) => Some(access),
        // It may have been made just now.
        None => api.access.latest().await.authenticate(presented),
    }
}

/// The tenant of this id or external id; one that is not known may have been made just now.
pub(crate) async fn known(named: &str, api: &Api) -> Option<TenantId> {
    let look_up = |directory: &store::AccessDirectory| {
        let by_id = named.parse().ok().filter(|id| directory.has_tenant(*id));
        by_id.or_else(|| directory.tenant_by_external_id(named))
    };
    match look_up(&api.access.current()) {
        Some(tenant) => Some(tenant),
        None => {
            let latest = api.access.latest().await;
            look_up(&latest)
        }
    }
}
