//! What customers see of the platform: set by the API and on the settings page, shown to them.

use axum::http::Method;
use serde_json::{Value, json};
use testkit::Fetched;

use crate::browser::{Browser, page};
use crate::world::{World, problem, send, send_json, text};

const BRANDING: &str = "/v1/branding";
const LOGO: &str = "/v1/branding/logo";

/// A PNG of 32 pixels a side, as a browser shows it.
const PICTURE: &[u8] = include_bytes!("logo.png");

async fn put(world: &World, body: Value) -> Fetched {
    let request = world.request(&world.platform, Method::PUT, BRANDING);
    send_json(request.header("if-match", "*"), &body).await
}

async fn put_logo(world: &World, key: &str, bytes: &'static [u8]) -> Fetched {
    send(world.request(key, Method::PUT, LOGO), bytes).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_set_is_judged_and_shown_to_everybody() {
    let world = World::start().await;
    let nothing = send(world.anonymous(Method::GET, BRANDING), "").await;
    assert_eq!(nothing.json()["name"], json!(null));
    let look =
        json!({"name": "Acme <b>", "colour": "#FFdd00", "support": "mailto:help@acme.example"});
    let set = put(&world, look).await;
    assert_eq!(set.status, 200, "{set:?}");
    assert_eq!(set.json()["colour"], "#ffdd00");
    for (member, value) in [
        ("colour", "yellow"),
        ("colour", "#ffdd00;}"),
        ("support", "javascript:alert(1)"),
        ("name", ""),
    ] {
        let refused = problem(&put(&world, json!({member: value})).await, 422);
        assert_eq!(refused["errors"][0]["pointer"], format!("#/{member}"));
    }
    let request = world.request(&world.platform, Method::PUT, BRANDING);
    problem(&send_json(request, &json!({})).await, 428);

    let browser = Browser::of(&world, &world.acme).await;
    let webhooks = browser
        .get(&format!("/tenants/{}/webhooks", world.acme.id))
        .await;
    for expected in [
        "Acme &#60;b&#62;",
        "href=\"/brand/ffdd00.css\"",
        "href=\"mailto:help@acme.example\"",
    ] {
        assert!(page(&webhooks).contains(expected), "{expected}");
    }
    let style = send(world.anonymous(Method::GET, "/brand/ffdd00.css"), "").await;
    assert_eq!(style.headers["content-type"], "text/css; charset=utf-8");
    // It can't be read on white, so what is shown there is darker.
    let (light, dark) = page(&style).split_once("@media").unwrap();
    assert!(
        !light.contains("#ffdd00") && dark.contains("#ffdd00"),
        "{style:?}"
    );
    for forged in ["/brand/ffdd0.css", "/brand/ffdd00;.css", "/brand/ffdd00"] {
        assert_eq!(
            send(world.anonymous(Method::GET, forged), "").await.status,
            404
        );
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logo_is_a_picture_within_bounds_and_nothing_else() {
    let world = World::start().await;
    let none = send(world.anonymous(Method::GET, LOGO), "").await;
    problem(&none, 404);
    problem(&put_logo(&world, &world.reader, PICTURE).await, 403);
    for bytes in [
        &b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>"[..],
        b"\x89PNG\r\n\x1a\n",
        b"",
    ] {
        problem(&put_logo(&world, &world.platform, bytes).await, 422);
    }
    problem(&put_logo(&world, &world.platform, &[0; 70_000]).await, 413);
    let set = put_logo(&world, &world.platform, PICTURE).await;
    assert_eq!(set.status, 204, "{set:?}");

    let shown = send(world.anonymous(Method::GET, BRANDING), "")
        .await
        .json();
    let logo = send(world.anonymous(Method::GET, text(&shown, "logo")), "").await;
    assert_eq!(logo.body, PICTURE);
    for (header, value) in [
        ("content-type", "image/png"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
    ] {
        assert_eq!(logo.headers[header], value);
    }
    let browser = Browser::of(&world, &world.acme).await;
    let guide = browser
        .get(&format!("/tenants/{}/guide", world.acme.id))
        .await;
    assert!(page(&guide).contains(text(&shown, "logo")));
    assert_eq!(world.delete(&world.platform, LOGO).await.status, 204);
    let shown = send(world.anonymous(Method::GET, BRANDING), "")
        .await
        .json();
    assert_eq!(shown["logo"], json!(null));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_set_it_on_a_page() {
    let world = World::start().await;
    let browser = Browser::by_key(&world, &world.platform).await;
    let settings = browser.get("/settings").await;
    assert!(page(&settings).contains("10 attempts in all"));
    let typed = [
        ("version", "*"),
        ("name", "Acme"),
        ("colour", "yellow"),
        ("support", "help@acme.example"),
    ];
    let refused = browser.post("/settings/branding", &typed).await;
    assert_eq!(refused.status, 422);
    assert!(page(&refused).contains("id=\"colour-fault\""));
    assert!(page(&refused).contains("value=\"help@acme.example\""));
    let right = typed.map(|(name, value)| (name, if name == "colour" { "#aa0000" } else { value }));
    assert_eq!(browser.post("/settings/branding", &right).await.status, 303);
    let shown = world.get(&world.platform, BRANDING).await.json();
    assert_eq!(shown["support"], "mailto:help@acme.example");

    let form = [("version", "*"), ("schedule", "own"), ("waits", "soon")];
    let refused = browser.post("/settings/retries", &form).await;
    assert!(page(&refused).contains("id=\"waits-fault\""));
    let form = [
        ("version", "*"),
        ("schedule", "own"),
        ("waits", "10 s, 1 h"),
    ];
    assert_eq!(browser.post("/settings/retries", &form).await.status, 303);
    let set = world.get(&world.platform, "/v1/settings").await.json();
    assert_eq!(set["retry"]["waits_s"], json!([10, 3_600]));
    let page_of = browser.get("/settings").await;
    assert!(page(&page_of).contains("value=\"10 s, 1 h\""));

    let empty = browser.upload("/settings/logo", "logo", b"").await;
    assert!(page(&empty).contains("id=\"logo-fault\""), "{empty:?}");
    let wrong = browser.upload("/settings/logo", "logo", b"GIF89a").await;
    assert!(page(&wrong).contains("Not a PNG"), "{wrong:?}");
    assert_eq!(
        browser
            .upload("/settings/logo", "logo", PICTURE)
            .await
            .status,
        303
    );
    assert!(page(&browser.get("/settings").await).contains("/v1/branding/logo?v="));
    assert_eq!(browser.post("/settings/logo/remove", &[]).await.status, 303);
    problem(&world.get(&world.platform, LOGO).await, 404);

    let reader = Browser::by_key(&world, &world.reader).await;
    assert!(!page(&reader.get("/settings").await).contains("<button class=\"primary\">"));
    assert_eq!(reader.post("/settings/branding", &right).await.status, 403);
    world.stop().await;
}
