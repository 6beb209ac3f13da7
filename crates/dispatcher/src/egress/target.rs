//! What may be sent to, as a type.

use domain::address::AddressPolicy;
use domain::endpoint_url::{self, EndpointUrlError};
use domain::outcome::Failure;
use url::Url;

/// A URL that was judged for the send that follows, and is used up by it.
///
/// **Invariant:** [`VettedTarget::vet`] is the only way to make one. Not `Clone`: what was vetted
/// for one send is vetted again for the next.
pub(super) struct VettedTarget(Url);

impl VettedTarget {
    /// Judges the URL, and its host if that is an address. The addresses of a name are judged by
    /// the resolver, when a connection is made.
    pub(super) fn vet(url: &Url, policy: &AddressPolicy) -> Result<Self, Failure> {
        match endpoint_url::target(url, policy) {
            Ok(_) => Ok(Self(url.clone())),
            Err(EndpointUrlError::Address(_) | EndpointUrlError::LocalName) => {
                Err(Failure::AddressForbidden)
            }
            Err(
                EndpointUrlError::Malformed
                | EndpointUrlError::TooLong
                | EndpointUrlError::Scheme
                | EndpointUrlError::Credentials
                | EndpointUrlError::Fragment
                | EndpointUrlError::Port,
            ) => Err(Failure::UrlForbidden),
        }
    }

    /// The URL, to be sent to now.
    pub(super) fn into_url(self) -> Url {
        self.0
    }
}
