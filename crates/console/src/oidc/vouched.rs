//! What the identity provider says of somebody.

use openidconnect::{
    AdditionalClaims, EndUserEmail, EndUserName, EndUserUsername, LocalizedClaim, SubjectIdentifier,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The longest name of a person, in characters.
const NAME: usize = 200;

/// The claims that no standard names: groups are among them.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
pub(super) struct Others(Map<String, Value>);

impl AdditionalClaims for Others {}

/// Where groups are told: the name of a claim, or a JSON pointer into the claims.
#[derive(Debug, Clone)]
pub(super) struct GroupsClaim(String);

impl GroupsClaim {
    pub(super) fn new(name: &str) -> Self {
        if name.starts_with('/') {
            return Self(name.to_owned());
        }
        let escaped = name.replace('~', "~0").replace('/', "~1");
        Self(format!("/{escaped}"))
    }
}

/// What the identity provider says of somebody, as far as it matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Vouched {
    pub(crate) issuer: String,
    /// Who it is there, for good.
    pub(crate) subject: String,
    /// The address, where the provider says that it has verified it.
    pub(crate) verified_email: Option<String>,
    /// None where nothing is said of groups.
    pub(crate) groups: Option<Vec<String>>,
    /// What else they may be called by.
    pub(super) called: Option<String>,
}

/// What one set of claims says: an ID token's, or userinfo's.
pub(super) struct Told<'a> {
    pub(super) subject: &'a SubjectIdentifier,
    pub(super) email: Option<&'a EndUserEmail>,
    pub(super) email_verified: Option<bool>,
    pub(super) username: Option<&'a EndUserUsername>,
    pub(super) name: Option<&'a LocalizedClaim<EndUserName>>,
    pub(super) others: &'a Others,
}

impl Vouched {
    /// What an issuer's claims come to.
    pub(super) fn of(issuer: &str, told: &Told<'_>, groups: &GroupsClaim) -> Self {
        let is_verified = told.email_verified == Some(true);
        let email = told.email.filter(|_| is_verified);
        let name = told.name.and_then(|name| name.get(None));
        let username = told.username.map(|name| name.as_str());
        let called = username.or_else(|| name.map(|name| name.as_str()));
        Self {
            issuer: issuer.to_owned(),
            subject: told.subject.as_str().to_owned(),
            verified_email: email.map(|email| email.as_str().to_owned()),
            groups: named(told.others, groups),
            called: called.map(str::to_owned),
        }
    }

    /// This, and what is said elsewhere of the same person where this says nothing.
    pub(super) fn or(self, elsewhere: Self) -> Self {
        Self {
            verified_email: self.verified_email.or(elsewhere.verified_email),
            groups: self.groups.or(elsewhere.groups),
            called: self.called.or(elsewhere.called),
            ..self
        }
    }

    /// What they are called in lists: a line, not too long.
    pub(crate) fn name(&self) -> String {
        let names = [&self.verified_email, &self.called];
        let name = names.into_iter().flatten().next().unwrap_or(&self.subject);
        name.chars()
            .filter(|one| !one.is_control())
            .take(NAME)
            .collect()
    }
}

/// The groups: an array of texts, or one text.
fn named(others: &Others, claim: &GroupsClaim) -> Option<Vec<String>> {
    let (first, rest) = match claim.0[1..].split_once('/') {
        Some((first, rest)) => (first, format!("/{rest}")),
        None => (&claim.0[1..], String::new()),
    };
    let first = first.replace("~1", "/").replace("~0", "~");
    match others.0.get(&first)?.pointer(&rest)? {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(many) => {
            let texts = many.iter().filter_map(Value::as_str);
            Some(texts.map(str::to_owned).collect())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn groups(claim: &str, others: Value) -> Option<Vec<String>> {
        named(
            &serde_json::from_value(others).unwrap(),
            &GroupsClaim::new(claim),
        )
    }

    #[test]
    fn groups_are_found_where_they_are_told() {
        let ops = Some(vec!["ops".to_owned()]);
        assert_eq!(groups("groups", json!({"groups": ["ops", 7]})), ops);
        assert_eq!(groups("groups", json!({"groups": "ops"})), ops);
        assert_eq!(groups("groups", json!({"groups": 7})), None);
        assert_eq!(groups("groups", json!({})), None);
        let url = "https://example.com/groups";
        assert_eq!(groups(url, json!({url: ["ops"]})), ops);
        let nested = json!({"realm_access": {"roles": ["ops"]}});
        assert_eq!(groups("/realm_access/roles", nested), ops);
    }

    #[test]
    fn a_name_is_a_line() {
        let mut vouched = Vouched {
            subject: "24\n8".to_owned(),
            ..Vouched::default()
        };
        assert_eq!(vouched.name(), "248");
        vouched.called = Some("é".repeat(300));
        assert_eq!(vouched.name().chars().count(), NAME);
        vouched.verified_email = Some("ann@example.com".to_owned());
        assert_eq!(vouched.name(), "ann@example.com");
    }
}
