//! A schema as it was declared, compiled when the first payload asks for it.

use std::sync::OnceLock;

use crate::deep::Deep;
use crate::schema::{Schema, SchemaError};

/// The text of a schema, and what became of it.
#[derive(Debug)]
pub struct Declared {
    of: Box<str>,
    text: Box<str>,
    compiled: OnceLock<Result<Schema, SchemaError>>,
}

impl Declared {
    /// The schema of the event type `of`, not compiled yet.
    #[must_use]
    pub fn new(of: &str, text: &str) -> Self {
        Self {
            of: of.into(),
            text: text.into(),
            compiled: OnceLock::new(),
        }
    }

    /// The schema; none when this version can't compile it, which is logged once.
    pub fn schema(&self, deep: &Deep) -> Option<&Schema> {
        let compiled = self.compiled.get_or_init(|| {
            let compiled = Schema::compile(deep, &self.text);
            if let Err(error) = &compiled {
                tracing::error!(
                    event.r#type = &*self.of,
                    schema.pointer = error.pointer,
                    %error,
                    "a schema in the record can't be used: payloads of the type are not checked"
                );
            }
            compiled
        });
        compiled.as_ref().ok()
    }
}
