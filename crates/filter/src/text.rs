//! Texts of a payload, compared without being copied.

use std::cmp::Ordering;

/// How many times as much as a byte of plain text one costs where there are escapes.
const ESCAPED_COST: usize = 4;

/// The text of a string: of a payload as it stands between its quotes, or of a filter.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Text<'a> {
    /// It is what it says.
    Plain(&'a str),
    /// It has escapes, all of them well-formed.
    Escaped(&'a str),
}

impl<'a> Text<'a> {
    /// What it costs to look at all of it, in bytes of plain text.
    pub(crate) fn cost_bytes(self) -> usize {
        match self {
            Self::Plain(text) => text.len(),
            Self::Escaped(text) => ESCAPED_COST * text.len(),
        }
    }

    /// What it costs to compare the two, to the end of the shorter.
    pub(crate) fn comparison_cost_bytes(self, other: Text<'_>) -> usize {
        let (Self::Plain(one) | Self::Escaped(one)) = self;
        let (Text::Plain(other_text) | Text::Escaped(other_text)) = other;
        let shorter = one.len().min(other_text.len());
        match (self, other) {
            (Self::Plain(_), Text::Plain(_)) => shorter,
            _ => ESCAPED_COST * shorter,
        }
    }

    /// Its code points. One half of a surrogate pair without the other is one as well: JSON can
    /// write it, though no Unicode text holds it.
    pub(crate) fn points(self) -> Points<'a> {
        match self {
            Self::Plain(text) => Points {
                rest: text,
                escapes: Escapes::None,
            },
            Self::Escaped(text) => Points {
                rest: text,
                escapes: Escapes::Read,
            },
        }
    }

    /// Whether the two are the same text.
    pub(crate) fn is(self, other: Text<'_>) -> bool {
        match (self, other) {
            (Self::Plain(one), Text::Plain(other)) => one == other,
            _ => self.points().eq(other.points()),
        }
    }

    /// By their code points, as RFC 9535 orders texts.
    pub(crate) fn order(self, other: Text<'_>) -> Ordering {
        match (self, other) {
            // UTF-8 sorts as its code points do.
            (Self::Plain(one), Text::Plain(other)) => one.cmp(other),
            _ => self.points().cmp(other.points()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escapes {
    None,
    Read,
}

/// The code points of a [`Text`].
#[derive(Debug, Clone)]
pub(crate) struct Points<'a> {
    rest: &'a str,
    escapes: Escapes,
}

impl Iterator for Points<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let first = self.rest.chars().next()?;
        if first != '\\' || self.escapes == Escapes::None {
            self.rest = &self.rest[first.len_utf8()..];
            return Some(first.into());
        }
        let (point, after) = escape(self.rest)?;
        self.rest = after;
        Some(point)
    }
}

/// The code point of the escape that a text begins with, and what follows it; none when it is no
/// escape of JSON.
pub(crate) fn escape(text: &str) -> Option<(u32, &str)> {
    let escaped = text.strip_prefix('\\')?;
    let kind = escaped.chars().next()?;
    let after = &escaped[kind.len_utf8()..];
    let point = match kind {
        '"' | '\\' | '/' => kind,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return unicode(after),
        _ => return None,
    };
    Some((point.into(), after))
}

/// The code point of four hex digits, or of the pair of surrogates that they begin.
fn unicode(text: &str) -> Option<(u32, &str)> {
    let (unit, after) = unit(text)?;
    if !(0xd800..0xdc00).contains(&unit) {
        return Some((unit, after));
    }
    let second = after.strip_prefix("\\u").and_then(self::unit);
    match second {
        Some((low, after)) if (0xdc00..0xe000).contains(&low) => {
            Some((0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00), after))
        }
        _ => Some((unit, after)),
    }
}

fn unit(text: &str) -> Option<(u32, &str)> {
    let (digits, after) = text.split_at_checked(4)?;
    // The standard library's parser would take a sign.
    let are_digits = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let unit = are_digits.then(|| u32::from_str_radix(digits, 16).ok());
    Some((unit.flatten()?, after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(r"a\u0062c", "abc", true)]
    #[case(r"\ud83d\ude9a", "🚚", true)]
    #[case(r"\uD83D\uDE9A", "🚚", true)]
    #[case(r"\ud83d", "🚚", false)]
    #[case(r"\ud83d\u0041", "\u{fffd}A", false)]
    #[case(r"\u0000", "\0", true)]
    #[case(r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t", true)]
    fn escapes(#[case] written: &str, #[case] text: &str, #[case] same: bool) {
        assert_eq!(Text::Escaped(written).is(Text::Plain(text)), same);
    }

    #[rstest]
    #[case(r"\x")]
    #[case(r"\")]
    #[case(r"\u12")]
    #[case(r"\u+123")]
    #[case(r"\u12é")]
    fn no_escapes(#[case] text: &str) {
        assert_eq!(escape(text), None);
    }

    /// A half of a pair is a code point of its own, between the others.
    #[test]
    fn lone_surrogates_have_a_place() {
        let lone = Text::Escaped(r"\ud800");
        assert!(lone.is(Text::Escaped(r"\uD800")));
        assert_eq!(lone.order(Text::Plain("a")), Ordering::Greater);
        assert_eq!(lone.order(Text::Plain("\u{e000}")), Ordering::Less);
        assert_eq!(lone.points().count(), 1);
    }

    proptest! {
        #[test]
        fn written_by_another_it_is_the_same(one in any::<String>(), other in any::<String>()) {
            let written = serde_json::to_string(&one).unwrap();
            let written = Text::Escaped(&written[1..written.len() - 1]);
            prop_assert!(written.is(Text::Plain(&one)));
            prop_assert_eq!(written.order(Text::Plain(&other)), one.cmp(&other));
        }
    }
}
