//! What came of an attempt, and what that means: one pure function.

use std::time::Duration;

/// What the dispatcher saw of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    /// An answer with a status line. The status decides; a body that fails afterwards doesn't
    /// matter, since a retry would make a duplicate.
    Answered {
        /// The status code as sent, three digits.
        status: u16,
        /// The answer's `Retry-After`, if it made sense.
        retry_after: Option<Duration>,
    },
    /// No answer.
    Failed(Failure),
}

/// Why there was no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The address, or one of those its name resolved to, is not one we send to.
    AddressForbidden,
    /// The URL is not one we send to: its scheme, its port or its form.
    UrlForbidden,
    /// The name does not exist.
    DnsNotFound,
    /// The name servers answered with an error.
    DnsFailed,
    /// The name servers did not answer in time.
    DnsTimeout,
    /// The connection was refused.
    ConnectionRefused,
    /// The connection could not be made for another reason.
    ConnectionFailed,
    /// No connection within the deadline.
    ConnectTimeout,
    /// The TLS handshake was not finished within the deadline.
    TlsTimeout,
    /// The server knows no version of TLS from 1.2 on.
    TlsVersion,
    /// The certificate's time is over.
    TlsCertificateExpired,
    /// The certificate's time has not begun.
    TlsCertificateNotYetValid,
    /// The certificate is for another host.
    TlsCertificateWrongHost,
    /// The certificate is from no authority that we trust, such as the server itself.
    TlsCertificateUntrusted,
    /// The certificate is not good for another reason.
    TlsCertificate,
    /// The TLS handshake failed for another reason.
    TlsFailed,
    /// No status line within the deadline.
    ResponseTimeout,
    /// The connection was closed or reset before the status line.
    ConnectionClosed,
    /// What came is not an HTTP answer, or one beyond our bounds.
    ProtocolError,
    /// A reason that only a later version knows: what its dispatcher reports while services of both
    /// run is recorded all the same.
    Unknown,
}

impl Failure {
    /// Every failure.
    pub const ALL: [Self; 20] = [
        Self::AddressForbidden,
        Self::UrlForbidden,
        Self::DnsNotFound,
        Self::DnsFailed,
        Self::DnsTimeout,
        Self::ConnectionRefused,
        Self::ConnectionFailed,
        Self::ConnectTimeout,
        Self::TlsTimeout,
        Self::TlsVersion,
        Self::TlsCertificateExpired,
        Self::TlsCertificateNotYetValid,
        Self::TlsCertificateWrongHost,
        Self::TlsCertificateUntrusted,
        Self::TlsCertificate,
        Self::TlsFailed,
        Self::ResponseTimeout,
        Self::ConnectionClosed,
        Self::ProtocolError,
        Self::Unknown,
    ];

    /// The failure of this code.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|failure| failure.as_str() == name)
    }

    /// The code in the record, the API and the metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AddressForbidden => "address_forbidden",
            Self::UrlForbidden => "url_forbidden",
            Self::DnsNotFound => "dns_not_found",
            Self::DnsFailed => "dns_failed",
            Self::DnsTimeout => "dns_timeout",
            Self::ConnectionRefused => "connection_refused",
            Self::ConnectionFailed => "connection_failed",
            Self::ConnectTimeout => "connect_timeout",
            Self::TlsTimeout => "tls_timeout",
            Self::TlsVersion => "tls_version",
            Self::TlsCertificateExpired => "tls_certificate_expired",
            Self::TlsCertificateNotYetValid => "tls_certificate_not_yet_valid",
            Self::TlsCertificateWrongHost => "tls_certificate_wrong_host",
            Self::TlsCertificateUntrusted => "tls_certificate_untrusted",
            Self::TlsCertificate => "tls_certificate",
            Self::TlsFailed => "tls_failed",
            Self::ResponseTimeout => "response_timeout",
            Self::ConnectionClosed => "connection_closed",
            Self::ProtocolError => "protocol_error",
            Self::Unknown => "unknown",
        }
    }
}

/// What an attempt means for its delivery and its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Delivered,
    /// The receiver wants no more at this URL: the delivery is dead and the endpoint disabled.
    Gone,
    /// It failed, and may succeed later.
    Failed {
        /// How long the receiver asked to be left alone.
        retry_after: Option<Duration>,
        /// What it says about the endpoint.
        pressure: Pressure,
    },
}

/// What a failure says about the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressure {
    /// Nothing: it has answered, and this request was not to its liking; or we sent nothing.
    None,
    /// Nobody can be reached there: its circuit breaker counts it.
    Unreachable,
    /// It is overloaded: halve what is sent at once, and its circuit breaker counts it.
    Overloaded,
}

/// Decides what an attempt means.
///
/// | seen | means |
/// |---|---|
/// | 2xx | delivered |
/// | 410 | gone |
/// | 429, 502, 503, 504, other 5xx, time-outs | failed, and overloaded |
/// | no name, no connection, no TLS, no HTTP | failed, and unreachable |
/// | anything else: 3xx (never followed), 4xx, an address that we don't send to | failed |
#[must_use]
pub fn classify(observed: Observed) -> Outcome {
    use Failure::{AddressForbidden, ConnectTimeout, ResponseTimeout, TlsTimeout, UrlForbidden};
    match observed {
        Observed::Answered {
            status: 200..=299, ..
        } => Outcome::Delivered,
        Observed::Answered { status: 410, .. } => Outcome::Gone,
        Observed::Answered {
            status: 429 | 500..=599,
            retry_after,
        } => Outcome::Failed {
            retry_after,
            pressure: Pressure::Overloaded,
        },
        Observed::Answered { retry_after, .. } => Outcome::Failed {
            retry_after,
            pressure: Pressure::None,
        },
        Observed::Failed(ConnectTimeout | TlsTimeout | ResponseTimeout) => Outcome::Failed {
            retry_after: None,
            pressure: Pressure::Overloaded,
        },
        Observed::Failed(AddressForbidden | UrlForbidden) => Outcome::Failed {
            retry_after: None,
            pressure: Pressure::None,
        },
        Observed::Failed(_) => Outcome::Failed {
            retry_after: None,
            pressure: Pressure::Unreachable,
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn answered(status: u16) -> Outcome {
        classify(Observed::Answered {
            status,
            retry_after: None,
        })
    }

    #[rstest]
    #[case(301)]
    #[case(304)]
    #[case(400)]
    #[case(404)]
    #[case(199)]
    #[case(999)]
    fn other_answers_fail_without_pressure(#[case] status: u16) {
        let failed = Outcome::Failed {
            retry_after: None,
            pressure: Pressure::None,
        };
        assert_eq!(answered(status), failed);
    }

    #[rstest]
    #[case(429)]
    #[case(500)]
    #[case(503)]
    fn overload_is_told_apart(#[case] status: u16) {
        let failed = Outcome::Failed {
            retry_after: None,
            pressure: Pressure::Overloaded,
        };
        assert_eq!(answered(status), failed);
    }

    #[rstest]
    #[case(Failure::ConnectionRefused, Pressure::Unreachable)]
    #[case(Failure::ConnectionClosed, Pressure::Unreachable)]
    #[case(Failure::DnsNotFound, Pressure::Unreachable)]
    #[case(Failure::TlsCertificate, Pressure::Unreachable)]
    #[case(Failure::TlsCertificateExpired, Pressure::Unreachable)]
    #[case(Failure::ConnectTimeout, Pressure::Overloaded)]
    #[case(Failure::TlsTimeout, Pressure::Overloaded)]
    #[case(Failure::ResponseTimeout, Pressure::Overloaded)]
    #[case(Failure::AddressForbidden, Pressure::None)]
    #[case(Failure::UrlForbidden, Pressure::None)]
    fn no_answer_says_something_about_the_endpoint(
        #[case] failure: Failure,
        #[case] pressure: Pressure,
    ) {
        let failed = Outcome::Failed {
            retry_after: None,
            pressure,
        };
        assert_eq!(classify(Observed::Failed(failure)), failed);
    }

    #[test]
    fn failures_have_names_of_their_own() {
        for failure in Failure::ALL {
            assert_eq!(Failure::from_name(failure.as_str()), Some(failure));
        }
    }

    #[test]
    fn gone_is_gone() {
        assert_eq!(answered(410), Outcome::Gone);
    }

    proptest! {
        #[test]
        fn only_2xx_is_success(status: u16) {
            prop_assert_eq!(answered(status) == Outcome::Delivered, (200..300).contains(&status));
        }

        #[test]
        fn a_failure_keeps_what_the_receiver_asked_for(status in 300u16..600, seconds: u64) {
            prop_assume!(status != 410);
            let retry_after = Some(Duration::from_secs(seconds));
            let outcome = classify(Observed::Answered { status, retry_after });
            let is_kept =
                matches!(outcome, Outcome::Failed { retry_after: kept, .. } if kept == retry_after);
            prop_assert!(is_kept);
        }
    }
}
