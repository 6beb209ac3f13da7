//! What is published and what is received, in types of our own.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;

use crate::topology::Route;

/// The names of headers that this crate writes.
pub mod header {
    /// Why a message was parked or rejected, in one word.
    pub const REASON: &str = "posthaste-reason";
    /// The same for a person, in at most 1,024 bytes.
    pub const DETAIL: &str = "posthaste-detail";
    /// The queue that it was taken from.
    pub const ORIGIN: &str = "posthaste-origin";
    /// A 1 beside a message that was published before without a confirm, and may have been stored
    /// then.
    pub const AGAIN: &str = "posthaste-again";
}

/// A message to be published. It is always mandatory, persistent and confirmed.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Where to.
    pub route: Route,
    /// What.
    pub body: Bytes,
    /// The AMQP `type`: what the body is. At most 255 bytes, as all AMQP short strings.
    pub kind: Cow<'static, str>,
    /// The AMQP `content_type`: how the body is encoded.
    pub content_type: Cow<'static, str>,
    /// The AMQP `message_id`.
    pub message_id: Option<String>,
    /// What goes beside the body.
    pub headers: Headers,
}

impl Outgoing {
    /// A message without id and headers.
    #[must_use]
    pub fn new(
        route: Route,
        body: impl Into<Bytes>,
        kind: impl Into<Cow<'static, str>>,
        content_type: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            route,
            body: body.into(),
            kind: kind.into(),
            content_type: content_type.into(),
            message_id: None,
            headers: Headers::default(),
        }
    }

    /// The same, with these headers.
    #[must_use]
    pub fn with_headers(mut self, headers: Headers) -> Self {
        self.headers = headers;
        self
    }

    /// The same, marked as one that may be stored already.
    pub(crate) fn again(mut self) -> Self {
        self.headers.insert(header::AGAIN, HeaderValue::Number(1));
        self
    }

    /// The same, with this message id.
    #[must_use]
    pub fn with_message_id(mut self, message_id: impl Into<String>) -> Self {
        self.message_id = Some(message_id.into());
        self
    }
}

/// What came beside a received body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    /// How the publisher says the body is encoded.
    pub content_type: Option<String>,
    /// What the publisher says the body is (the AMQP `type`).
    pub kind: Option<String>,
    /// The publisher's id for the message.
    pub message_id: Option<String>,
    /// The publisher's clock, in seconds since 1970.
    pub timestamp: Option<u64>,
    /// The headers, without the broker's own (`x-…`).
    pub headers: Headers,
}

/// The value of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderValue {
    /// Text.
    Text(String),
    /// A whole number.
    Number(i64),
}

/// Headers, by name.
///
/// AMQP knows many more kinds of values: booleans and all whole numbers are read as numbers, text
/// and binary as text, and the rest (floats, lists, tables, …) is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(BTreeMap<String, HeaderValue>);

/// The longest name of a header, in bytes: an AMQP short string.
const NAME_BYTES: usize = 255;

impl Headers {
    /// No headers.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// The same, with this text under this name.
    #[must_use]
    pub fn with(mut self, name: &str, text: impl Into<String>) -> Self {
        self.insert(name, HeaderValue::Text(text.into()));
        self
    }

    /// The same, with this number under this name.
    #[must_use]
    pub fn with_number(mut self, name: &str, number: i64) -> Self {
        self.insert(name, HeaderValue::Number(number));
        self
    }

    /// Puts a value under a name, which is cut to 255 bytes.
    pub fn insert(&mut self, name: &str, value: HeaderValue) {
        self.0.insert(cut(name, NAME_BYTES).to_owned(), value);
    }

    /// The text under this name.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            HeaderValue::Text(text) => Some(text),
            HeaderValue::Number(_) => None,
        }
    }

    /// The number under this name; text that is a decimal number counts.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        match self.0.get(name)? {
            HeaderValue::Text(text) => text.parse().ok(),
            HeaderValue::Number(number) => Some(*number),
        }
    }

    /// Every header, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &HeaderValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The longest start of `text` that has at most `bytes` and ends between two characters.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
