//! The form of an *event type*: its description, example, schema and mode.

use askama::Template;
use axum::Json;
use axum::extract::State as With;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use serde_json::value::RawValue;
use service::problem::Problem;

use super::faults::Faults;
use super::fields::Fields;
use super::frame::{Frame, Section, Shown, show};
use crate::access::{Manage, Platform, Read};
use crate::api::Api;
use crate::body::Body;
use crate::problem;
use crate::resources::event_types::{self, Entry, ToPut, Written};

/// What a schema may do, and in words.
const MODES: [(&str, &str); 3] = [
    ("off", "Off: nothing is checked"),
    ("warn", "Warn: accept, and record what is wrong"),
    ("enforce", "Enforce: refuse what violates it"),
];

/// The members that have a field.
const FIELDS: [&str; 5] = ["name", "description", "example", "schema", "schema_mode"];

#[derive(Template)]
#[template(path = "type-form.html")]
struct Form {
    frame: Frame,
    /// The type that is changed; none when one is made.
    changed: Option<String>,
    filled: Filled,
    faults: Faults,
}

impl Form {
    fn new(changed: Option<String>, filled: Filled, faults: Faults) -> Self {
        let title = changed
            .as_ref()
            .map_or("New event type", |_| "Edit event type");
        Self {
            frame: Frame::of_platform(Section::EventTypes, title),
            changed,
            filled,
            faults,
        }
    }

    fn modes(&self) -> [(&'static str, &'static str, bool); 3] {
        MODES.map(|(name, words)| (name, words, self.filled.mode == name))
    }

    fn other(&self) -> Option<&str> {
        self.faults.beside(&FIELDS)
    }
}

/// As the form was filled in.
#[derive(Default)]
struct Filled {
    name: String,
    description: String,
    example: String,
    schema: String,
    mode: String,
}

impl Filled {
    fn sent(fields: &Fields) -> Self {
        let text = |name: &str| fields.one(name).to_owned();
        Self {
            name: text("name"),
            description: text("description"),
            example: text("example"),
            schema: text("schema"),
            mode: text("schema_mode"),
        }
    }

    fn of(entry: Entry) -> Self {
        let schema = entry.schema.as_ref();
        Self {
            schema: schema
                .map(|schema| schema.get().to_owned())
                .unwrap_or_default(),
            name: entry.name,
            description: entry.description,
            example: entry.example,
            mode: entry.schema_mode.to_owned(),
        }
    }

    /// What the API is asked for.
    fn put(&self) -> Result<ToPut, Problem> {
        let schema = (!self.schema.is_empty()).then(|| json("#/schema", &self.schema));
        Ok(ToPut {
            description: self.description.clone(),
            example: json("#/example", &self.example)?,
            schema: schema.transpose()?,
            schema_mode: Some(self.mode.clone()),
        })
    }
}

fn json(pointer: &str, text: &str) -> Result<Box<RawValue>, Problem> {
    let read = serde_json::from_str(text);
    read.map_err(|error| problem::invalid(pointer, format!("not JSON: {error}")))
}

/// Shows the form for a new type.
pub(super) async fn new(_: Platform<Manage>) -> Shown {
    let filled = Filled {
        mode: "off".to_owned(),
        ..Filled::default()
    };
    Ok(show(
        StatusCode::OK,
        &Form::new(None, filled, Faults::default()),
    ))
}

/// Makes a type, where there is none of the name.
pub(super) async fn create(
    by: Platform<Manage>,
    reading: Platform<Read>,
    With(api): With<Api>,
    fields: Fields,
) -> Shown {
    let filled = Filled::sent(&fields);
    let named = Written(filled.name.clone());
    let found = event_types::get(reading, With(api.clone()), named).await;
    if found.is_ok() {
        let taken = problem::invalid("#/name", "there is a type of this name: edit that one");
        return Ok(show(
            taken.status(),
            &Form::new(None, filled, Faults::of(&taken)),
        ));
    }
    put(by, api, None, filled).await
}

/// Shows the form as a type is.
pub(super) async fn edit(
    _: Platform<Manage>,
    reading: Platform<Read>,
    With(api): With<Api>,
    named: Written,
) -> Shown {
    let Json(found) = event_types::get(reading, With(api), named).await?;
    let form = Form::new(
        Some(found.name.clone()),
        Filled::of(found),
        Faults::default(),
    );
    Ok(show(StatusCode::OK, &form))
}

/// Changes a type.
pub(super) async fn save(
    by: Platform<Manage>,
    With(api): With<Api>,
    named: Written,
    fields: Fields,
) -> Shown {
    let filled = Filled {
        name: named.0.clone(),
        ..Filled::sent(&fields)
    };
    put(by, api, Some(named.0), filled).await
}

/// Saves what was sent, or shows the form again with what is wrong.
async fn put(by: Platform<Manage>, api: Api, changed: Option<String>, filled: Filled) -> Shown {
    let named = Written(filled.name.clone());
    let saved = match filled.put() {
        Ok(entry) => event_types::put(by, With(api), named, Body(entry)).await,
        Err(problem) => Err(problem),
    };
    match saved {
        Ok(Json(saved)) => {
            Ok(Redirect::to(&format!("/event-types/{}", saved.name)).into_response())
        }
        Err(problem) if problem.status().is_server_error() => Err(problem),
        Err(problem) => {
            let form = Form::new(changed, filled, Faults::of(&problem));
            Ok(show(problem.status(), &form))
        }
    }
}
