//! What event types ask of their payloads, for ingest.

use std::collections::HashMap;
use std::sync::Arc;

use deadpool_postgres::Transaction;
use domain::event_type::EventType;
use domain::schema::SchemaMode;
use schema::Declared;

use super::live::load::Load;
use crate::error::StoreError;
use crate::keyring::Keyring;
use crate::sql::{get, named, parsed, rows};

/// The event types whose payloads are checked. One whose schema is off is not here, and an
/// archived one is: it is no longer offered, and may still be published.
#[derive(Debug, Clone, Default)]
pub struct SchemaDirectory {
    types: HashMap<EventType, Arc<PayloadSchema>>,
}

/// What an event type asks of its payloads.
#[derive(Debug)]
pub struct PayloadSchema {
    /// What becomes of those that violate it; never [`SchemaMode::Off`].
    pub mode: SchemaMode,
    /// The schema, compiled at its first use and then for as long as it stands in the record.
    pub declared: Declared,
}

impl SchemaDirectory {
    /// What this type asks of its payloads; none when they are not checked.
    #[must_use]
    pub fn of(&self, event_type: &EventType) -> Option<Arc<PayloadSchema>> {
        self.types.get(event_type).cloned()
    }
}

impl Load for SchemaDirectory {
    async fn load(
        &self,
        transaction: &Transaction<'_>,
        _: &Keyring,
        known: i64,
    ) -> Result<Self, StoreError> {
        const CHANGED: &str = "-- directory_schemas
            select name, schema, schema_mode from event_types
            where epoch > $1 and (schema_mode <> 'off' or $1 > 0)";
        let mut next = self.clone();
        for row in &rows(transaction, CHANGED, &[&known]).await? {
            let name: EventType = parsed(row, "name")?;
            let mode = named(row, "schema_mode", SchemaMode::from_name)?;
            let text: Option<&str> = get(row, "schema")?;
            match (mode, text) {
                (SchemaMode::Warn | SchemaMode::Enforce, Some(text)) => {
                    let declared = Declared::new(name.as_str(), text);
                    let schema = PayloadSchema { mode, declared };
                    next.types.insert(name, Arc::new(schema));
                }
                (SchemaMode::Off, _) | (_, None) => {
                    next.types.remove(&name);
                }
            }
        }
        Ok(next)
    }
}
