//! What is wrong with what a form or a search was filled in with, by its fields.

use axum::http::StatusCode;
use service::problem::Problem;

use super::words;

/// What is wrong, each beside its field.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<(String, String)>);

impl Faults {
    /// What a problem says of members and parameters; by the empty name, what it says of none.
    pub(super) fn of(problem: &Problem) -> Self {
        if problem.faults().is_empty() {
            return Self(vec![(String::new(), words::sentence(problem.detail()))]);
        }
        let faults = problem.faults().iter();
        Self::named(faults.map(|fault| (&*fault.pointer, &*fault.detail)))
    }

    /// What is wrong, each with a pointer to where.
    pub(super) fn named<'a>(faults: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let named = faults.map(|(pointer, detail)| {
            let (_, name) = pointer.split_once(['/', ':']).unwrap_or(("", pointer));
            (name.to_owned(), words::sentence(detail))
        });
        Self(named.collect())
    }

    /// These and others.
    pub(super) fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// What is wrong with a search by these fields; the problem again where it is anything else.
    pub(super) fn of_search(problem: Problem, names: &[&str]) -> Result<Self, Problem> {
        let faults = Self::of(&problem);
        let is_of_fields = problem.status() == StatusCode::BAD_REQUEST;
        match faults.beside(names) {
            None if is_of_fields => Ok(faults),
            _ => Err(problem),
        }
    }

    /// What is wrong with this member, or with something in it.
    pub(super) fn at(&self, name: &str) -> Option<&str> {
        self.all(name).map(|(_, detail)| detail).next()
    }

    /// What is wrong with a member and in it, each with its place.
    pub(super) fn all<'a, 'b>(
        &'a self,
        name: &'b str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a, 'b> {
        let mine = self.0.iter().filter_map(move |(own, detail)| {
            let place = own.strip_prefix(name)?;
            (place.is_empty() || place.starts_with('/')).then_some((place, &**detail))
        });
        mine.filter(move |_| !name.is_empty())
    }

    /// What is wrong with none of these.
    pub(super) fn beside(&self, names: &[&str]) -> Option<&str> {
        let is_named = |own: &str| {
            names
                .iter()
                .any(|name| own.split('/').next() == Some(*name))
        };
        let mut rest = self.0.iter().filter(|(own, _)| !is_named(own));
        rest.next().map(|(_, detail)| &**detail)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem;

    #[test]
    fn a_fault_stands_beside_its_field() {
        let faults = Faults::of(&problem::bad_parameter("since", "not RFC 3339"));
        assert_eq!(faults.at("since"), Some("Not RFC 3339."));
        assert_eq!(faults.at("sin"), None);
        assert_eq!(faults.beside(&["since"]), None);
        let faults = Faults::of(&problem::invalid("#/schema/type/0", "no type"));
        assert_eq!(faults.at("schema"), Some("No type."));
        let all: Vec<_> = faults.all("schema").collect();
        assert_eq!(all, [("/type/0", "No type.")]);
        assert_eq!(faults.beside(&["name"]), Some("No type."));
        let faults = Faults::of(&problem::not_found());
        assert!(faults.beside(&["name"]).is_some() && faults.at("").is_none());
        assert!(Faults::default().is_empty());
        let limit = problem::bad_parameter("limit", "a number");
        assert!(Faults::of_search(limit.clone(), &["limit"]).is_ok());
        assert!(Faults::of_search(limit, &["since"]).is_err());
        assert!(Faults::of_search(problem::not_found(), &["since"]).is_err());
    }
}
