//! JSON as it may have been before a library wrote it: without white space, and with characters in
//! the place of their escapes. Numbers and the order of members can't be brought back.

/// The text so; what is no JSON comes out as something else that is none.
pub(super) fn written(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let taken = match next {
            '"' => string(rest, &mut plain),
            ' ' | '\t' | '\r' | '\n' => 1,
            other => {
                plain.push(other);
                other.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    plain
}

/// Copies the string at the beginning of a text; gives its length in bytes.
fn string(text: &str, plain: &mut String) -> usize {
    let mut at = 1;
    plain.push('"');
    while let Some(next) = text[at..].chars().next() {
        if next == '\\' {
            at += escape(&text[at..], plain);
            continue;
        }
        plain.push(next);
        at += next.len_utf8();
        if next == '"' {
            break;
        }
    }
    at
}

/// Copies the escape at the beginning of a text as the character that it stands for, where a string
/// can hold it; gives its length in bytes.
fn escape(text: &str, plain: &mut String) -> usize {
    if text.starts_with(r"\/") {
        plain.push('/');
        return 2;
    }
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix(r"\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let (first, second) = (unit(0), unit(6));
    let alone = first.and_then(|first| char::from_u32(first.into()));
    let pair = || {
        let mut decoded = char::decode_utf16([first?, second?]);
        decoded.next()?.ok()
    };
    match alone.map(|c| (c, 6)).or_else(|| pair().map(|c| (c, 12))) {
        Some((character, length)) if !matches!(character, '\0'..='\u{1f}' | '"' | '\\') => {
            plain.push(character);
            length
        }
        _ => {
            // As it is, and the character after the backslash with it.
            let length = text.chars().take(2).map(char::len_utf8).sum();
            plain.push_str(&text[..length]);
            length
        }
    }
}

/// Whether there is white space around the first member's name: a body of ours has none.
pub(super) fn is_spaced(body: &[u8]) -> bool {
    let after = |at: usize| body.get(at + 1).is_some_and(u8::is_ascii_whitespace);
    let colon = body.iter().position(|byte| *byte == b':');
    after(0) || colon.is_some_and(after)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("{\n  \"a\": [1, \" b \"]\n}", r#"{"a":[1," b "]}"#)]
    #[case(r#""\u00e9\ud83d\ude00\/""#, "\"é😀/\"")]
    #[case(r#""\u0022\u005c\u0000\n\"""#, r#""\u0022\u005c\u0000\n\"""#)]
    #[case(r#""\ud83d""#, r#""\ud83d""#)]
    #[case(r#""\uZZZZ\"#, r#""\uZZZZ\"#)]
    fn what_libraries_write(#[case] text: &str, #[case] plain: &str) {
        assert_eq!(written(text), plain);
    }

    #[test]
    fn white_space_around_the_first_member() {
        assert!(is_spaced(b"{ \"a\":1}") && is_spaced(b"{\"a\": 1}"));
        assert!(!is_spaced(b"{\"a\":1, \"b\": 2}") && !is_spaced(b"") && !is_spaced(b"{"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_plain_text_stays(text in "[\\\\\"u0-9a-f é😀/{}:, ]{0,40}") {
            let once = written(&text);
            prop_assert_eq!(written(&once).len() <= once.len(), true);
        }

        #[test]
        fn a_value_stays_what_it_is(text in "\\PC{0,20}") {
            let escaped = serde_json::to_string(&[&text]).unwrap();
            let read: Vec<String> = serde_json::from_str(&written(&escaped)).unwrap();
            prop_assert_eq!(&read[0], &text);
        }
    }
}
