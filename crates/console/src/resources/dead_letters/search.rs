//! Which dead letters a request asks for, in its query or in its body.

use std::fmt::Display;
use std::str::FromStr;

use domain::id::TenantId;
use serde::Deserialize;
use service::problem::Problem;
use store::dead_letters::{DeadLetterKind, Search, Which};
use utoipa::ToSchema;

use crate::problem;
use crate::resources::text;

/// What a tenant can ask for; what is left out selects all.
#[derive(Deserialize)]
pub(crate) struct OfTenant {
    pub(crate) reason: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) event: Option<String>,
    pub(crate) since: Option<String>,
    pub(crate) until: Option<String>,
    pub(crate) state: Option<String>,
}

/// What the platform can ask for besides.
#[derive(Deserialize)]
pub(crate) struct Filter {
    pub(crate) kind: Option<String>,
    pub(crate) tenant: Option<String>,
    #[serde(flatten)]
    pub(crate) rest: OfTenant,
}

/// Which open dead letters something is done to; what is left out selects all.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeadLetterSelection)]
pub(crate) struct Whole {
    /// `delivery`, `poison` or `rejected`.
    pub(crate) kind: Option<String>,
    /// `ten_…`
    pub(crate) tenant: Option<String>,
    /// In one word, such as `exhausted` or `undecodable`.
    pub(crate) reason: Option<String>,
    pub(crate) endpoint: Option<String>,
    /// An event type.
    pub(crate) event: Option<String>,
    /// RFC 3339.
    pub(crate) since: Option<String>,
    /// RFC 3339.
    pub(crate) until: Option<String>,
    /// Only count them.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// Which of a tenant's open dead deliveries something is done to; what is left out selects all.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeadLetterSelectionOfTenant)]
pub(crate) struct WholeOfTenant {
    /// `exhausted` or `gone`.
    pub(crate) reason: Option<String>,
    pub(crate) endpoint: Option<String>,
    /// An event type.
    pub(crate) event: Option<String>,
    /// RFC 3339.
    pub(crate) since: Option<String>,
    /// RFC 3339.
    pub(crate) until: Option<String>,
    /// Only count them.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// A member that can't be used.
pub(super) struct Fault {
    name: &'static str,
    detail: String,
}

impl Fault {
    pub(super) fn in_query(self) -> Problem {
        problem::bad_parameter(self.name, &self.detail)
    }

    pub(super) fn in_body(self) -> Problem {
        problem::invalid(format!("#/{}", self.name), self.detail)
    }
}

impl OfTenant {
    /// The deliveries of this tenant.
    pub(super) fn for_tenant(self, tenant: TenantId) -> Result<Search, Fault> {
        self.of(Some(tenant), Some(DeadLetterKind::Delivery))
    }

    fn of(self, tenant: Option<TenantId>, kind: Option<DeadLetterKind>) -> Result<Search, Fault> {
        let which = match self.state.as_deref() {
            None | Some("open") => Which::Open,
            Some("all") => Which::All,
            Some(_) => return Err(fault("state", "open or all")),
        };
        Ok(Search {
            which,
            tenant,
            kind,
            reason: self.reason,
            endpoint: parsed("endpoint", self.endpoint)?,
            event_type: parsed("event", self.event)?,
            since: at("since", self.since)?,
            until: at("until", self.until)?,
        })
    }
}

impl Filter {
    /// Any tenant's, of any kind.
    pub(super) fn for_platform(self) -> Result<Search, Fault> {
        let kind = self.kind.map(|name| {
            DeadLetterKind::from_name(&name)
                .ok_or_else(|| fault("kind", "delivery, poison or rejected"))
        });
        let (kind, tenant) = (kind.transpose()?, parsed("tenant", self.tenant)?);
        self.rest.of(tenant, kind)
    }
}

impl Whole {
    /// The same as a filter, of open letters alone.
    pub(super) fn filter(self) -> Filter {
        let rest = WholeOfTenant {
            reason: self.reason,
            endpoint: self.endpoint,
            event: self.event,
            since: self.since,
            until: self.until,
            dry_run: self.dry_run,
        };
        Filter {
            kind: self.kind,
            tenant: self.tenant,
            rest: rest.filter(),
        }
    }
}

impl WholeOfTenant {
    /// The same as a filter, of open letters alone.
    pub(super) fn filter(self) -> OfTenant {
        OfTenant {
            reason: self.reason,
            endpoint: self.endpoint,
            event: self.event,
            since: self.since,
            until: self.until,
            state: None,
        }
    }
}

fn parsed<T>(name: &'static str, given: Option<String>) -> Result<Option<T>, Fault>
where
    T: FromStr<Err: Display>,
{
    let parsed = given.map(|text| text.parse().map_err(|error| fault(name, &error)));
    parsed.transpose()
}

fn at(name: &'static str, given: Option<String>) -> Result<Option<time::OffsetDateTime>, Fault> {
    let detail = "RFC 3339, such as 2026-03-02T10:00:00Z";
    let at = given.map(|given| text::read_instant(&given).ok_or_else(|| fault(name, &detail)));
    at.transpose()
}

fn fault(name: &'static str, detail: &(impl Display + ?Sized)) -> Fault {
    Fault {
        name,
        detail: detail.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use axum::extract::Query;

    use super::*;

    #[test]
    fn a_parameter_that_is_given_twice_is_refused_by_name() {
        let read = |query: &str| Query::<Filter>::try_from_uri(&query.parse().unwrap());
        let Query(filter) = read("/?kind=poison&reason=undecodable&state=all").unwrap();
        assert_eq!(filter.kind.as_deref(), Some("poison"));
        assert_eq!(filter.rest.reason.as_deref(), Some("undecodable"));
        for (query, name) in [
            ("/?kind=a&kind=b", "kind"),
            ("/?reason=a&reason=b", "reason"),
        ] {
            let Err(refused) = read(query) else {
                panic!("{query} was taken");
            };
            let said = refused.body_text();
            assert!(
                said.contains(&format!("duplicate field `{name}`")),
                "{said}"
            );
        }
    }
}
