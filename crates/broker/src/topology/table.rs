//! The topology as a table for people.

use std::fmt;

use super::arguments::ArgumentValue;
use super::{Arguments, Topology};

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.queues.iter().map(|queue| queue.name.len()).max();
        let width = width.unwrap_or_default();

        writeln!(f, "exchanges")?;
        for exchange in &self.exchanges {
            write!(f, "  {:width$}  {}", exchange.name, exchange.kind.as_str())?;
            match exchange.alternate {
                Some(alternate) => writeln!(f, ", alternate {alternate}")?,
                None => writeln!(f)?,
            }
        }
        writeln!(f, "queues")?;
        for queue in &self.queues {
            writeln!(f, "  {:width$}  {}", queue.name, Listed(&queue.arguments))?;
        }
        writeln!(f, "bindings")?;
        for binding in &self.bindings {
            let key = if binding.key.is_empty() {
                "(all)"
            } else {
                &binding.key
            };
            writeln!(
                f,
                "  {:width$}  <- {} {key}",
                binding.queue, binding.exchange
            )?;
        }
        Ok(())
    }
}

struct Listed<'a>(&'a Arguments);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (name, value)) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(" ")?;
            }
            match value {
                ArgumentValue::Text(text) => write!(f, "{name}={text}")?,
                ArgumentValue::Number(number) => write!(f, "{name}={number}")?,
            }
        }
        Ok(())
    }
}
