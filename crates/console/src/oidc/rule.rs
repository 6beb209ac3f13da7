//! Who may do what, of those whom the identity provider vouches for.

use std::fmt;
use std::str::FromStr;

use store::api_keys::Scope;

use super::vouched::Vouched;

/// A rule of the operator's, such as `group:ops=operator` or `email:ann@example.com=developer:acme`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    who: Who,
    /// What they are here.
    pub(crate) role: Role,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Who {
    /// Everybody in this group.
    Group(String),
    /// Whoever has this address, as the provider has verified it.
    Email(String),
}

/// What somebody is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role {
    /// Reads and manages the whole platform.
    Operator,
    /// Reads and manages one tenant, by its id or its external id.
    Developer(String),
}

impl Role {
    /// What every role allows, wherever it reaches. Publishing is for keys.
    pub(crate) const SCOPES: [Scope; 2] = [Scope::Read, Scope::Manage];
}

/// What a rule is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a rule is group:NAME or email:ADDRESS, then = and operator or developer:TENANT, such as \
     group:ops=operator"
)]
pub struct NoRule;

impl FromStr for Rule {
    type Err = NoRule;

    fn from_str(text: &str) -> Result<Self, NoRule> {
        // A group's name may hold a `=`, and a tenant's may not.
        let (who, role) = text.rsplit_once('=').ok_or(NoRule)?;
        let (kind, name) = who.split_once(':').ok_or(NoRule)?;
        let who = match (kind, name) {
            (_, "") => return Err(NoRule),
            ("group", name) => Who::Group(name.to_owned()),
            ("email", name) if name.contains('@') => Who::Email(name.to_owned()),
            _ => return Err(NoRule),
        };
        let role = match role.split_once(':') {
            None if role == "operator" => Role::Operator,
            Some(("developer", tenant)) if !tenant.is_empty() => Role::Developer(tenant.to_owned()),
            _ => return Err(NoRule),
        };
        Ok(Self { who, role })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.who {
            Who::Group(name) => write!(f, "group:{name}=")?,
            Who::Email(address) => write!(f, "email:{address}=")?,
        }
        match &self.role {
            Role::Operator => f.write_str("operator"),
            Role::Developer(tenant) => write!(f, "developer:{tenant}"),
        }
    }
}

impl Rule {
    /// The first of these that fits.
    pub(crate) fn first<'a>(rules: &'a [Self], vouched: &Vouched) -> Option<&'a Self> {
        rules.iter().find(|rule| rule.fits(vouched))
    }

    fn fits(&self, vouched: &Vouched) -> bool {
        match &self.who {
            Who::Group(name) => vouched.groups.iter().flatten().any(|own| own == name),
            Who::Email(address) => {
                let own = vouched.verified_email.as_deref();
                own.is_some_and(|own| own.eq_ignore_ascii_case(address))
            }
        }
    }

    /// Whether what a rule asks for is not told.
    pub(super) fn lacks(&self, vouched: &Vouched) -> bool {
        match &self.who {
            Who::Group(_) => vouched.groups.is_none(),
            Who::Email(_) => vouched.verified_email.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn vouched(email: Option<&str>, groups: &[&str]) -> Vouched {
        Vouched {
            verified_email: email.map(str::to_owned),
            groups: Some(groups.iter().copied().map(str::to_owned).collect()),
            ..Vouched::default()
        }
    }

    #[rstest]
    #[case("group:ops=operator")]
    #[case("group:cn=ops=operator")]
    #[case("email:ann@example.com=developer:acme")]
    fn a_rule_is_read_and_told(#[case] text: &str) {
        assert_eq!(text.parse::<Rule>().unwrap().to_string(), text);
    }

    #[rstest]
    #[case("")]
    #[case("ops=operator")]
    #[case("group:=operator")]
    #[case("group:ops")]
    #[case("group:ops=admin")]
    #[case("group:ops=developer")]
    #[case("group:ops=developer:")]
    #[case("group:ops=operator:acme")]
    #[case("email:ann=operator")]
    #[case("domain:example.com=operator")]
    fn no_rules(#[case] text: &str) {
        assert_eq!(text.parse::<Rule>(), Err(NoRule));
    }

    #[test]
    fn the_first_that_fits_counts() {
        let rules = ["email:ann@example.com=developer:acme", "group:ops=operator"]
            .map(|text| text.parse::<Rule>().unwrap());
        let role = |vouched| Rule::first(&rules, &vouched).map(|rule| rule.role.clone());
        let acme = Some(Role::Developer("acme".to_owned()));
        assert_eq!(role(vouched(Some("Ann@Example.com"), &["ops"])), acme);
        let operator = Some(Role::Operator);
        assert_eq!(
            role(vouched(Some("bob@example.com"), &["x", "ops"])),
            operator
        );
        assert_eq!(role(vouched(None, &["opsx", "Ops"])), None);
        assert_eq!(role(Vouched::default()), None);
        assert!(rules[1].lacks(&Vouched::default()) && rules[0].lacks(&vouched(None, &[])));
        assert!(!rules[1].lacks(&vouched(None, &[])));
    }
}
