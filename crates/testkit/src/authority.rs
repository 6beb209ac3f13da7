//! Certificates, good and bad, and who vouches for them.

use std::io::Write;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::NamedTempFile;
use tokio_rustls::TlsAcceptor;

/// An authority of the operator's own.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// One that nobody trusts yet.
    ///
    /// # Panics
    /// When there is no randomness.
    #[expect(clippy::new_without_default, reason = "each is another one")]
    #[must_use]
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, key());
        Self {
            issuer: issuer.expect("an authority can vouch for itself"),
        }
    }

    /// Its certificate as an operator would name it.
    ///
    /// # Panics
    /// When the temporary directory is not writable.
    #[must_use]
    pub fn file(&self) -> NamedTempFile {
        let mut file = NamedTempFile::new().expect("the temporary directory is writable");
        file.write_all(self.issuer.pem().as_bytes())
            .expect("the temporary directory has room");
        file
    }

    /// A server with a certificate from it.
    ///
    /// # Panics
    /// When the parameters make no certificate.
    #[must_use]
    pub fn certify(&self, params: &CertificateParams, protocols: &[&str]) -> TlsAcceptor {
        let key = key();
        let certificate = params.signed_by(&key, &self.issuer);
        let certificate = certificate.expect("the parameters make a certificate");
        acceptor(certificate.der().clone(), &key, protocols)
    }
}

/// A server with a certificate that nobody vouches for but itself.
///
/// # Panics
/// When the parameters make no certificate.
#[must_use]
pub fn self_signed(params: &CertificateParams) -> TlsAcceptor {
    let key = key();
    let certificate = params.self_signed(&key);
    let certificate = certificate.expect("the parameters make a certificate");
    acceptor(certificate.der().clone(), &key, &["http/1.1"])
}

/// What a certificate for these names and addresses says.
///
/// # Panics
/// When one is neither.
#[must_use]
pub fn named(hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    CertificateParams::new(hosts).expect("a certificate can be for these hosts")
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("there is randomness")
}

fn acceptor(
    certificate: CertificateDer<'static>,
    key: &KeyPair,
    protocols: &[&str],
) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("the key is one");
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows them")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("the key is the certificate's");
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    TlsAcceptor::from(Arc::new(config))
}
