//! What calls answer besides what each of them describes: refusals that come of who asks and how,
//! the same everywhere. They are written into the document once, and referred to.

use serde_json::json;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn, PathItem};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Response};

/// How every refusal is told. Source: RFC 9457.
const PROBLEM: &str = "application/problem+json";

/// A refusal: its name in the document, its status, and when it comes.
type Refusal = (&'static str, &'static str, &'static str);

const UNREADABLE: Refusal = (
    "Unreadable",
    "400",
    "a parameter, a header or the body can't be read: the problem names it",
);
const UNAUTHORIZED: Refusal = (
    "Unauthorized",
    "401",
    "no API key, or one that is not known",
);
const FORBIDDEN: Refusal = ("Forbidden", "403", "the API key lacks the scope");
const NOT_FOUND: Refusal = (
    "NotFound",
    "404",
    "there is no such thing, or not for this API key",
);
const TOO_LARGE: Refusal = ("TooLarge", "413", "the body is larger than 64 KiB");
const UNSUPPORTED: Refusal = ("Unsupported", "415", "the body is not application/json");
const INVALID: Refusal = (
    "Invalid",
    "422",
    "a value can't be used: the problem points at it",
);
const UNAVAILABLE: Refusal = (
    "Unavailable",
    "503",
    "the record or the broker does not answer: try again",
);

const ALL: [Refusal; 8] = [
    UNREADABLE,
    UNAUTHORIZED,
    FORBIDDEN,
    NOT_FOUND,
    TOO_LARGE,
    UNSUPPORTED,
    INVALID,
    UNAVAILABLE,
];

/// Writes them into the document, and says of every refusal that it is a problem.
pub(super) fn describe(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            complete(operation);
        }
    }
    let components = document.components.get_or_insert_default();
    components
        .schemas
        .insert("Problem".to_owned(), RefOr::T(problem()));
    for (name, _, description) in ALL {
        let mut response = Response::new(description);
        tell_problem(&mut response);
        components
            .responses
            .insert(name.to_owned(), RefOr::T(response));
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let all = [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.patch,
        &mut item.delete,
    ];
    all.into_iter().flatten()
}

fn complete(operation: &mut Operation) {
    // Only what says so is open to everybody.
    let needs_key = operation.security.is_none();
    let takes_body = operation.request_body.is_some();
    let takes_more = parameters(operation).any(|one| one.parameter_in != ParameterIn::Path);
    let answers = &mut operation.responses.responses;
    for (status, answer) in answers.iter_mut() {
        if let RefOr::T(answer) = answer
            && status.as_str() >= "400"
        {
            tell_problem(answer);
        }
    }
    let mut may = |refusals: &[Refusal]| {
        for (name, status, _) in refusals {
            let refers = RefOr::Ref(Ref::from_response_name(*name));
            answers.entry((*status).to_owned()).or_insert(refers);
        }
    };
    if needs_key {
        may(&[UNAUTHORIZED, FORBIDDEN, NOT_FOUND, UNAVAILABLE]);
    }
    if takes_body {
        may(&[UNREADABLE, TOO_LARGE, UNSUPPORTED, INVALID]);
    }
    if takes_more {
        may(&[UNREADABLE]);
    }
}

fn parameters(operation: &Operation) -> impl Iterator<Item = &Parameter> {
    let all = operation.parameters.iter().flatten();
    all.filter_map(|one| match one {
        RefOr::T(one) => Some(one),
        RefOr::Ref(_) => None,
    })
}

fn tell_problem(response: &mut Response) {
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    response
        .content
        .insert(PROBLEM.to_owned(), RefOr::T(content));
}

fn problem() -> Schema {
    let described = json!({
        "type": "object",
        "description": "What is wrong with a request, and what to do about it (RFC 9457).",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "description": "What kind of problem it is.",
                     "example": "urn:posthaste:problem:invalid"},
            "title": {"type": "string", "description": "The kind, for people."},
            "status": {"type": "integer", "description": "The status of the answer."},
            "detail": {"type": "string", "description": "What is wrong, and what to do."},
            "errors": {"type": "array", "description": "The members that are at fault.", "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {
                    "pointer": {"type": "string", "example": "#/url", "description":
                        "A JSON pointer as a URI fragment, `query:` or `header:` and a name."},
                    "detail": {"type": "string"},
                },
            }},
        },
    });
    serde_json::from_value(described).expect("the schema is one")
}
