//! Whether payloads satisfy the schemas of their types.
//!
//! An event whose type has no schema costs a look-up. Any other is checked on threads of their
//! own, since a check is work for a processor, and how much of it a stranger decides.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use domain::event::Event;
use domain::schema::{SchemaMode, Violation};
use schema::{Checkers, Deep};
use store::directory::PayloadSchema;
use store::{Live, SchemaDirectory, StoreError};

use crate::check::Refusal;
use crate::metrics::{Metrics, Verdict};

/// Checks payloads. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Schemas {
    directory: Live<SchemaDirectory>,
    checkers: Checkers,
    metrics: Metrics,
}

impl Schemas {
    /// Starts a thread for each processor; they end when the last clone is dropped.
    pub(crate) fn start(directory: Live<SchemaDirectory>, metrics: &Metrics) -> io::Result<Self> {
        let threads = available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Ok(Self {
            directory,
            checkers: Checkers::start(threads)?,
            metrics: metrics.clone(),
        })
    }

    /// Whether the schemas are known.
    pub(crate) fn is_loaded(&self) -> bool {
        self.directory.is_loaded()
    }

    /// Waits until the schemas are known; cancel safe.
    pub(crate) async fn loaded(&self) -> Result<(), StoreError> {
        self.directory.loaded(Duration::MAX).await.map(drop)
    }

    /// The event, with how its payload violates the schema of its type where that is recorded;
    /// refused where the schema is enforced.
    pub(crate) async fn check(&self, event: Event) -> Result<Event, Refusal> {
        let Some(schema) = self.directory.current().of(&event.event_type) else {
            return Ok(event);
        };
        let finding = self.find(&schema, &event).await;
        let (schema, finding) = match (schema.mode, finding) {
            // The schema may have been changed just now.
            (SchemaMode::Enforce, Finding::Violates(violations)) => {
                match self.directory.latest().await.of(&event.event_type) {
                    None => return Ok(event),
                    Some(latest) if Arc::ptr_eq(&latest, &schema) => {
                        (schema, Finding::Violates(violations))
                    }
                    Some(latest) => {
                        let finding = self.find(&latest, &event).await;
                        (latest, finding)
                    }
                }
            }
            (_, finding) => (schema, finding),
        };
        let (verdict, judged) = judge(event, schema.mode, finding);
        self.metrics.checked(verdict);
        judged
    }

    /// Holds the payload against the schema, when one of the threads is free.
    async fn find(&self, schema: &Arc<PayloadSchema>, event: &Event) -> Finding {
        let (schema, data) = (Arc::clone(schema), event.data.clone());
        let finding = self.checkers.run(move |deep| find(deep, &schema, &data));
        finding.await.unwrap_or(Finding::Nothing)
    }
}

/// What was found out about a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Finding {
    Satisfies,
    Violates(Vec<Violation>),
    /// This version can't use the schema.
    Nothing,
}

fn find(deep: &Deep, schema: &PayloadSchema, data: &[u8]) -> Finding {
    let Some(schema) = schema.declared.schema(deep) else {
        return Finding::Nothing;
    };
    match schema.check(deep, data) {
        Ok(()) => Finding::Satisfies,
        Err(violations) => Finding::Violates(violations),
    }
}

/// What becomes of an event. Where nothing could be found out, for no fault of its own, it goes
/// on as if its type had no schema.
fn judge(event: Event, mode: SchemaMode, finding: Finding) -> (Verdict, Result<Event, Refusal>) {
    match (finding, mode) {
        (Finding::Satisfies, _) => (Verdict::Ok, Ok(event)),
        (Finding::Nothing, _) => (Verdict::Unchecked, Ok(event)),
        (Finding::Violates(violations), SchemaMode::Enforce) => {
            (Verdict::Refused, Err(Refusal::violating(violations)))
        }
        (Finding::Violates(violations), SchemaMode::Off | SchemaMode::Warn) => (
            Verdict::Warned,
            Ok(Event {
                violations,
                ..event
            }),
        ),
    }
}
