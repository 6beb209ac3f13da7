//! The bounds that a schema must keep before it is compiled.

use domain::limits;
use serde_json::Value;

use crate::schema::SchemaError;

/// Refuses a schema that is nested too deep or has too many regular expressions.
pub(crate) fn keep(schema: &Value) -> Result<(), SchemaError> {
    let mut patterns = 0;
    walk(schema, limits::SCHEMA_NESTING, &mut patterns)?;
    if patterns > limits::SCHEMA_PATTERNS {
        let most = limits::SCHEMA_PATTERNS;
        let detail = format!("it has {patterns} regular expressions: at most {most} are taken");
        return Err(SchemaError::whole(detail));
    }
    Ok(())
}

/// Counts what may be a regular expression, wherever it stands.
fn walk(value: &Value, levels: usize, patterns: &mut usize) -> Result<(), SchemaError> {
    if levels == 0 && (value.is_array() || value.is_object()) {
        let most = limits::SCHEMA_NESTING;
        let detail = format!("nested deeper than {most} arrays and objects");
        return Err(SchemaError::whole(detail));
    }
    match value {
        Value::Array(elements) => elements
            .iter()
            .try_for_each(|one| walk(one, levels - 1, patterns)),
        Value::Object(members) => members.iter().try_for_each(|(name, one)| {
            *patterns += match (name.as_str(), one) {
                ("pattern", Value::String(_)) => 1,
                ("patternProperties", Value::Object(patterns)) => patterns.len(),
                _ => 0,
            };
            walk(one, levels - 1, patterns)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}
