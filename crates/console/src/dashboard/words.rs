//! What went wrong at an endpoint, in words for whoever runs it, and what to do about it.

use domain::outcome::Failure;

/// Why an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    Answered(u16),
    NoAnswer(Failure),
}

/// A cause for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    /// A few words, to stand in a list.
    pub(super) short: String,
    /// What happened.
    pub(super) meaning: &'static str,
    /// What to do about it.
    pub(super) advice: &'static str,
}

impl Words {
    /// The few words as the beginning of a line.
    pub(super) fn headline(&self) -> String {
        capitalised(&self.short)
    }
}

impl Cause {
    /// By an attempt's outcome and status, as deliveries have them; none when it was no failure, or
    /// one that a later version has put there.
    pub(super) fn of_attempt(outcome: &str, status: Option<u16>) -> Option<Self> {
        match (outcome, status) {
            ("delivered", _) => None,
            (_, Some(status)) => Some(Self::Answered(status)),
            (name, None) => Failure::from_name(name).map(Self::NoAnswer),
        }
    }

    /// By the reason that an endpoint's health has, such as `answered 500`.
    pub(super) fn of_reason(reason: &str) -> Option<Self> {
        if let Some(status) = reason.strip_prefix("answered ") {
            return status.parse().ok().map(Self::Answered);
        }
        Failure::from_name(&reason.replace(' ', "_")).map(Self::NoAnswer)
    }

    pub(super) fn words(self) -> Words {
        match self {
            Self::Answered(status) => {
                let (meaning, advice) = answered(status);
                Words {
                    short: format!("answered {status}"),
                    meaning,
                    advice,
                }
            }
            Self::NoAnswer(failure) => {
                let (short, meaning, advice) = no_answer(failure);
                Words {
                    short: short.to_owned(),
                    meaning,
                    advice,
                }
            }
        }
    }
}

fn answered(status: u16) -> (&'static str, &'static str) {
    match status {
        300..=399 => (
            "Your server redirects to another address. We never follow redirects.",
            "Register the address that it redirects to.",
        ),
        401 | 403 | 407 => (
            "Your server, or a firewall in front of it, did not let us in.",
            "Let our IP addresses in, and take the path out of logins and challenges: the signature \
             tells you that it is us.",
        ),
        404 => (
            "Your server has nothing at this path.",
            "Compare the URL with the route in your code.",
        ),
        405 => (
            "Your server does not take POST at this path.",
            "Accept POST requests there.",
        ),
        408 => (
            "Your server gave up waiting for the request.",
            "Look into its time-outs; the event will be sent again.",
        ),
        410 => (
            "Your server said that it wants no more events at this URL, so we stopped sending.",
            "If that was a mistake, mend it and resume the endpoint.",
        ),
        413 => (
            "The event is larger than your server accepts.",
            "Raise the limit on request bodies in your server or its proxy.",
        ),
        429 => (
            "Your server asked us to slow down.",
            "Nothing need be done: we send less at once and try again. A rate limit on the endpoint \
             avoids it.",
        ),
        502..=504 => (
            "What stands before your application could not reach it in time.",
            "See whether the application runs, and answer before you process.",
        ),
        500..=599 => (
            "Your server failed while it handled the event.",
            "Look into its log at this time. Answer 200 at once and process afterwards.",
        ),
        _ => (
            "Your server refused the event.",
            "Its answer says why; log what it received and compare.",
        ),
    }
}

fn no_answer(failure: Failure) -> (&'static str, &'static str, &'static str) {
    match failure {
        Failure::AddressForbidden => (
            "address not public",
            "The host's name leads to an address that is not on the public Internet.",
            "Point the name at a public address.",
        ),
        Failure::UrlForbidden => (
            "URL not allowed",
            "The URL's scheme or port is not one that we send to.",
            "Use an https URL on port 443 or another above 1023.",
        ),
        Failure::DnsNotFound => (
            "unknown host",
            "DNS does not know the host's name.",
            "Look for a typing error in the URL, or for a DNS record that is missing.",
        ),
        Failure::DnsFailed => (
            "DNS failed",
            "The name servers of your domain answered with an error.",
            "Ask whoever runs your DNS; DNSSEC and delegation are common causes.",
        ),
        Failure::DnsTimeout => (
            "DNS timed out",
            "The name servers of your domain did not answer in time.",
            "Ask whoever runs your DNS.",
        ),
        Failure::ConnectionRefused => (
            "refused",
            "Nothing takes connections at this address and port.",
            "See whether your server runs, and whether it listens at the URL's port.",
        ),
        Failure::ConnectionFailed => (
            "no connection",
            "No connection to your server could be made.",
            "See whether it can be reached from the Internet, and let our IP addresses in.",
        ),
        Failure::ConnectTimeout => (
            "connecting timed out",
            "Your server did not take the connection in time; a firewall often drops it so.",
            "Let our IP addresses in, and see whether the server is overloaded.",
        ),
        Failure::TlsTimeout => (
            "TLS timed out",
            "Your server took the connection and did not finish the TLS handshake in time.",
            "See whether the port is one of https, and whether the server is overloaded.",
        ),
        Failure::TlsVersion => (
            "TLS too old",
            "Your server knows no version of TLS that is still safe.",
            "Offer TLS 1.2 or 1.3.",
        ),
        Failure::TlsCertificateExpired => (
            "certificate expired",
            "The server's certificate has expired.",
            "Renew it, and let your server load the new one.",
        ),
        Failure::TlsCertificateNotYetValid => (
            "certificate not valid yet",
            "The time of the server's certificate has not begun.",
            "Serve one that is valid now, and look at the clock of whoever made this one.",
        ),
        Failure::TlsCertificateWrongHost => (
            "certificate for another host",
            "The server's certificate is not for the host in the URL.",
            "Get one for this name, or register the name that it is for.",
        ),
        Failure::TlsCertificateUntrusted => (
            "certificate not trusted",
            "The server's certificate is not from a public authority, or the chain to it is missing.",
            "Use one from a public authority, and serve the whole chain with it.",
        ),
        Failure::TlsCertificate => (
            "certificate not valid",
            "The server's certificate is not in order: it may be damaged, revoked or for another use.",
            "Renew it, and serve the whole chain with it.",
        ),
        Failure::TlsFailed => (
            "TLS failed",
            "No encrypted connection could be agreed on.",
            "Offer TLS 1.2 or 1.3, and see that the port is one of https.",
        ),
        Failure::ResponseTimeout => (
            "timed out",
            "Your server took the event and did not answer in time.",
            "Answer 200 at once and process afterwards, in a queue of your own.",
        ),
        Failure::ConnectionClosed => (
            "connection closed",
            "Your server closed the connection without an answer.",
            "Look for a crash or a restart in its log at this time.",
        ),
        Failure::ProtocolError => (
            "no HTTP answer",
            "What came back is not an HTTP answer, or has headers beyond any bound.",
            "See whether the port is one of an HTTP server.",
        ),
        Failure::Unknown => (
            "no answer",
            "Your server gave no answer, for a reason that this page has no words for yet.",
            "Look into its log at this time.",
        ),
    }
}

/// The message of a problem as a sentence: ours begin in lower case and have no full stop.
pub(super) fn sentence(message: &str) -> String {
    let mut sentence = capitalised(message);
    if !sentence.ends_with(['.', '?', '!']) {
        sentence.push('.');
    }
    sentence
}

/// A text as the beginning of a line.
pub(super) fn capitalised(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(rest).collect()
}

/// A time that is waited, such as `5 s`, `2 min`, `1.5 h`.
pub(super) fn wait(seconds: u64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    let tenths = |unit: u64| match (seconds * 10).div_ceil(unit) {
        whole if whole % 10 == 0 => (whole / 10).to_string(),
        tenths => format!("{}.{}", tenths / 10, tenths % 10),
    };
    match seconds {
        0..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min", tenths(MINUTE)),
        _ => format!("{} h", tenths(HOUR)),
    }
}

/// How long something took, such as `12 ms`, `15.0 s`.
pub(super) fn took(milliseconds: u64) -> String {
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        _ => format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
    }
}

/// A count with its thousands apart, such as `1,000,050`.
pub(super) fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut words = String::from(if number < 0 { "−" } else { "" });
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            words.push(',');
        }
        words.push(digit);
    }
    words
}

/// The rate that a form was sent; what is none becomes one that the API refuses.
pub(super) fn rate(sent: &str) -> u16 {
    sent.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn every_cause_has_words() {
        for failure in Failure::ALL {
            let cause = Cause::of_attempt(failure.as_str(), None);
            assert_eq!(cause, Some(Cause::NoAnswer(failure)));
            let reason = failure.as_str().replace('_', " ");
            assert_eq!(Cause::of_reason(&reason), cause, "{reason}");
            let words = Cause::NoAnswer(failure).words();
            assert!(words.meaning.ends_with('.') && words.advice.ends_with('.'));
        }
        let answered = Cause::of_attempt("http_error", Some(503));
        assert_eq!(answered, Some(Cause::Answered(503)));
        assert_eq!(Cause::of_reason("answered 503"), answered);
        assert_eq!(Cause::of_attempt("delivered", Some(200)), None);
        assert_eq!(Cause::of_attempt("of a later version", None), None);
    }

    #[rstest]
    #[case(5, "5 s")]
    #[case(60, "1 min")]
    #[case(90, "1.5 min")]
    #[case(7_200, "2 h")]
    #[case(100_955, "28.1 h")]
    fn waits(#[case] seconds: u64, #[case] words: &str) {
        assert_eq!(wait(seconds), words);
    }

    #[rstest]
    #[case(0, "0")]
    #[case(999, "999")]
    #[case(1_000_050, "1,000,050")]
    #[case(-12_345, "−12,345")]
    fn counts(#[case] number: i64, #[case] words: &str) {
        assert_eq!(count(number), words);
    }

    #[test]
    fn what_an_attempt_took() {
        assert_eq!(took(0), "0 ms");
        assert_eq!(took(999), "999 ms");
        assert_eq!(took(15_040), "15.0 s");
        assert_eq!(took(1_250), "1.2 s");
    }

    #[test]
    fn sentences() {
        assert_eq!(sentence("not a URL: give one"), "Not a URL: give one.");
        assert_eq!(sentence("Done."), "Done.");
        assert_eq!(sentence(""), ".");
    }
}
