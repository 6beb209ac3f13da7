//! From a payload's text to its values, in one pass.

use crate::PAYLOAD_NESTING;
use crate::payload::{Kind, Malformed, Node};
use crate::text::{self, Text};

/// Reads JSON (RFC 8259). The depth is bounded, so it may recurse.
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    nodes: Vec<Node<'a>>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            nodes: Vec::new(),
        }
    }

    /// The values of the whole text, each before those that are in it.
    pub(crate) fn read(mut self) -> Result<Vec<Node<'a>>, Malformed> {
        self.value(None, 0)?;
        self.space();
        if self.at == self.text.len() {
            Ok(self.nodes)
        } else {
            Err(Malformed)
        }
    }

    fn value(&mut self, name: Option<Text<'a>>, depth: usize) -> Result<(), Malformed> {
        self.space();
        let place = self.nodes.len();
        let kind = match self.peek().ok_or(Malformed)? {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'"' => Kind::String(self.string()?),
            b't' => self.word("true", Kind::Bool(true))?,
            b'f' => self.word("false", Kind::Bool(false))?,
            b'n' => self.word("null", Kind::Null)?,
            _ => Kind::Number(self.number()?),
        };
        let end = place + 1;
        self.nodes.push(Node { name, kind, end });
        match kind {
            Kind::Object => self.members(depth + 1)?,
            Kind::Array => self.elements(depth + 1)?,
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::String(_) => return Ok(()),
        }
        self.nodes[place].end = self.nodes.len();
        Ok(())
    }

    fn members(&mut self, depth: usize) -> Result<(), Malformed> {
        self.open(depth)?;
        if self.takes(b'}') {
            return Ok(());
        }
        loop {
            self.space();
            let name = self.string()?;
            if !self.takes(b':') {
                return Err(Malformed);
            }
            self.value(Some(name), depth)?;
            if self.takes(b'}') {
                return Ok(());
            }
            if !self.takes(b',') {
                return Err(Malformed);
            }
        }
    }

    fn elements(&mut self, depth: usize) -> Result<(), Malformed> {
        self.open(depth)?;
        if self.takes(b']') {
            return Ok(());
        }
        loop {
            self.value(None, depth)?;
            if self.takes(b']') {
                return Ok(());
            }
            if !self.takes(b',') {
                return Err(Malformed);
            }
        }
    }

    /// Passes over the bracket that opens the `depth`th array or object.
    fn open(&mut self, depth: usize) -> Result<(), Malformed> {
        if depth > PAYLOAD_NESTING {
            return Err(Malformed);
        }
        self.at += 1;
        Ok(())
    }

    fn string(&mut self) -> Result<Text<'a>, Malformed> {
        if self.peek() != Some(b'"') {
            return Err(Malformed);
        }
        let from = self.at + 1;
        self.at = from;
        let mut has_escapes = false;
        loop {
            match self.peek().ok_or(Malformed)? {
                b'"' => break,
                b'\\' => {
                    has_escapes = true;
                    let (_, after) = text::escape(&self.text[self.at..]).ok_or(Malformed)?;
                    self.at = self.text.len() - after.len();
                }
                0..0x20 => return Err(Malformed),
                _ => self.at += 1,
            }
        }
        let written = &self.text[from..self.at];
        self.at += 1;
        Ok(if has_escapes {
            Text::Escaped(written)
        } else {
            Text::Plain(written)
        })
    }

    fn number(&mut self) -> Result<&'a str, Malformed> {
        let length = number_length(&self.text.as_bytes()[self.at..]).ok_or(Malformed)?;
        let from = self.at;
        self.at += length;
        Ok(&self.text[from..self.at])
    }

    fn word(&mut self, word: &str, kind: Kind<'a>) -> Result<Kind<'a>, Malformed> {
        if !self.text[self.at..].starts_with(word) {
            return Err(Malformed);
        }
        self.at += word.len();
        Ok(kind)
    }

    /// Passes over this byte, if it is the next after any space.
    fn takes(&mut self, byte: u8) -> bool {
        self.space();
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

/// How many of these bytes are a JSON number; none when they begin with no number.
pub(crate) fn number_length(bytes: &[u8]) -> Option<usize> {
    let digits = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        from + rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let begin = usize::from(bytes.first() == Some(&b'-'));
    let mut end = digits(begin);
    let has_leading_zero = end > begin + 1 && bytes[begin] == b'0';
    if end == begin || has_leading_zero {
        return None;
    }
    if bytes.get(end) == Some(&b'.') {
        let fraction = end + 1;
        end = digits(fraction);
        if end == fraction {
            return None;
        }
    }
    if let Some(b'e' | b'E') = bytes.get(end) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = end + 1 + sign;
        end = digits(exponent);
        if end == exponent {
            return None;
        }
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use crate::PAYLOAD_NESTING;
    use crate::payload::Payload;

    #[rstest]
    #[case(" { \"a\" : [ 1 , -0.5e+3, 1e400 ] , \"a\" : null } ")]
    #[case(r#""\ud800 \u0000""#)]
    #[case("123456789012345678901234567890")]
    #[case("[]")]
    #[case("{}")]
    fn good(#[case] text: &str) {
        assert!(Payload::read(text.as_bytes()).is_ok());
    }

    #[rstest]
    #[case("")]
    #[case("1 2")]
    #[case("[1,]")]
    #[case("[1")]
    #[case("{\"a\"}")]
    #[case("{a:1}")]
    #[case("{\"a\":1,}")]
    #[case("01")]
    #[case("-")]
    #[case("1.")]
    #[case("1e")]
    #[case(".5")]
    #[case("+1")]
    #[case("NaN")]
    #[case("tru")]
    #[case("\"a")]
    #[case("\"\\x\"")]
    #[case("\"\n\"")]
    #[case("\u{feff}1")]
    fn bad(#[case] text: &str) {
        assert!(Payload::read(text.as_bytes()).is_err());
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(Payload::read(nested(PAYLOAD_NESTING).as_bytes()).is_ok());
        assert!(Payload::read(nested(PAYLOAD_NESTING + 1).as_bytes()).is_err());
        assert!(Payload::read("[".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        assert!(Payload::read(b"\"\xff\"").is_err());
    }

    proptest! {
        /// What another library takes for JSON is JSON here, and the other way round.
        #[test]
        fn agrees_with_another_library(text in r#"[\[\]{}:,"0-9.eE+\-tnu\\a ]{0,24}"#) {
            let theirs = serde_json::from_str::<&serde_json::value::RawValue>(&text);
            prop_assert_eq!(Payload::read(text.as_bytes()).is_ok(), theirs.is_ok());
        }
    }
}
