//! Why there was no answer, read off the types of the errors and never off their text.

use std::error::Error;
use std::io;

use domain::outcome::Failure;
use rustls::{AlertDescription, CertificateError, PeerIncompatible};

use super::resolver::LookupError;

/// What a failed request means. `out_of_time` is what it was waiting for last, as a failure.
pub(super) fn of(error: &reqwest::Error, out_of_time: Failure) -> Failure {
    for cause in causes(error) {
        if let Some(failure) = cause
            .downcast_ref::<LookupError>()
            .map(LookupError::failure)
        {
            return failure;
        }
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return of_tls(tls);
        }
    }
    if error.is_builder() {
        return Failure::UrlForbidden;
    }
    if error.is_connect() && error.is_timeout() {
        return out_of_time;
    }
    let io = causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .last();
    if error.is_connect() {
        return io.map_or(Failure::ConnectionFailed, of_connect);
    }
    // The receiver reset the stream or said that it goes away. What we found amiss ourselves is
    // a breach of the protocol.
    let http2 = causes(error).find_map(|cause| cause.downcast_ref::<h2::Error>());
    if http2.is_some_and(h2::Error::is_remote) {
        return Failure::ConnectionClosed;
    }
    let http = causes(error)
        .filter_map(|cause| cause.downcast_ref::<hyper::Error>())
        .last();
    match (http, io) {
        (Some(http), _) if http.is_parse() => Failure::ProtocolError,
        (_, Some(_)) => Failure::ConnectionClosed,
        (Some(http), None)
            if http.is_incomplete_message() || http.is_closed() || http.is_canceled() =>
        {
            Failure::ConnectionClosed
        }
        (_, None) => Failure::ProtocolError,
    }
}

type Cause<'a> = &'a (dyn Error + 'static);

/// The error and what it was caused by, down to the last.
fn causes<'a>(error: Cause<'a>) -> impl Iterator<Item = Cause<'a>> {
    std::iter::successors(Some(error), |cause| next(*cause))
}

/// An error that an [`io::Error`] wraps is not its source, but the source of the wrapped one is:
/// the wrapped one would be passed over.
fn next<'a>(cause: Cause<'a>) -> Option<Cause<'a>> {
    match cause
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(wrapped) => Some(wrapped),
        None => cause.source(),
    }
}

fn of_tls(error: &rustls::Error) -> Failure {
    use PeerIncompatible::{ServerDoesNotSupportTls12Or13, ServerTlsVersionIsDisabledByOurConfig};
    match error {
        rustls::Error::InvalidCertificate(error) => of_certificate(error),
        rustls::Error::NoCertificatesPresented => Failure::TlsCertificate,
        rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)
        | rustls::Error::PeerIncompatible(
            ServerDoesNotSupportTls12Or13 | ServerTlsVersionIsDisabledByOurConfig,
        ) => Failure::TlsVersion,
        _ => Failure::TlsFailed,
    }
}

fn of_certificate(error: &CertificateError) -> Failure {
    use CertificateError::{
        BadSignature, Expired, ExpiredContext, NotValidForName, NotValidForNameContext,
        NotValidYet, NotValidYetContext, UnknownIssuer,
    };
    match error {
        Expired | ExpiredContext { .. } => Failure::TlsCertificateExpired,
        NotValidYet | NotValidYetContext { .. } => Failure::TlsCertificateNotYetValid,
        NotValidForName | NotValidForNameContext { .. } => Failure::TlsCertificateWrongHost,
        // The second has the name of an authority that we know, and not its signature.
        UnknownIssuer | BadSignature => Failure::TlsCertificateUntrusted,
        _ => Failure::TlsCertificate,
    }
}

fn of_connect(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Failure::ConnectionRefused,
        io::ErrorKind::TimedOut => Failure::ConnectTimeout,
        // Connected already: it broke off in the handshake.
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => Failure::TlsFailed,
        _ => Failure::ConnectionFailed,
    }
}
