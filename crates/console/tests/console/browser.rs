//! A browser without a screen: it has a session, and says where its forms come from.

use axum::http::{Method, request};
use serde_json::json;
use testkit::{Fetched, Followed};

use crate::world::{Tenant, World, follow, send, text};

/// What browsers ask for when somebody follows a link or sends a form.
pub(crate) const ACCEPT: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

/// Somebody who is signed in.
pub(crate) struct Browser<'a> {
    world: &'a World,
    /// As the header `Cookie` sends it.
    pub(crate) cookie: String,
}

impl<'a> Browser<'a> {
    /// Signed in by a link to this tenant's part.
    pub(crate) async fn of(world: &'a World, tenant: &Tenant) -> Self {
        let opened = open(world, &link(world, tenant).await).await;
        assert_eq!(opened.status, 303, "{opened:?}");
        let cookie = cookie(&opened, "SameSite=None; Secure; Partitioned");
        Self { world, cookie }
    }

    /// Signed in by this key.
    pub(crate) async fn by_key(world: &'a World, key: &str) -> Self {
        let begun = sign_in(world, key).await;
        assert_eq!(begun.status, 303, "{begun:?}");
        let cookie = cookie(&begun, "SameSite=Lax");
        Self { world, cookie }
    }

    /// Signed in by the identity provider, which has sent an answer to this sign-in.
    pub(crate) fn by_provider(world: &'a World, begun: &Fetched) -> Self {
        assert_eq!(begun.status, 303, "{begun:?}");
        let cookies = begun.headers.get_all("set-cookie").iter();
        let mut cookies = cookies.map(|set| set.to_str().unwrap());
        let session = cookies.rfind(|set| set.starts_with("posthaste="));
        let session = session.unwrap();
        assert!(session.ends_with("; HttpOnly; SameSite=Lax"), "{session}");
        let cookie = session.split(';').next().unwrap().to_owned();
        Self { world, cookie }
    }

    pub(crate) async fn get(&self, path: &str) -> Fetched {
        send(self.request(Method::GET, path), "").await
    }

    /// The same, of what may go on: its head is there, and its body comes.
    pub(crate) async fn follow(&self, path: &str) -> Followed {
        follow(self.request(Method::GET, path)).await
    }

    fn request(&self, method: Method, path: &str) -> request::Builder {
        let request = self.world.anonymous(method, path);
        let request = request.header("accept", ACCEPT);
        request.header("cookie", &self.cookie)
    }

    /// Sends a form from our own page.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Fetched {
        self.post_from("same-origin", path, fields).await
    }

    /// Sends a form with a file from our own page.
    pub(crate) async fn upload(&self, path: &str, field: &str, file: &[u8]) -> Fetched {
        let head = format!(
            "--part\r\ncontent-disposition: form-data; name=\"{field}\"; filename=\"file\"\r\n\r\n"
        );
        let body = [head.as_bytes(), file, b"\r\n--part--\r\n"].concat();
        let request = self.request(Method::POST, path);
        let request = request.header("sec-fetch-site", "same-origin");
        let kind = "multipart/form-data; boundary=part";
        send(request.header("content-type", kind), body).await
    }

    /// Sends a form from a page of this origin.
    pub(crate) async fn post_from(
        &self,
        site: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Fetched {
        let request = self.request(Method::POST, path);
        let request = request.header("sec-fetch-site", site);
        send_form(request, fields).await
    }
}

/// Makes a link to a tenant's part; gives its path.
pub(crate) async fn link(world: &World, tenant: &Tenant) -> String {
    let path = tenant.path("portal-links");
    let made = world.post(&tenant.key, &path, json!({})).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    let url: axum::http::Uri = text(&made, "url").parse().unwrap();
    url.path().to_owned()
}

/// Opens a link.
pub(crate) async fn open(world: &World, link: &str) -> Fetched {
    let request = world.anonymous(Method::GET, link);
    send(request.header("accept", ACCEPT), "").await
}

/// Gives a key to the sign-in page.
pub(crate) async fn sign_in(world: &World, key: &str) -> Fetched {
    let request = world.anonymous(Method::POST, "/login");
    let request = request
        .header("accept", ACCEPT)
        .header("sec-fetch-site", "same-origin");
    send_form(request, &[("key", key)]).await
}

async fn send_form(request: request::Builder, fields: &[(&str, &str)]) -> Fetched {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    send(request, body).await
}

/// The cookie that an answer sets last, which browsers are to send so.
fn cookie(answer: &Fetched, sent: &str) -> String {
    let set = answer.headers.get_all("set-cookie").iter().next_back();
    let set = set.unwrap().to_str().unwrap();
    assert!(set.ends_with(&format!("; HttpOnly; {sent}")), "{set}");
    set.split(';').next().unwrap().to_owned()
}

/// A page's text.
pub(crate) fn page(answer: &Fetched) -> &str {
    std::str::from_utf8(&answer.body).unwrap()
}
