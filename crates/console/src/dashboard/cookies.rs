//! The cookies that carry sessions.
//!
//! Where pages of other sites may frame the dashboard, a link's session has a cookie that browsers
//! send into such a frame: `SameSite=None`, and `Partitioned`, so that it is there below the site
//! that the link was opened in and below no other. It has a name of its own: a browser that is
//! signed in with a key beside it sends both. What it may be used for is guarded as ever: nothing
//! is changed but by a request from our own origin. Source: RFC 6265bis; CHIPS.

use std::time::Duration;

use axum::http::{HeaderMap, header};

use super::settings::{Framing, Transport};

/// Where a session came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Somebody signed in, with a key or by the identity provider.
    SignIn,
    Link,
}

/// How cookies are made and read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cookies {
    pub(super) transport: Transport,
    pub(super) framing: Framing,
}

impl Cookies {
    /// The cookie of a session that was opened in this way.
    pub(super) fn kept(self, way: Way, token: &str, lasts: Duration) -> String {
        let (name, seconds) = (self.name(way), lasts.as_secs());
        let site = match (self.framing_of(way), self.transport) {
            (Framing::ByOthers, _) => "SameSite=None; Secure; Partitioned",
            (Framing::ByNobody, Transport::Https) => "SameSite=Lax; Secure",
            (Framing::ByNobody, Transport::Http) => "SameSite=Lax",
        };
        format!("{name}={token}; Path=/; Max-Age={seconds}; HttpOnly; {site}")
    }

    /// The cookie that removes that one.
    pub(super) fn forgotten(self, way: Way) -> String {
        self.kept(way, "", Duration::ZERO)
    }

    /// The cookie that removes another session's, where one is begun in this way: whoever signs in
    /// is no longer in a link's session.
    pub(super) fn ended_by(self, way: Way) -> Option<String> {
        match (way, self.framing) {
            (Way::SignIn, Framing::ByOthers) => Some(self.forgotten(Way::Link)),
            (Way::Link, _) | (Way::SignIn, Framing::ByNobody) => None,
        }
    }

    /// The tokens of the sessions that a browser leaves by beginning one in this way: their cookies
    /// are written over, or removed.
    pub(super) fn left_by(self, way: Way, headers: &HeaderMap) -> impl Iterator<Item = &str> {
        let leaves_both = self.ended_by(way).is_some();
        let presented = self.presented(headers);
        presented
            .filter(move |(own, _)| leaves_both || self.name(*own) == self.name(way))
            .map(|(_, token)| token)
    }

    /// The cookie of a sign-in that has begun elsewhere. The browser comes back by a link from
    /// another site.
    pub(super) fn begun(self, attempt: &str, lasts: Duration) -> String {
        let (name, seconds) = (self.name_of_attempt(), lasts.as_secs());
        let secure = match self.transport {
            Transport::Https => "; Secure",
            Transport::Http => "",
        };
        format!("{name}={attempt}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
    }

    /// What the cookie of a sign-in says.
    pub(super) fn attempt(self, headers: &HeaderMap) -> Option<&str> {
        presented(headers, self.name_of_attempt())
    }

    const fn name_of_attempt(self) -> &'static str {
        match self.transport {
            Transport::Https => "__Host-posthaste-sign-in",
            Transport::Http => "posthaste-sign-in",
        }
    }

    /// The tokens that a request presents, a link's first: a frame may send another beside it.
    pub(super) fn presented(self, headers: &HeaderMap) -> impl Iterator<Item = (Way, &str)> {
        let of_link = match self.framing {
            Framing::ByOthers => presented(headers, self.name(Way::Link)),
            Framing::ByNobody => None,
        };
        let of_key = presented(headers, self.name(Way::SignIn));
        let of_link = of_link.map(|token| (Way::Link, token));
        of_link
            .into_iter()
            .chain(of_key.map(|token| (Way::SignIn, token)))
    }

    /// Browsers keep a `__Host-` cookie from other hosts of the domain.
    fn name(self, way: Way) -> &'static str {
        match (self.framing_of(way), self.transport) {
            (Framing::ByOthers, Transport::Https) => "__Host-posthaste-portal",
            (Framing::ByOthers, Transport::Http) => "posthaste-portal",
            (Framing::ByNobody, Transport::Https) => "__Host-posthaste",
            (Framing::ByNobody, Transport::Http) => "posthaste",
        }
    }

    /// Nobody frames a session that somebody signed in for.
    const fn framing_of(self, way: Way) -> Framing {
        match way {
            Way::SignIn => Framing::ByNobody,
            Way::Link => self.framing,
        }
    }
}

fn presented<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).into_iter();
    let pairs = cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'));
    let mut named = pairs.filter_map(|pair| pair.trim().split_once('='));
    named.find_map(|(own, value)| (own == name).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies(transport: Transport, framing: Framing) -> Cookies {
        Cookies { transport, framing }
    }

    #[test]
    fn cookies_are_for_us_alone() {
        let https = cookies(Transport::Https, Framing::ByNobody);
        for way in [Way::SignIn, Way::Link] {
            assert_eq!(
                https.kept(way, "phs_a", Duration::from_secs(60)),
                "__Host-posthaste=phs_a; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
            );
        }
        let http = cookies(Transport::Http, Framing::ByNobody);
        assert_eq!(
            http.forgotten(Way::SignIn),
            "posthaste=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
        );
    }

    #[test]
    fn a_links_cookie_goes_into_frames_and_a_keys_does_not() {
        let https = cookies(Transport::Https, Framing::ByOthers);
        let of_link = https.kept(Way::Link, "phs_a", Duration::from_secs(60));
        assert_eq!(
            of_link,
            "__Host-posthaste-portal=phs_a; Path=/; Max-Age=60; HttpOnly; SameSite=None; Secure; \
             Partitioned"
        );
        let of_key = https.kept(Way::SignIn, "phs_a", Duration::from_secs(60));
        assert!(of_key.starts_with("__Host-posthaste=") && of_key.contains("SameSite=Lax"));
        let http = cookies(Transport::Http, Framing::ByOthers);
        assert!(http.forgotten(Way::Link).contains("SameSite=None; Secure"));
        assert_eq!(http.ended_by(Way::SignIn), Some(http.forgotten(Way::Link)));
        assert_eq!(http.ended_by(Way::Link), None);
    }

    #[test]
    fn a_session_is_left_where_its_cookie_goes() {
        let sent = "posthaste=phs_x; posthaste-portal=phs_y";
        let headers = HeaderMap::from_iter([(header::COOKIE, sent.parse().unwrap())]);
        let left = |framing, way| {
            let cookies = cookies(Transport::Http, framing);
            let left = cookies.left_by(way, &headers);
            left.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(left(Framing::ByNobody, Way::SignIn), ["phs_x"]);
        assert_eq!(left(Framing::ByNobody, Way::Link), ["phs_x"]);
        assert_eq!(left(Framing::ByOthers, Way::SignIn), ["phs_y", "phs_x"]);
        assert_eq!(left(Framing::ByOthers, Way::Link), ["phs_y"]);
    }

    #[test]
    fn a_sign_in_that_has_begun_is_kept_for_us_alone() {
        let https = cookies(Transport::Https, Framing::ByOthers);
        let begun = https.begun("a.b.c", Duration::from_secs(600));
        assert_eq!(
            begun,
            "__Host-posthaste-sign-in=a.b.c; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure"
        );
        let http = cookies(Transport::Http, Framing::ByNobody);
        let sent = "posthaste=x; posthaste-sign-in=a.b.c";
        let headers = HeaderMap::from_iter([(header::COOKIE, sent.parse().unwrap())]);
        assert_eq!(http.attempt(&headers), Some("a.b.c"));
        assert_eq!(https.attempt(&headers), None);
    }

    fn read(cookies: Cookies, sent: &'static str) -> Vec<(Way, String)> {
        let headers = HeaderMap::from_iter([(header::COOKIE, sent.parse().unwrap())]);
        let presented = cookies.presented(&headers);
        presented
            .map(|(way, token)| (way, token.to_owned()))
            .collect()
    }

    #[test]
    fn a_cookie_among_others() {
        let http = cookies(Transport::Http, Framing::ByNobody);
        let expected = [(Way::SignIn, "phs_x".to_owned())];
        assert_eq!(read(http, "a=b; posthaste=phs_x; c=d"), expected);
        for sent in [
            "",
            "posthaste",
            "xposthaste=a",
            "__Host-posthaste=a",
            "posthaste-portal=a",
        ] {
            assert_eq!(read(http, sent), [], "{sent}");
        }
        let framed = cookies(Transport::Http, Framing::ByOthers);
        let both = read(framed, "posthaste=phs_x; posthaste-portal=phs_y");
        let ways: Vec<_> = both.iter().map(|(way, token)| (*way, &**token)).collect();
        assert_eq!(ways, [(Way::Link, "phs_y"), (Way::SignIn, "phs_x")]);
    }
}
