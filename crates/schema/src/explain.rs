//! What is said of a violation: the keyword and what the schema asks for, never what was there.

use domain::limits;
use domain::schema::Violation;
use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};

use crate::pointer::{fragment, segment};

/// The violations that an error of the validator stands for: one, or one for each member that
/// should not be there.
pub(crate) fn violations(error: &ValidationError<'_>) -> Vec<Violation> {
    let at = error.instance_path().as_str();
    let detail = clipped(format!(
        "{}: {}",
        error.kind().keyword(),
        asked(error.kind())
    ));
    let violation = |pointer: &str| Violation {
        pointer: fragment(pointer, limits::VIOLATION_POINTER_BYTES),
        detail: detail.clone(),
    };
    match error.kind() {
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let named = unexpected.iter().take(limits::VIOLATIONS);
            named
                .map(|name| violation(&format!("{at}/{}", segment(name))))
                .collect()
        }
        _ => vec![violation(at)],
    }
}

/// What is wrong with a schema itself.
pub(crate) fn schema(error: &ValidationError<'_>) -> String {
    match error.kind() {
        Kind::Referencing(_) => {
            "$ref: it refers to what is not in the schema itself, and nothing else is looked up"
                .to_owned()
        }
        Kind::Format { format } if format == "regex" => {
            "pattern: no regular expression that is matched in linear time: \
             look-around and back references are not taken, nor are very large ones"
                .to_owned()
        }
        kind => clipped(format!("{}: {}", kind.keyword(), asked(kind))),
    }
}

/// What the schema asks for there.
fn asked(kind: &Kind) -> String {
    match kind {
        Kind::AdditionalProperties { .. } | Kind::UnevaluatedProperties { .. } => {
            "there should be no such member".to_owned()
        }
        Kind::AdditionalItems { limit } => format!("at most {limit} elements"),
        Kind::UnevaluatedItems { .. } => "there should be no such elements".to_owned(),
        Kind::MaxItems { limit } => format!("at most {limit} elements"),
        Kind::MinItems { limit } => format!("at least {limit} elements"),
        Kind::MaxProperties { limit } => format!("at most {limit} members"),
        Kind::MinProperties { limit } => format!("at least {limit} members"),
        Kind::MaxLength { limit } => format!("at most {limit} characters"),
        Kind::MinLength { limit } => format!("at least {limit} characters"),
        Kind::Maximum { limit } => format!("at most {limit}"),
        Kind::Minimum { limit } => format!("at least {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("less than {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("more than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("a multiple of {multiple_of}"),
        Kind::Required { property } => format!("the member {property} is missing"),
        Kind::Type { kind } => format!("should be {}", types(kind)),
        Kind::Format { format } => format!("not of the format {format}"),
        Kind::Pattern { pattern } => format!("does not match {pattern}"),
        Kind::BacktrackLimitExceeded { .. } | Kind::RegexEngineFailure { .. } => {
            "could not be matched".to_owned()
        }
        Kind::Constant { .. } => "not the value that it must be".to_owned(),
        Kind::Enum { .. } => "none of the values that it may be".to_owned(),
        Kind::Contains => "too few or too many of the elements that it asks for".to_owned(),
        Kind::ContentEncoding { .. } | Kind::FromUtf8 { .. } => "not encoded so".to_owned(),
        Kind::ContentMediaType { .. } => "not of this media type".to_owned(),
        Kind::FalseSchema => "nothing is allowed here".to_owned(),
        Kind::Not { .. } => "it is what it must not be".to_owned(),
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => "it satisfies none of them".to_owned(),
        Kind::OneOfMultipleValid { .. } => "it satisfies more than one of them".to_owned(),
        Kind::PropertyNames { .. } => "the name of a member is not allowed".to_owned(),
        Kind::UniqueItems => "an element stands there twice".to_owned(),
        Kind::Custom { .. } | Kind::Referencing(_) => "can't be used".to_owned(),
    }
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => one.to_string(),
        TypeKind::Multiple(several) => {
            let names: Vec<String> = several.iter().map(|one| one.to_string()).collect();
            names.join(" or ")
        }
    }
}

/// The detail within its bound.
pub(crate) fn clipped(mut detail: String) -> String {
    if detail.len() > limits::VIOLATION_DETAIL_BYTES {
        detail.truncate(detail.floor_char_boundary(limits::VIOLATION_DETAIL_BYTES));
    }
    detail
}
