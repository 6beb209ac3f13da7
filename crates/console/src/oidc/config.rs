//! What an operator says about the identity provider.

use std::io;
use std::path::PathBuf;

use openidconnect::{ClientSecret, IssuerUrl};
use url::{Host, Url};

use super::rule::Rule;

/// What an operator says about the identity provider.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
pub struct OidcConfig {
    /// Where people sign in to the dashboard: the issuer of an OpenID Connect provider, such as
    /// `https://id.example.com`. By API keys alone, if left out.
    #[arg(
        long = "console-oidc-issuer",
        env = "POSTHASTE_CONSOLE_OIDC_ISSUER",
        value_name = "URL",
        value_parser = issuer
    )]
    pub issuer: Option<IssuerUrl>,
    /// What the identity provider calls this console.
    #[arg(
        long = "console-oidc-client-id",
        env = "POSTHASTE_CONSOLE_OIDC_CLIENT_ID",
        value_name = "ID"
    )]
    pub client_id: Option<String>,
    /// A file with the secret that the identity provider has given this console; none, if it is a
    /// public client.
    #[arg(
        long = "console-oidc-client-secret-file",
        env = "POSTHASTE_CONSOLE_OIDC_CLIENT_SECRET_FILE",
        value_name = "PATH"
    )]
    pub client_secret_file: Option<PathBuf>,
    /// Who may do what, such as `group:ops=operator` or `email:ann@example.com=developer:acme`,
    /// where acme is a tenant; may be given several times. The first that fits counts, and whom
    /// none fits is not let in.
    #[arg(
        long = "console-oidc-role",
        env = "POSTHASTE_CONSOLE_OIDC_ROLES",
        value_name = "WHO=ROLE",
        value_delimiter = ','
    )]
    pub roles: Vec<Rule>,
    /// What the identity provider is asked to tell, besides who it is: the names of scopes.
    #[arg(
        long = "console-oidc-scope",
        env = "POSTHASTE_CONSOLE_OIDC_SCOPES",
        value_name = "SCOPE",
        value_delimiter = ',',
        default_value = "profile,email"
    )]
    pub scopes: Vec<String>,
    /// The claim that names somebody's groups, or a JSON pointer to it, such as
    /// `/realm_access/roles`.
    #[arg(
        long = "console-oidc-groups-claim",
        env = "POSTHASTE_CONSOLE_OIDC_GROUPS_CLAIM",
        value_name = "CLAIM",
        default_value = "groups"
    )]
    pub groups_claim: String,
    /// What the button says after “Sign in with”.
    #[arg(
        long = "console-oidc-name",
        env = "POSTHASTE_CONSOLE_OIDC_NAME",
        value_name = "NAME",
        default_value = "your organisation"
    )]
    pub name: String,
}

/// Why there can be no signing in by this configuration.
#[derive(Debug, thiserror::Error)]
pub enum OidcConfigError {
    /// A setting stands alone.
    #[error("{given} is set and {missing} is not")]
    Incomplete {
        /// What is set.
        given: &'static str,
        /// What it needs.
        missing: &'static str,
    },
    /// The secret can't be read.
    #[error("cannot read the client secret in {}", path.display())]
    Secret {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is empty.
    #[error("there is no client secret in {}", path.display())]
    NoSecret {
        /// Where it should be.
        path: PathBuf,
    },
    /// Nothing can be asked over HTTP.
    #[error("cannot make an HTTP client for the identity provider")]
    Http(#[source] reqwest::Error),
}

impl OidcConfig {
    /// The issuer and the client's id; none where there is no signing in by a provider.
    pub(super) fn client(&self) -> Result<Option<(IssuerUrl, String)>, OidcConfigError> {
        let (issuer, id, role) = (
            "console-oidc-issuer",
            "console-oidc-client-id",
            "console-oidc-role",
        );
        let incomplete = |given, missing| Err(OidcConfigError::Incomplete { given, missing });
        match (&self.issuer, &self.client_id) {
            (Some(_), None) => incomplete(issuer, id),
            (None, Some(_)) => incomplete(id, issuer),
            (None, None) if !self.roles.is_empty() => incomplete(role, issuer),
            (None, None) => Ok(None),
            // Nobody could sign in.
            (Some(_), Some(_)) if self.roles.is_empty() => incomplete(issuer, role),
            (Some(issuer), Some(id)) => Ok(Some((issuer.clone(), id.clone()))),
        }
    }

    /// The client's secret, if it has one.
    pub(super) fn secret(&self) -> Result<Option<ClientSecret>, OidcConfigError> {
        let Some(path) = &self.client_secret_file else {
            return Ok(None);
        };
        let read = std::fs::read_to_string(path);
        let text = read.map_err(|source| OidcConfigError::Secret {
            path: path.clone(),
            source,
        })?;
        match text.trim() {
            "" => Err(OidcConfigError::NoSecret { path: path.clone() }),
            secret => Ok(Some(ClientSecret::new(secret.to_owned()))),
        }
    }
}

/// An issuer as it calls itself, with or without a slash at its end.
fn issuer(text: &str) -> Result<IssuerUrl, String> {
    let expected = || {
        "an https URL without a query, such as https://id.example.com; http is for this machine \
         alone"
            .to_owned()
    };
    let url: Url = text.parse().map_err(|_| expected())?;
    let is_bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if !is_bare || !is_safe(&url) {
        return Err(expected());
    }
    IssuerUrl::new(text.to_owned()).map_err(|_| expected())
}

/// Whether what is sent there can be read by nobody on the way.
pub(super) fn is_safe(url: &Url) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use rstest::rstest;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        config: OidcConfig,
    }

    fn config(arguments: &[&str]) -> OidcConfig {
        let line = ["console"].iter().chain(arguments);
        Line::try_parse_from(line).unwrap().config
    }

    const ISSUER: &str = "--console-oidc-issuer=https://id.example.com";
    const CLIENT: &str = "--console-oidc-client-id=posthaste";
    const ROLE: &str = "--console-oidc-role=group:ops=operator,email:a@b.c=developer:acme";

    #[test]
    fn all_of_it_or_nothing() {
        assert!(config(&[]).client().unwrap().is_none());
        let whole = config(&[ISSUER, CLIENT, ROLE]);
        assert!(whole.client().unwrap().is_some());
        assert_eq!(whole.roles.len(), 2);
        assert_eq!(whole.scopes, ["profile", "email"]);
        for (given, told) in [
            (
                &[ISSUER][..],
                "console-oidc-issuer is set and console-oidc-client-id is not",
            ),
            (
                &[CLIENT][..],
                "console-oidc-client-id is set and console-oidc-issuer is not",
            ),
            (
                &[ROLE][..],
                "console-oidc-role is set and console-oidc-issuer is not",
            ),
            (
                &[ISSUER, CLIENT][..],
                "console-oidc-issuer is set and console-oidc-role is not",
            ),
        ] {
            assert_eq!(config(given).client().unwrap_err().to_string(), told);
        }
    }

    #[test]
    fn a_secret_is_a_files() {
        let none = config(&[]).secret().unwrap();
        assert!(none.is_none());
        let missing = config(&["--console-oidc-client-secret-file=/nowhere/secret"]);
        let told = missing.secret().unwrap_err().to_string();
        assert_eq!(told, "cannot read the client secret in /nowhere/secret");
    }

    #[rstest]
    #[case("https://id.example.com")]
    #[case("https://id.example.com/realms/ops/")]
    #[case("http://127.0.0.1:9400")]
    #[case("http://[::1]:9400/")]
    #[case("http://localhost")]
    fn issuers(#[case] text: &str) {
        assert_eq!(issuer(text).unwrap().as_str(), text);
    }

    #[rstest]
    #[case("")]
    #[case("id.example.com")]
    #[case("http://id.example.com")]
    #[case("http://localhost.example.com")]
    #[case("http://10.0.0.1")]
    #[case("ftp://127.0.0.1")]
    #[case("https://id.example.com?tenant=a")]
    #[case("https://id.example.com#a")]
    #[case("https://me@id.example.com")]
    fn no_issuers(#[case] text: &str) {
        assert!(issuer(text).is_err());
    }
}
