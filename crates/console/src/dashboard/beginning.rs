//! The beginning of what somebody else wrote, to be looked at.
//!
//! **Invariant:** this is for eyes alone. What is offered as a payload is its bytes as published.

use std::iter::Peekable;
use std::str::Chars;

/// The beginning of a text that somebody else wrote.
pub(super) struct Beginning {
    pub(super) text: String,
    /// Whether there is more of it.
    pub(super) is_cut: bool,
}

impl Beginning {
    /// At most this many characters.
    pub(super) fn of(whole: &str, most: usize) -> Self {
        let text: String = whole.chars().take(most).collect();
        Self {
            is_cut: text.len() < whole.len(),
            text,
        }
    }

    /// Of JSON, a member a line, at most this many bytes and one line. Only white space between
    /// the tokens changes: numbers, escapes and members that come twice stay as they were written.
    pub(super) fn of_json(json: &str, most: usize) -> Self {
        let mut rest = json.chars().peekable();
        let (mut text, mut depth) = (String::new(), 0_usize);
        while let Some(next) = rest.next() {
            if text.len() > most {
                return Self { text, is_cut: true };
            }
            match next {
                '"' => string(&mut text, &mut rest),
                '{' | '[' => {
                    text.push(next);
                    skip_space(&mut rest);
                    match rest.next_if(|end| matches!(end, '}' | ']')) {
                        Some(end) => text.push(end),
                        None => {
                            depth += 1;
                            line(&mut text, depth);
                        }
                    }
                }
                '}' | ']' => {
                    depth = depth.saturating_sub(1);
                    line(&mut text, depth);
                    text.push(next);
                }
                ',' => {
                    text.push(next);
                    line(&mut text, depth);
                }
                ':' => text.push_str(": "),
                space if space.is_ascii_whitespace() => {}
                other => text.push(other),
            }
        }
        Self {
            text,
            is_cut: false,
        }
    }
}

/// Copies a string as it was written, up to its closing quotation mark.
fn string(text: &mut String, rest: &mut Peekable<Chars<'_>>) {
    text.push('"');
    while let Some(next) = rest.next() {
        text.push(next);
        match next {
            '"' => return,
            '\\' => text.extend(rest.next()),
            _ => {}
        }
    }
}

fn skip_space(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(char::is_ascii_whitespace).is_some() {}
}

fn line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_beginning_ends_at_a_character() {
        let beginning = Beginning::of("aéz", 2);
        assert_eq!((&*beginning.text, beginning.is_cut), ("aé", true));
        assert!(!Beginning::of("aéz", 3).is_cut);
    }

    #[test]
    fn tokens_stay_as_they_were_written() {
        let written =
            "{ \"n\":1.0,\r\n \"n\": 2e400,\"t\":\"\\u00e9, {\\\"\",\"e\":[ ],\"a\":[1,{}]}";
        let shown = Beginning::of_json(written, 1_000);
        let expected = "{\n  \"n\": 1.0,\n  \"n\": 2e400,\n  \"t\": \"\\u00e9, {\\\"\",\n  \
                        \"e\": [],\n  \"a\": [\n    1,\n    {}\n  ]\n}";
        assert_eq!(shown.text, expected);
        assert!(!shown.is_cut && Beginning::of_json(written, 5).is_cut);
    }

    proptest! {
        #[test]
        fn any_text_has_a_beginning(text in ".{0,200}", most in 0_usize..300) {
            let shown = Beginning::of_json(&text, most);
            let tokens = |text: &str| text.replace(|one: char| one.is_ascii_whitespace(), "");
            prop_assert!(shown.is_cut || tokens(&shown.text) == tokens(&text));
        }
    }
}
