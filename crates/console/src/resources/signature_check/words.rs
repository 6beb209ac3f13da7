//! What is found of a signature, in plain words.

use std::time::Duration;

use super::diagnosis::Reason;

impl Reason {
    /// What it means, and what to do about it.
    pub(super) fn words(&self) -> (String, String) {
        let (meaning, advice) = match self {
            Self::Genuine => return genuine("It was signed just now."),
            Self::TooOld(age) => {
                let age = span(*age);
                return too_far(&format!("{age} ago"), "was signed long before it arrived");
            }
            Self::TooNew(ahead) => {
                let ahead = span(*ahead);
                return too_far(&format!("{ahead} in the future"), "comes from the future");
            }
            Self::SecretUnreadable(why) => {
                let advice = "Copy the whole secret, from whsec_ to its end, without quotes or \
                              spaces around it.";
                return (
                    format!("This is no signing secret: {why}."),
                    advice.to_owned(),
                );
            }
            Self::HeaderMissing(name) => {
                let advice = "Paste the three headers that begin with webhook-. If your server \
                              never saw them, something in front of it drops them: let them through.";
                return (format!("The header {name} is missing."), advice.to_owned());
            }
            Self::HeaderMalformed(name) => {
                let advice = "Paste it as it came, in one piece. A signature begins with v1, and \
                              goes on in base64.";
                let meaning = format!("The header {name} is not one that we send.");
                return (meaning, advice.to_owned());
            }
            Self::SecretOfAnother => (
                "The secret is wrong: it is not the one of this endpoint.",
                "Each endpoint has a secret of its own, and rotating it makes a new one. Put the one \
                 of this endpoint in place, or rotate it to get one.",
            ),
            Self::HeadersOfAnother => (
                "Secret and body are right, but the headers belong to another request.",
                "Each attempt is signed anew, at its own time. Take headers and body from the same \
                 request.",
            ),
            Self::LineEnds => (
                "The body was changed: it holds line ends or spaces at its ends that we did not send.",
                "Verify the bytes as they arrive. An editor or echo adds a line end when a body is \
                 saved; the last byte of ours is }.",
            ),
            Self::EncodedAnew => (
                "The body was parsed and written again as JSON before it was verified. It says the \
                 same, but its bytes are others.",
                "Verify the raw body, and parse it afterwards. The guide says how to get at it.",
            ),
            Self::CutShort => (
                "The body is not the whole JSON that we sent.",
                "Paste all of it. If your server has no more, look for a limit on the size of \
                 requests.",
            ),
            Self::Changed => (
                "The secret is right, and the body or a header is not as we sent it.",
                "As a rule the body was parsed and written again: numbers, the order of members or \
                 escapes are others then. Verify the raw body. See that the headers are of this \
                 request.",
            ),
            Self::Unknown => (
                "The signature doesn’t fit. Either the secret is another endpoint’s or an old one, \
                 or the body is not byte for byte what we sent.",
                "Say to which endpoint it was sent, to be told which of the two it is.",
            ),
        };
        (meaning.to_owned(), advice.to_owned())
    }
}

fn genuine(when: &str) -> (String, String) {
    let meaning = format!("The signature holds: the request is genuine. {when}");
    let advice = "If your server refuses it all the same, it verifies something else than these \
                  bytes: log what it verifies, and compare.";
    (meaning, advice.to_owned())
}

fn too_far(when: &str, then: &str) -> (String, String) {
    let meaning = format!(
        "The signature holds: the request is genuine. But it was signed {when}, and receivers \
         refuse what is more than 5 minutes away from their clock."
    );
    let advice = format!(
        "That is as it should be for a request that you saved. If it was refused when it arrived, \
         it {then} by your server’s clock: let the clock be set by NTP, and verify on arrival, \
         before any queue."
    );
    (meaning, advice)
}

/// In the largest unit of which there are two at least; what is told here is minutes at least.
fn span(duration: Duration) -> String {
    const DAY: u64 = 24 * HOUR;
    const HOUR: u64 = 60;
    match duration.as_secs() / 60 {
        minutes if minutes >= 2 * DAY => format!("{} days", minutes / DAY),
        minutes if minutes >= 2 * HOUR => format!("{} hours", minutes / HOUR),
        minutes => format!("{minutes} minutes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        let of = |seconds| span(Duration::from_secs(seconds));
        assert_eq!(of(301), "5 minutes");
        assert_eq!(of(5_400), "90 minutes");
        assert_eq!(of(7_200), "2 hours");
        assert_eq!(of(200_000), "2 days");
    }
}
