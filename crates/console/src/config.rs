//! What an operator can change about the console.

use std::net::IpAddr;
use std::num::NonZeroU16;

use ipnet::IpNet;
use url::Url;

use crate::oidc::OidcConfig;

/// What an operator can change about the console.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Config {
    /// An address or network that deliveries come from, for receivers to allow; may be given
    /// several times.
    #[arg(
        long = "egress-ip",
        env = "POSTHASTE_EGRESS_IPS",
        value_name = "IP or CIDR",
        value_delimiter = ',',
        value_parser = network
    )]
    pub egress_ips: Vec<IpNet>,
    /// How many held deliveries are released a second, once their endpoints are enabled again.
    #[arg(
        long = "console-release-rate",
        env = "POSTHASTE_CONSOLE_RELEASE_RATE",
        default_value = "500"
    )]
    pub release_rate: NonZeroU16,
    /// Where browsers find the dashboard, such as `https://webhooks.example.com/`; the address that
    /// the console listens on, if left out. With https, cookies are for https alone.
    #[arg(
        long = "console-public-url",
        env = "POSTHASTE_CONSOLE_PUBLIC_URL",
        value_parser = public_url
    )]
    pub public_url: Option<Url>,
    /// An origin whose pages may show the dashboard in a frame, such as `https://app.example.com`;
    /// may be given several times. None may, if left out.
    #[arg(
        long = "console-frame-ancestor",
        env = "POSTHASTE_CONSOLE_FRAME_ANCESTORS",
        value_name = "ORIGIN",
        value_delimiter = ',',
        value_parser = origin
    )]
    pub frame_ancestors: Vec<String>,
    /// Where the traces of events are looked at, with `{trace}` in the place of a trace's id, such
    /// as `https://jaeger.example.com/trace/{trace}`. An event's page links there for all but
    /// customers.
    #[arg(
        long = "console-trace-url",
        env = "POSTHASTE_CONSOLE_TRACE_URL",
        value_name = "URL",
        value_parser = trace_url
    )]
    pub trace_url: Option<String>,
    /// Signing in by an identity provider.
    #[command(flatten)]
    pub oidc: OidcConfig,
}

/// An address that paths can be put behind; it ends with a slash.
fn public_url(text: &str) -> Result<Url, String> {
    let expected = || "an http or https URL without path, such as https://example.com".to_owned();
    let url: Url = text.parse().map_err(|_| expected())?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let is_web = matches!(url.scheme(), "http" | "https") && url.username().is_empty();
    (is_bare && is_web).then_some(url).ok_or_else(expected)
}

/// An origin as a header can hold it.
fn origin(text: &str) -> Result<String, String> {
    let url = public_url(text).map_err(|_| "an origin, such as https://example.com".to_owned())?;
    Ok(url.origin().ascii_serialization())
}

/// A URL with a place for a trace's id.
fn trace_url(text: &str) -> Result<String, String> {
    let expected =
        "an http or https URL with {trace} in it, such as https://jaeger.example.com/trace/{trace}";
    let url: Option<Url> = text.replace("{trace}", "0").parse().ok();
    let is_web = url.is_some_and(|url| matches!(url.scheme(), "http" | "https"));
    let is_one = is_web && text.matches("{trace}").count() == 1;
    is_one
        .then(|| text.to_owned())
        .ok_or_else(|| expected.to_owned())
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse()
        .or_else(|_| address())
        .map_err(|_| "an address or a network, such as 192.0.2.7".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_traces_are() {
        let url = "https://jaeger.example.com/trace/{trace}";
        assert_eq!(trace_url(url).as_deref(), Ok(url));
        for text in ["", "https://example.com", "javascript:{trace}", "{trace}"] {
            assert!(trace_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn where_browsers_find_it() {
        let url = public_url("https://webhooks.example.com").map(String::from);
        assert_eq!(url.as_deref(), Ok("https://webhooks.example.com/"));
        assert_eq!(
            origin("https://app.example.com:8443/").as_deref(),
            Ok("https://app.example.com:8443")
        );
        for text in [
            "",
            "example.com",
            "ftp://example.com",
            "https://example.com/a",
            "https://example.com/?a",
            "https://me@example.com",
            "https://example.com; script-src *",
        ] {
            assert!(public_url(text).is_err(), "{text}");
            assert!(origin(text).is_err(), "{text}");
        }
    }
}
