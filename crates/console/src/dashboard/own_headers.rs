//! The rows in which an endpoint's own headers are filled in.
//!
//! Values are secrets: what an endpoint has is shown by its name, and kept while its value is left
//! empty.

use std::collections::BTreeMap;

use domain::limits;
use service::problem::Problem;

use super::fields::Fields;
use crate::problem;

/// One header, as its row is filled in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) value: String,
    /// Whether the endpoint has a value for it, to be kept if none is given.
    pub(super) is_there: bool,
}

/// As a form was sent, for an endpoint that has these headers.
pub(super) fn sent(fields: &Fields, there: &[String]) -> Vec<Row> {
    let named = fields
        .all("header_name")
        .map(str::trim)
        .zip(fields.all("header_value"));
    let filled = named.filter(|(name, value)| !(name.is_empty() && value.trim().is_empty()));
    let row = |(name, value): (&str, &str)| Row {
        is_there: there.iter().any(|own| own.eq_ignore_ascii_case(name)),
        name: name.to_owned(),
        value: value.trim().to_owned(),
    };
    filled.map(row).collect()
}

/// As an endpoint has them.
pub(super) fn of(there: &[String]) -> Vec<Row> {
    let row = |name: &String| Row {
        name: name.clone(),
        value: String::new(),
        is_there: true,
    };
    there.iter().map(row).collect()
}

/// Whether there is room for one more.
pub(super) const fn has_room(rows: &[Row]) -> bool {
    rows.len() < limits::CUSTOM_HEADERS
}

/// What the API is asked for.
pub(super) fn asked(rows: &[Row]) -> Result<BTreeMap<String, Option<String>>, Problem> {
    let mut asked = BTreeMap::new();
    for row in rows {
        let is_kept = row.is_there && row.value.is_empty();
        let value = (!is_kept).then(|| row.value.clone());
        if asked.insert(row.name.clone(), value).is_some() {
            let detail = format!("{} is given twice: leave one of them out", row.name);
            return Err(problem::invalid("#/headers", detail));
        }
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, value: &str, is_there: bool) -> Row {
        Row {
            name: name.to_owned(),
            value: value.to_owned(),
            is_there,
        }
    }

    #[test]
    fn rows_as_they_are_sent() {
        let pairs = [
            ("header_name", "Authorization"),
            ("header_value", ""),
            ("header_name", " x-team "),
            ("header_value", " orders "),
            ("header_name", ""),
            ("header_value", " "),
        ];
        let rows = sent(&Fields::of(&pairs), &["authorization".to_owned()]);
        let expected = [
            row("Authorization", "", true),
            row("x-team", "orders", false),
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn what_is_there_is_kept_and_what_is_new_is_given() {
        let rows = [row("a", "", true), row("b", "2", true), row("c", "", false)];
        let asked = asked(&rows).unwrap();
        assert_eq!(asked["a"], None);
        assert_eq!(asked["b"].as_deref(), Some("2"));
        assert_eq!(asked["c"].as_deref(), Some(""));
        let twice = super::asked(&[row("a", "1", false), row("a", "2", false)]);
        assert_eq!(twice.unwrap_err().faults()[0].pointer, "#/headers");
    }
}
