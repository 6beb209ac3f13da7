//! A payload as filters see it.

use crate::reader::Reader;
use crate::text::Text;

/// A payload that was read: its values in the order in which they are written, borrowed from its
/// text.
#[derive(Debug)]
pub struct Payload<'a> {
    nodes: Vec<Node<'a>>,
}

/// A text that is no JSON, or is nested too deep to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the payload can't be read as JSON")]
pub struct Malformed;

/// A value's place in its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At(usize);

/// A value.
#[derive(Debug)]
pub(crate) struct Node<'a> {
    /// Its name, where it is a member of an object.
    pub(crate) name: Option<Text<'a>>,
    pub(crate) kind: Kind<'a>,
    /// The place after it and all that is in it.
    pub(crate) end: usize,
}

/// What a value is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind<'a> {
    Null,
    Bool(bool),
    /// As it is written.
    Number(&'a str),
    String(Text<'a>),
    Array,
    Object,
}

impl<'a> Payload<'a> {
    /// Reads a payload, whatever numbers and texts it holds. Of members with one name the last
    /// counts.
    ///
    /// # Errors
    /// [`Malformed`] when it is no JSON text in UTF-8, or is nested deeper than
    /// [`crate::PAYLOAD_NESTING`].
    pub fn read(data: &'a [u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(data).map_err(|_| Malformed)?;
        let nodes = Reader::new(text).read()?;
        Ok(Self { nodes })
    }

    pub(crate) const ROOT: At = At(0);

    pub(crate) fn kind(&self, at: At) -> Kind<'a> {
        self.nodes[at.0].kind
    }

    pub(crate) fn name(&self, at: At) -> Option<Text<'a>> {
        self.nodes[at.0].name
    }

    /// The members or elements of a value, in their order.
    pub(crate) fn children(&self, at: At) -> impl Iterator<Item = At> + use<'_, 'a> {
        let end = self.nodes[at.0].end;
        let mut next = at.0 + 1;
        std::iter::from_fn(move || {
            let child = (next < end).then_some(At(next))?;
            next = self.nodes[next].end;
            Some(child)
        })
    }
}
