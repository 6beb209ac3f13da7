//! A filter's text and how far it has been read.

use crate::parser::{ParseFilterError, Reason};
use crate::reader::number_length;
use crate::text::escape;

/// Takes a filter's text apart, character by character.
pub(crate) struct Scanner<'s> {
    source: &'s str,
    /// In bytes.
    at: usize,
}

impl<'s> Scanner<'s> {
    pub(crate) fn new(source: &'s str) -> Self {
        Self { source, at: 0 }
    }

    /// What has not been read yet.
    pub(crate) fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    /// Where it stands, to be named in an error.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// What is wrong here.
    pub(crate) fn error(&self, reason: Reason) -> ParseFilterError {
        self.error_at(self.at, reason)
    }

    /// What is wrong there.
    pub(crate) fn error_at(&self, at: usize, reason: Reason) -> ParseFilterError {
        ParseFilterError {
            position: self.source[..at].chars().count() + 1,
            reason,
        }
    }

    /// Passes over this text, if it comes next.
    pub(crate) fn takes(&mut self, text: &str) -> bool {
        let is_next = self.rest().starts_with(text);
        if is_next {
            self.at += text.len();
        }
        is_next
    }

    /// The same after any blanks.
    pub(crate) fn takes_after_blanks(&mut self, text: &str) -> bool {
        self.blanks();
        self.takes(text)
    }

    pub(crate) fn blanks(&mut self) {
        self.take_while(|character| matches!(character, ' ' | '\t' | '\n' | '\r'));
    }

    /// The letters, digits and underscores that come next.
    pub(crate) fn word(&mut self) -> &'s str {
        self.take_while(is_of_word)
    }

    /// The number that comes next, as it is written.
    pub(crate) fn number(&mut self) -> Result<&'s str, ParseFilterError> {
        let length = number_length(self.rest().as_bytes());
        let length = length.ok_or_else(|| self.error(Reason::Expected("a number")))?;
        let number = &self.rest()[..length];
        self.at += length;
        Ok(number)
    }

    /// The string that comes next, in either kind of quotes, without its escapes.
    pub(crate) fn string(&mut self) -> Result<Box<str>, ParseFilterError> {
        let from = self.at;
        let quote = self.rest().chars().next().unwrap_or_default();
        self.at += quote.len_utf8();
        let mut string = String::new();
        loop {
            let next = self.rest().chars().next();
            let next = next.ok_or_else(|| self.error_at(from, Reason::Unclosed))?;
            if next == quote {
                self.at += next.len_utf8();
                return Ok(string.into());
            }
            string.push(self.character(next, quote)?);
        }
    }

    /// One character of a string.
    fn character(&mut self, next: char, quote: char) -> Result<char, ParseFilterError> {
        if next.is_ascii_control() {
            return Err(self.error(Reason::Expected("an escape for a control character")));
        }
        if next != '\\' {
            self.at += next.len_utf8();
            return Ok(next);
        }
        let is_quote = self.rest()[1..].starts_with(quote);
        if is_quote {
            self.at += 1 + quote.len_utf8();
            return Ok(quote);
        }
        let bad = || {
            self.error(Reason::Expected(
                "an escape of JSON, such as \\n or \\u00e9",
            ))
        };
        let (point, after) = escape(self.rest()).ok_or_else(bad)?;
        // In single quotes only they are escaped, and in double quotes only those.
        let escaped = char::from_u32(point)
            .filter(|point| *point != '"')
            .ok_or_else(bad)?;
        self.at = self.source.len() - after.len();
        Ok(escaped)
    }

    fn take_while(&mut self, is_wanted: impl Fn(char) -> bool) -> &'s str {
        let rest = self.rest();
        let end = rest.find(|character| !is_wanted(character));
        let taken = &rest[..end.unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }
}

/// Whether a member's name may begin so without quotes.
pub(crate) fn begins_name(character: char) -> bool {
    is_of_word(character) && !character.is_ascii_digit()
}

fn is_of_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || !character.is_ascii()
}
