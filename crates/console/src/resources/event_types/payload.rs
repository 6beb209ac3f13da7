//! What an event type asks of its payloads, judged before it is kept.

use domain::schema::{SchemaMode, Violation};
use schema::{Deep, Schema, SchemaError, deeply};
use service::problem::Problem;

use super::ToPut;
use crate::problem::{invalid, unavailable};

/// A schema that can be used, and what for.
pub(super) struct Judged<'a> {
    pub(super) text: Option<&'a str>,
    pub(super) mode: SchemaMode,
}

/// Why an entry can't be kept.
enum Unfit {
    Schema(SchemaError),
    /// The example violates what is enforced.
    Example(Vec<Violation>),
}

impl Unfit {
    fn problem(&self) -> Problem {
        match self {
            Self::Schema(error) => invalid(format!("#/schema{}", error.pointer), error),
            Self::Example(violations) => {
                let detail = "it violates the schema that is to be enforced";
                let problem = invalid("#/example", detail);
                violations.iter().fold(problem, |problem, one| {
                    problem.at(format!("#/example{}", one.pointer), &*one.detail)
                })
            }
        }
    }
}

/// The schema of an entry. One that is enforced must let the entry's own example through.
pub(super) async fn schema(entry: &ToPut) -> Result<Judged<'_>, Problem> {
    let mode = match entry.schema_mode.as_deref() {
        None => SchemaMode::Off,
        Some(name) => SchemaMode::from_name(name)
            .ok_or_else(|| invalid("#/schema_mode", "one of off, warn, enforce"))?,
    };
    let Some(schema) = &entry.schema else {
        return match mode {
            SchemaMode::Off => Ok(Judged { text: None, mode }),
            SchemaMode::Warn | SchemaMode::Enforce => Err(invalid(
                "#/schema",
                "missing: without it nothing is checked",
            )),
        };
    };
    let (text, example) = (schema.get().to_owned(), entry.example.get().to_owned());
    // A thread that waits for one with a deep stack: no task waits meanwhile.
    let judging =
        tokio::task::spawn_blocking(move || deeply(|deep| judge(deep, &text, &example, mode)));
    match judging.await {
        Ok(Ok(judged)) => judged.map_err(|unfit| unfit.problem())?,
        Ok(Err(error)) => {
            tracing::error!(%error, "there is no thread to compile a schema");
            return Err(unavailable("the schema can't be compiled now: try again"));
        }
        Err(error) => {
            tracing::error!(%error, "a schema can't be compiled");
            return Err(invalid("#/schema", "it can't be compiled"));
        }
    }
    Ok(Judged {
        text: Some(schema.get()),
        mode,
    })
}

fn judge(deep: &Deep, text: &str, example: &str, mode: SchemaMode) -> Result<(), Unfit> {
    let schema = Schema::compile(deep, text).map_err(Unfit::Schema)?;
    match mode {
        SchemaMode::Off | SchemaMode::Warn => Ok(()),
        SchemaMode::Enforce => schema
            .check(deep, example.as_bytes())
            .map_err(Unfit::Example),
    }
}
