//! Violations of schemas, as a column.

use domain::schema::Violation;

use crate::error::StoreError;

/// What stands in the column. JSON escapes what Postgres' text can't hold.
pub(super) fn column(violations: &[Violation]) -> Option<String> {
    if violations.is_empty() {
        return None;
    }
    let json = serde_json::to_string(violations);
    Some(json.expect("texts can always be written as JSON"))
}

/// What stood in the column.
pub(super) fn from_column(text: Option<&str>) -> Result<Vec<Violation>, StoreError> {
    let read = text.map_or(Ok(Vec::new()), serde_json::from_str);
    read.map_err(|_| StoreError::unreadable("violations"))
}
