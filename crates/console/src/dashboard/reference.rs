//! The *API reference*: our OpenAPI document as a page.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Html;
use bytes::Bytes;
use serde_json::Value;
use utoipa::openapi::OpenApi;

use super::frame::Frame;
use super::words;
use crate::api::Api;

/// The methods of a path, in the order in which they are shown.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Where a document keeps its schemas.
const SCHEMAS: &str = "#/components/schemas/";

#[derive(Template)]
#[template(path = "reference.html")]
struct Reference {
    frame: Frame,
    description: Vec<String>,
    groups: Vec<Group>,
    schemas: Vec<Schema>,
}

/// The operations of one resource.
struct Group {
    name: String,
    title: String,
    anchor: String,
    operations: Vec<Operation>,
}

struct Operation {
    anchor: String,
    method: &'static str,
    path: String,
    summary: String,
    description: Vec<String>,
    parameters: Vec<Parameter>,
    body: Option<Kind>,
    answers: Vec<Answer>,
}

struct Parameter {
    name: String,
    /// `path`, `query` or `header`.
    place: String,
    is_required: bool,
    kind: Kind,
    description: String,
}

struct Answer {
    status: String,
    description: String,
    body: Option<Kind>,
}

struct Schema {
    name: String,
    description: Vec<String>,
    members: Vec<Member>,
    /// What it is, where it has no members.
    kind: Option<Kind>,
}

struct Member {
    name: String,
    kind: Kind,
    is_required: bool,
    description: Vec<String>,
    example: Option<String>,
}

/// What a value is: words, and the schema that they end with, if they do.
#[derive(Debug, Default, PartialEq, Eq)]
struct Kind {
    words: String,
    schema: Option<String>,
    or_null: bool,
}

/// Serves the page.
pub(super) async fn page(State(api): State<Api>) -> Html<Bytes> {
    Html(api.dashboard.reference.clone())
}

/// The page of a document, rendered once for all who read it.
pub(super) fn rendered(document: &OpenApi) -> Bytes {
    let document = serde_json::to_value(document).unwrap_or_default();
    match Reference::of(&document).render() {
        Ok(page) => page.into(),
        Err(error) => {
            tracing::error!(%error, "the API reference can't be rendered");
            Bytes::new()
        }
    }
}

impl Reference {
    /// Of an OpenAPI document.
    fn of(document: &Value) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        for (path, item) in members(&document["paths"]) {
            for method in METHODS {
                let Some(described) = item.get(method) else {
                    continue;
                };
                let tag = text(&described["tags"][0]);
                let operation = Operation::of(method, path, described);
                match groups.iter_mut().find(|group| group.name == tag) {
                    Some(group) => group.operations.push(operation),
                    None => groups.push(Group {
                        anchor: anchor(&tag),
                        title: words::capitalised(&tag),
                        name: tag,
                        operations: vec![operation],
                    }),
                }
            }
        }
        groups.sort_by_key(|group| group.name.to_lowercase());
        let schemas = members(&document["components"]["schemas"]);
        Self {
            frame: Frame::bare("API reference"),
            description: paragraphs(&document["info"]["description"]),
            groups,
            schemas: schemas.map(|(name, one)| Schema::of(name, one)).collect(),
        }
    }
}

impl Operation {
    fn of(method: &'static str, path: &str, described: &Value) -> Self {
        let parameters = described["parameters"].as_array().into_iter().flatten();
        // What every call may answer besides is said once, at the head of the page.
        let answers = members(&described["responses"]).filter(|(_, one)| one.get("$ref").is_none());
        let answers = answers.map(|(status, one)| Answer {
            description: said(&one["description"], status),
            body: content(one),
            status: status.clone(),
        });
        let body = &described["requestBody"];
        Self {
            anchor: anchor(&format!("{method} {path}")),
            method,
            path: path.to_owned(),
            summary: text(&described["summary"]),
            description: paragraphs(&described["description"]),
            parameters: parameters.map(Parameter::of).collect(),
            body: content(body),
            answers: answers.collect(),
        }
    }
}

impl Parameter {
    fn of(described: &Value) -> Self {
        Self {
            name: text(&described["name"]),
            place: text(&described["in"]),
            is_required: described["required"] == true,
            kind: Kind::of(&described["schema"]),
            description: text(&described["description"]),
        }
    }
}

impl Schema {
    fn of(name: &str, described: &Value) -> Self {
        let parts = described["allOf"].as_array();
        let parts: Vec<&Value> = parts.map_or_else(|| vec![described], |all| all.iter().collect());
        let members: Vec<Member> = parts.iter().flat_map(|part| Member::all(part)).collect();
        let beyond = parts.iter().find(|part| part.get("$ref").is_some());
        let kind = match (beyond, members.is_empty()) {
            (Some(part), _) => Some(Kind::of(part)),
            (None, true) => Some(Kind::of(described)),
            (None, false) => None,
        };
        Self {
            name: name.to_owned(),
            description: paragraphs(&described["description"]),
            members,
            kind,
        }
    }

    /// Whether it has the members of its kind, and its own besides.
    fn extends(&self) -> bool {
        self.kind.is_some() && !self.members.is_empty()
    }
}

impl Member {
    fn all(schema: &Value) -> Vec<Self> {
        let required = schema["required"].as_array();
        let is_required =
            |name: &str| required.is_some_and(|all| all.iter().any(|one| one == name));
        let all = members(&schema["properties"]).map(|(name, one)| Self {
            is_required: is_required(name),
            kind: Kind::of(one),
            description: paragraphs(&one["description"]),
            example: one.get("example").map(|example| match example {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            }),
            name: name.clone(),
        });
        all.collect()
    }
}

impl Kind {
    fn of(schema: &Value) -> Self {
        if let Some(name) = schema["$ref"].as_str() {
            return Self {
                schema: name.strip_prefix(SCHEMAS).map(str::to_owned),
                ..Self::default()
            };
        }
        if let Some(choices) = schema["oneOf"].as_array() {
            let one = choices.iter().find(|one| one["type"] != "null");
            return Self {
                or_null: choices.iter().any(|one| one["type"] == "null"),
                ..one.map(Self::of).unwrap_or_default()
            };
        }
        let types = match &schema["type"] {
            Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
            Value::String(one) => vec![one.as_str()],
            _ => Vec::new(),
        };
        let named = types.iter().copied().find(|one| *one != "null");
        let or_null = types.contains(&"null");
        match named {
            Some("array") => {
                let items = Self::of(&schema["items"]);
                Self {
                    words: format!("array of {}", items.words),
                    or_null,
                    ..items
                }
            }
            named => Self {
                words: named.unwrap_or("any JSON").to_owned(),
                schema: None,
                or_null,
            },
        }
    }
}

/// What a body is, in its first content type.
fn content(described: &Value) -> Option<Kind> {
    let (_, first) = members(&described["content"]).next()?;
    first.get("schema").map(Kind::of)
}

/// What is said of an answer, or what its status is called.
fn said(description: &Value, status: &str) -> String {
    match description.as_str() {
        Some(text) if !text.is_empty() => text.to_owned(),
        _ => {
            let status = status
                .parse()
                .ok()
                .and_then(|code| StatusCode::from_u16(code).ok());
            let reason = status.and_then(|status| status.canonical_reason());
            reason.unwrap_or_default().to_owned()
        }
    }
}

fn members(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.as_object().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn paragraphs(value: &Value) -> Vec<String> {
    let whole = value.as_str().unwrap_or_default();
    let all = whole.split("\n\n").map(|one| one.replace('\n', " "));
    all.filter(|one| !one.is_empty()).collect()
}

/// Prose in pieces, each second of which stood between backticks.
fn pieces(prose: &str) -> impl Iterator<Item = (bool, &str)> {
    let pieces = prose.split('`').enumerate();
    pieces.map(|(place, piece)| (place % 2 == 1, piece))
}

/// A name as an address can end with it.
fn anchor(name: &str) -> String {
    let words = name.split(|one: char| !one.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("-").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kinds_in_words() {
        let kind = |schema: Value| Kind::of(&schema);
        let named = |words: &str, schema: Option<&str>, or_null| Kind {
            words: words.to_owned(),
            schema: schema.map(str::to_owned),
            or_null,
        };
        assert_eq!(
            kind(json!({"type": ["string", "null"]})),
            named("string", None, true)
        );
        let letter = json!({"$ref": "#/components/schemas/Letter"});
        assert_eq!(kind(letter.clone()), named("", Some("Letter"), false));
        assert_eq!(
            kind(json!({"type": "array", "items": letter})),
            named("array of ", Some("Letter"), false)
        );
        assert_eq!(
            kind(json!({"oneOf": [{"type": "null"}, letter]})),
            named("", Some("Letter"), true)
        );
        assert_eq!(kind(json!({})), named("any JSON", None, false));
    }

    #[test]
    fn every_operation_is_shown_and_every_link_leads_somewhere() {
        let document = serde_json::to_value(crate::openapi()).unwrap();
        let reference = Reference::of(&document);
        let operations = reference.groups.iter().flat_map(|group| &group.operations);
        let described: usize = members(&document["paths"])
            .map(|(_, item)| {
                METHODS
                    .iter()
                    .filter(|name| item.get(**name).is_some())
                    .count()
            })
            .sum();
        assert_eq!(operations.clone().count(), described);
        assert!(operations.clone().all(|one| !one.summary.is_empty()));
        let page = reference.render().unwrap();
        for (_, rest) in page
            .match_indices("href=\"#")
            .map(|(at, _)| page.split_at(at + 7))
        {
            let (id, _) = rest.split_once('"').unwrap();
            assert_eq!(page.matches(&format!("id=\"{id}\"")).count(), 1, "{id}");
        }
    }
}
