//! Signing in by the platform's identity provider: OpenID Connect, the authorization code flow with
//! PKCE.
//!
//! The provider says who somebody is and which groups they are in; what they may do here is the
//! operator's rules' to say, and nobody else's.
//!
//! **Invariant:** nothing of what a browser brings back counts before the provider has answered for
//! it, over a connection of ours, with a signature that holds. Source: OpenID Connect Core 1.0; RFC
//! 7636.

mod attempt;
mod config;
mod http;
mod provider;
mod rule;
mod vouched;

pub(crate) use attempt::{Attempt, LASTS};
pub use config::{OidcConfig, OidcConfigError};
pub(crate) use provider::OidcError;
pub use provider::Provider;
pub(crate) use rule::Role;
pub use rule::Rule;
pub(crate) use vouched::Vouched;
