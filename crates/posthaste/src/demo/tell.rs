//! What the demonstration says, and how it looks.

use std::io::{IsTerminal, stdout};
use std::time::Duration;

use crate::cmd::listen::{Arrival, in_words, inert};
use crate::out;

/// Tells the story, in colour where the terminal has any.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Teller {
    ink: Ink,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ink {
    Colour,
    Plain,
}

impl Teller {
    /// Colour only on a terminal, and not where `NO_COLOR` asks for none.
    pub(crate) fn new() -> Self {
        let colour = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self {
            ink: if colour { Ink::Colour } else { Ink::Plain },
        }
    }

    fn painted(self, code: &str, text: &str) -> String {
        match self.ink {
            Ink::Colour => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            Ink::Plain => text.to_owned(),
        }
    }

    /// A chapter begins.
    pub(crate) fn title(self, text: &str) {
        out::line(format_args!("\n{}", self.painted("1", text)));
    }

    /// Something went as it should.
    pub(crate) fn good(self, text: &str) {
        out::line(format_args!("  {} {text}", self.painted("32", "✓")));
    }

    /// Something failed, as the story has it.
    pub(crate) fn bad(self, text: &str) {
        out::line(format_args!("  {} {text}", self.painted("31", "✗")));
    }

    /// Something to know.
    pub(crate) fn note(self, text: &str) {
        out::line(format_args!("    {}", self.painted("2", text)));
    }

    /// A line as it stands, to copy.
    pub(crate) fn line(self, text: &str) {
        out::line(text);
    }

    /// A request that a receiver got, `after` its event was published.
    pub(crate) fn arrival(self, arrival: &Arrival, number: usize, after: Duration) {
        let status = arrival.status.as_u16();
        let seconds = after.as_secs_f64();
        let text = format!("attempt {number} after {seconds:.3} s, answered {status}");
        if arrival.status.is_success() {
            self.good(&text)
        } else {
            self.bad(&text)
        }
    }

    /// The whole of a request, and what its signatures say.
    pub(crate) fn request(self, arrival: &Arrival) {
        self.note(&format!("webhook-id: {}", inert(&arrival.webhook_id)));
        self.note(&format!(
            "webhook-signature: {}",
            inert(&arrival.webhook_signature)
        ));
        self.note(&inert(&String::from_utf8_lossy(&arrival.body)));
        let verdict = in_words(arrival.verdict);
        match arrival.verdict {
            Some(verdict) if verdict.is_genuine() => {
                self.good("signature verified: headers and body member")
            }
            _ => self.bad(&verdict),
        }
    }
}
