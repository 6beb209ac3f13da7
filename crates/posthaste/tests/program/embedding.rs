//! The customer's part in a frame of the platform's own page, which is of another site.

use std::path::Path;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use http::Method;
use serde_json::{Value, json};
use testkit::cluster::Role;
use testkit::{Browser, Cluster, Stack};
use tokio::net::TcpListener;

use crate::support::PROGRAM;

/// A page of the platform's that shows what a link leads to in a frame.
struct Page {
    listener: TcpListener,
    origin: String,
}

impl Page {
    /// One to be served. To browsers `localhost` is another site than `127.0.0.1`.
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        Self {
            listener,
            origin: format!("http://localhost:{port}"),
        }
    }

    /// Serves it with a new link to a tenant's part; gives its URL.
    async fn serve(self, cluster: &Cluster) -> String {
        let links = "/v1/tenants/acme/portal-links";
        let link = cluster.make(links, &json!({})).await;
        let page = format!(
            "<!doctype html><title>Acme</title><h1>Acme</h1><iframe src=\"{}\" width=\"1000\" height=\"700\"></iframe>",
            link["url"].as_str().unwrap()
        );
        let app = Router::new().route("/", get(async move || Html(page)));
        tokio::spawn(async move { axum::serve(self.listener, app).await });
        self.origin
    }
}

async fn endpoints(cluster: &Cluster) -> Vec<Value> {
    let listed = cluster.call(Method::GET, "/v1/tenants/acme/endpoints", None);
    listed.await.json()["data"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_works_in_a_frame_of_another_site() {
    let stack = Stack::new().await;
    let mut cluster = Cluster::prepare(Path::new(PROGRAM), &stack).await;
    let (named, stranger) = (Page::new().await, Page::new().await);
    let framed = ["--console-frame-ancestor", &named.origin];
    cluster.arguments(Role::Console, &framed);
    cluster.start_role(Role::Console).await;
    let tenant = json!({"name": "Acme", "external_id": "acme"});
    cluster.make("/v1/tenants", &tenant).await;
    let Some(browser) = Browser::start().await else {
        return;
    };

    // The session's cookie and the forms work in the frame.
    let named = named.serve(&cluster).await;
    browser.open(&named).await;
    browser.enter_frame("iframe").await;
    browser.text_with("Add your first endpoint").await;
    browser.click("main a.primary").await;
    browser.type_into("#url", "https://example.com/in").await;
    browser.click("[value=\"all\"]").await;
    browser.click("main form .primary").await;
    browser.text_with("We show it this once").await;
    assert_eq!(endpoints(&cluster).await.len(), 1);

    // What the page around it sends has the cookie too, and changes nothing.
    let path = browser.run("return location.pathname").await;
    let forged = format!(
        "return fetch('{}{}/pause', {{ method: 'POST', mode: 'no-cors', credentials: 'include' }})\
         .then(() => 'sent', () => 'refused')",
        cluster.console_url(),
        path.as_str().unwrap()
    );
    browser.open(&format!("{named}/")).await;
    browser.run(&forged).await;
    assert_eq!(endpoints(&cluster).await[0]["state"], "enabled");

    // Without its session the frame asks for no key.
    browser.enter_frame("iframe").await;
    browser.text_with("This link no longer works").await;
    let login = format!("location.href = '{}/login'", cluster.console_url());
    browser.run(&login).await;
    browser
        .text_with("Load the page around this one again")
        .await;

    // A page that is not named shows nothing of it.
    browser.open(&stranger.serve(&cluster).await).await;
    browser.enter_frame("iframe").await;
    browser.text_with("refused to connect").await;
}
