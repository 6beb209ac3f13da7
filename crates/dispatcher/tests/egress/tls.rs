//! Who a receiver says it is: certificates have a reason of their own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use dispatcher::egress::{Attempted, Egress, EgressError, Names};
use domain::outcome::Failure;
use rcgen::CertificateParams;
use rstest::rstest;
use testkit::authority::{Authority, named, self_signed};
use testkit::name_server::{NameServer, Say};
use testkit::raw::Receiver;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use crate::support::{AMPLE, IDLE_PER_HOST, egress, failure, loopback, post, status, until_closed};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Takes one request over TLS and answers 200.
async fn receiver(tls: TlsAcceptor) -> Receiver {
    Receiver::start(move |stream| {
        let tls = tls.clone();
        async move {
            let Ok(mut stream) = tls.accept(stream).await else {
                return;
            };
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n{}") {
                let Ok(byte) = stream.read_u8().await else {
                    return;
                };
                request.push(byte);
            }
            let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
            let _cut_short = stream.write_all(answer).await;
            let _cut_short = stream.shutdown().await;
        }
    })
    .await
}

/// An egress that trusts this authority beside the public ones.
pub(crate) fn trusting(authority: &Authority) -> Egress {
    trusting_and_asking(authority, "127.0.0.1:9".parse().unwrap())
}

/// The same, with a name server.
fn trusting_and_asking(authority: &Authority, server: SocketAddr) -> Egress {
    let file = authority.file();
    let names = Names::Servers(vec![server]);
    Egress::build(
        loopback(),
        Some(&file.path().to_owned()),
        &names,
        IDLE_PER_HOST,
    )
    .unwrap()
}

async fn post_over_tls(egress: &Egress, receiver: &Receiver) -> Attempted {
    post(egress, &format!("https://{}/", receiver.address()), AMPLE).await
}

#[tokio::test]
async fn a_certificate_of_the_operators_authority_is_good() {
    let authority = Authority::new();
    let receiver = receiver(authority.certify(&named(&["127.0.0.1"]), &["http/1.1"])).await;
    let attempted = post_over_tls(&trusting(&authority), &receiver).await;
    assert_eq!(status(&attempted), Some(200), "{attempted:?}");
}

/// The certificate is for the name in the URL, whatever address it led to.
#[rstest]
#[case("eu.hooks.example", Ok(200))]
#[case("*.hooks.example", Ok(200))]
#[case("hooks.example", Err(Failure::TlsCertificateWrongHost))]
#[case("*.example", Err(Failure::TlsCertificateWrongHost))]
#[case("127.0.0.1", Err(Failure::TlsCertificateWrongHost))]
#[tokio::test]
async fn a_certificate_is_for_the_name(
    #[case] certified: &str,
    #[case] expected: Result<u16, Failure>,
) {
    let authority = Authority::new();
    let receiver = receiver(authority.certify(&named(&[certified]), &["http/1.1"])).await;
    let server = NameServer::start(vec![Say::addresses(&["127.0.0.1"])]).await;
    let egress = trusting_and_asking(&authority, server.address());
    let url = format!("https://eu.hooks.example:{}/", receiver.address().port());
    let attempted = post(&egress, &url, AMPLE).await;
    let seen = status(&attempted).ok_or_else(|| failure(&attempted).unwrap());
    assert_eq!(seen, expected);
}

fn expired() -> CertificateParams {
    let mut params = named(&["127.0.0.1"]);
    params.not_before = (SystemTime::now() - 2 * DAY).into();
    params.not_after = (SystemTime::now() - DAY).into();
    params
}

fn not_yet_valid() -> CertificateParams {
    let mut params = named(&["127.0.0.1"]);
    params.not_before = (SystemTime::now() + DAY).into();
    params.not_after = (SystemTime::now() + 2 * DAY).into();
    params
}

#[rstest]
#[case::expired(expired(), Failure::TlsCertificateExpired)]
#[case::not_yet_valid(not_yet_valid(), Failure::TlsCertificateNotYetValid)]
#[case::another_address(named(&["127.0.0.2"]), Failure::TlsCertificateWrongHost)]
#[case::a_name(named(&["hooks.example"]), Failure::TlsCertificateWrongHost)]
#[case::nobody(CertificateParams::default(), Failure::TlsCertificateWrongHost)]
#[tokio::test]
async fn a_certificate_for_another_time_or_host_is_not(
    #[case] params: CertificateParams,
    #[case] expected: Failure,
) {
    let authority = Authority::new();
    let receiver = receiver(authority.certify(&params, &["http/1.1"])).await;
    let attempted = post_over_tls(&trusting(&authority), &receiver).await;
    assert_eq!(failure(&attempted), Some(expected));
}

#[tokio::test]
async fn nobody_vouches_for_himself() {
    let receiver = receiver(self_signed(&named(&["127.0.0.1"]))).await;
    let attempted = post_over_tls(&egress(loopback()), &receiver).await;
    assert_eq!(failure(&attempted), Some(Failure::TlsCertificateUntrusted));
}

#[tokio::test]
async fn an_authority_that_was_not_named_is_not_trusted() {
    let receiver = receiver(Authority::new().certify(&named(&["127.0.0.1"]), &["http/1.1"])).await;
    let attempted = post_over_tls(&trusting(&Authority::new()), &receiver).await;
    assert_eq!(failure(&attempted), Some(Failure::TlsCertificateUntrusted));
}

/// The hello of a server that agrees on TLS 1.1, with zeros for its random number.
const TLS_1_1: [u8; 47] = {
    let mut hello = [0; 47];
    let head = *b"\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02";
    let mut at = 0;
    while at < head.len() {
        hello[at] = head[at];
        at += 1;
    }
    // After the number and an empty session id: TLS_RSA_WITH_AES_128_CBC_SHA, no compression.
    hello[45] = 0x2f;
    hello
};

#[rstest]
#[case::plain_http(&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], Failure::TlsFailed)]
// An alert, protocol_version: what a server that knows TLS 1.1 alone says.
#[case::old_version_by_alert(&b"\x15\x03\x01\x00\x02\x02\x46"[..], Failure::TlsVersion)]
#[case::old_version_by_hello(&TLS_1_1[..], Failure::TlsVersion)]
// An alert, handshake_failure.
#[case::nothing_in_common(&b"\x15\x03\x03\x00\x02\x02\x28"[..], Failure::TlsFailed)]
#[case::nothing(&b""[..], Failure::TlsFailed)]
#[tokio::test]
async fn a_handshake_that_fails_otherwise(#[case] bytes: &'static [u8], #[case] expected: Failure) {
    let receiver = Receiver::start(move |mut stream| async move {
        let mut hello = [0; 5];
        stream.read_exact(&mut hello).await.unwrap();
        let _cut_short = stream.write_all(bytes).await;
        let _cut_short = stream.shutdown().await;
        until_closed(&mut stream).await;
    })
    .await;
    let attempted = post_over_tls(&egress(loopback()), &receiver).await;
    assert_eq!(failure(&attempted), Some(expected), "{attempted:?}");
}

#[tokio::test]
async fn a_reset_in_the_handshake() {
    let receiver = Receiver::start(async |mut stream| {
        let mut hello = [0; 5];
        stream.read_exact(&mut hello).await.unwrap();
        stream.set_zero_linger().unwrap();
    })
    .await;
    let attempted = post_over_tls(&egress(loopback()), &receiver).await;
    assert_eq!(
        failure(&attempted),
        Some(Failure::TlsFailed),
        "{attempted:?}"
    );
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn a_file_of_authorities_that_holds_none_is_an_error() {
    let names = Names::Servers(vec!["127.0.0.1:9".parse().unwrap()]);
    let missing = PathBuf::from("/nonexistent/authorities.pem");
    let built = Egress::build(loopback(), Some(&missing), &names, IDLE_PER_HOST);
    assert!(matches!(built, Err(EgressError::Authorities { .. })));

    let empty = tempfile::NamedTempFile::new().unwrap();
    let built = Egress::build(
        loopback(),
        Some(&empty.path().to_owned()),
        &names,
        IDLE_PER_HOST,
    );
    assert!(matches!(built, Err(EgressError::NoAuthority { .. })));
}
