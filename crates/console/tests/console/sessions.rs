//! Links, sessions and who gets in, by the API and by the pages.

use axum::http::Method;
use serde_json::json;
use testkit::eventually;

use crate::browser::{Browser, link, open, page, sign_in};
use crate::past::{self, DELIVERED};
use crate::world::{PATIENCE, World, problem, send, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_link_works_once() {
    let world = World::start().await;
    let link = link(&world, &world.acme).await;
    // Whoever looks whether it leads anywhere does not use it up.
    let looked = world.anonymous(Method::HEAD, &link);
    let fetched = world
        .anonymous(Method::GET, &link)
        .header("sec-purpose", "prefetch");
    for ahead in [looked, fetched] {
        assert_eq!(send(ahead, "").await.status, 204);
    }
    let opened = open(&world, &link).await;
    assert_eq!(opened.status, 303);
    let webhooks = format!("/tenants/{}/webhooks", world.acme.id);
    assert_eq!(opened.headers["location"], webhooks);
    assert_eq!(opened.headers["referrer-policy"], "no-referrer");
    assert_eq!(opened.headers["cache-control"], "no-store");

    let again = open(&world, &link).await;
    assert_eq!(again.status, 410);
    assert!(page(&again).contains("This link no longer works"));
    assert!(!again.headers.contains_key("set-cookie"));
    assert_eq!(open(&world, "/portal/phl_forged").await.status, 410);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_and_a_session_have_their_time() {
    let world = World::start().await;
    let path = world.acme.path("portal-links");
    for seconds in [9, 3_601] {
        let body = json!({"expires_in_s": seconds});
        let refused = world.post(&world.acme.key, &path, body).await;
        let refused = problem(&refused, 422);
        assert_eq!(refused["errors"][0]["pointer"], "#/expires_in_s");
    }
    problem(&world.post(&world.reader, &path, json!({})).await, 403);
    problem(
        &world.post(&world.umbrella.key, &path, json!({})).await,
        404,
    );

    let own = "/v1/tenants/posthaste:platform/portal-links";
    problem(&world.post(&world.platform, own, json!({})).await, 409);

    let late = link(&world, &world.acme).await;
    let browser = Browser::of(&world, &world.acme).await;
    let webhooks = format!("/tenants/{}/webhooks", world.acme.id);
    assert_eq!(browser.get(&webhooks).await.status, 200);
    let past = "update portal_links set expires_at = now();
                update sessions set expires_at = now()";
    world.stack.execute(past).await;
    assert_eq!(open(&world, &late).await.status, 410);
    let ended = browser.get(&webhooks).await;
    assert_eq!(
        (ended.status.as_u16(), &ended.headers["location"]),
        (303, &"/login".parse().unwrap())
    );
    let refused = browser.post(&format!("{webhooks}/new"), &[]).await;
    assert_eq!(refused.status, 401);
    assert!(page(&refused).contains("nothing was changed"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_and_their_sessions_are_revoked() {
    let world = World::start().await;
    let unopened = link(&world, &world.acme).await;
    let mine = Browser::of(&world, &world.acme).await;
    let theirs = Browser::of(&world, &world.umbrella).await;
    let by_key = Browser::by_key(&world, &world.acme.key).await;
    let path = world.acme.path("portal-links");
    problem(&world.delete(&world.umbrella.key, &path).await, 404);
    assert_eq!(world.delete(&world.acme.key, &path).await.status, 204);
    assert_eq!(open(&world, &unopened).await.status, 410);
    let webhooks = format!("/tenants/{}/webhooks", world.acme.id);
    assert_eq!(mine.get(&webhooks).await.status, 303);
    assert_eq!(by_key.get(&webhooks).await.status, 200);
    let webhooks = format!("/tenants/{}/webhooks", world.umbrella.id);
    assert_eq!(theirs.get(&webhooks).await.status, 200);
    world.stop().await;
}

/// Every page, as the dashboard lists them, with the ids of another tenant.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_finds_nothing_of_another_tenant() {
    let world = World::start().await;
    let endpoint = world.endpoint(&world.umbrella).await;
    let report = past::delivery(&world, &world.umbrella, &endpoint, DELIVERED).await;
    let named = json!({"deliveries": [report.delivery.id]});
    let replays = world.umbrella.path("replays");
    let replay = world
        .post(&world.umbrella.key, &replays, named)
        .await
        .json();
    let letter = past::letter(&world, &report).await;
    let values = [
        ("{replay}", text(&replay, "id").to_owned()),
        ("{endpoint}", text(&endpoint, "id").to_owned()),
        ("{delivery}", report.delivery.id.to_string()),
        ("{letter}", letter.id.to_string()),
        ("{name}", "shipment.created".to_owned()),
        ("{key}", "key_0193a5c8e0b87c3aa1f2c9d8e7f60512".to_owned()),
        ("{event}", report.event.to_string()),
        (
            "{person}",
            "per_0193a5c8e0b87c3aa1f2c9d8e7f60512".to_owned(),
        ),
    ];
    let filled = |path: &str, tenant: &str| {
        let path = path.replace("{tenant}", tenant);
        let path = values
            .iter()
            .fold(path, |path, (name, value)| path.replace(name, value));
        assert!(!path.contains('{'), "no value for all of {path}");
        path
    };
    let mine = Browser::of(&world, &world.acme).await;
    let theirs = Browser::of(&world, &world.umbrella).await;
    let by_key = Browser::by_key(&world, &world.acme.key).await;
    let operator = Browser::by_key(&world, &world.platform).await;
    let (acme, umbrella) = (world.acme.id.to_string(), world.umbrella.id.to_string());
    let mut asked = 0;
    for (method, path) in console::pages() {
        let foreign = filled(path, &umbrella);
        let disguised = filled(path, &acme);
        let names_more = path.matches('{').count() > 1;
        for browser in [&mine, &by_key] {
            for path in [Some(&foreign), names_more.then_some(&disguised)]
                .into_iter()
                .flatten()
            {
                let answer = match method {
                    Method::GET => browser.get(path).await,
                    _ => {
                        let fields = [
                            ("version", "\"1\""),
                            ("event_type", "user.created"),
                            ("which", "failed"),
                            ("rate", "1"),
                            ("deed", "begin"),
                        ];
                        browser.post(path, &fields).await
                    }
                };
                assert_eq!(answer.status, 404, "{method} {path}");
            }
        }
        // Without this, a page that nobody can reach would pass.
        if method == Method::GET && path.contains("{tenant}") {
            // Keys and the audit are the platform's own, and nothing for customers.
            let is_developers = ["/keys", "/audit"].iter().any(|part| path.contains(part));
            let expected = if is_developers { 404 } else { 200 };
            let theirs = theirs.follow(&foreign).await.status;
            assert_eq!(theirs, expected, "{foreign}");
            assert_eq!(operator.follow(&foreign).await.status, 200, "{foreign}");
        }
        let stranger = send(
            world
                .anonymous(method.clone(), &foreign)
                .header("sec-fetch-site", "same-origin"),
            "",
        )
        .await;
        let expected = if method == Method::GET { 303 } else { 401 };
        assert_eq!(stranger.status, expected, "{method} {foreign}");
        asked += 1;
    }
    assert!(asked >= 22, "{asked}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keys_session_does_what_the_key_may_and_ends_with_it() {
    let world = World::start().await;
    let wrong = sign_in(&world, "phk_wrong").await;
    assert_eq!(wrong.status, 422);
    assert!(page(&wrong).contains("This key is not known"));

    let reader = Browser::by_key(&world, &world.reader).await;
    let tenants = reader.get("/tenants").await;
    assert!(page(&tenants).contains("umbrella"), "{}", page(&tenants));
    let new = format!("/tenants/{}/webhooks/new", world.acme.id);
    assert_eq!(reader.get(&new).await.status, 200);
    assert_eq!(
        reader
            .post(&new, &[("url", "https://example.com/")])
            .await
            .status,
        403
    );

    // What a cookie allows, it allows to the pages alone.
    let api = world
        .anonymous(Method::GET, "/v1/tenants")
        .header("cookie", &reader.cookie);
    problem(&send(api, "").await, 401);

    let body = json!({"name": "short", "scopes": ["read"]});
    let made = world
        .post(&world.platform, "/v1/api-keys", body)
        .await
        .json();
    let short = Browser::by_key(&world, text(&made, "key")).await;
    let path = format!("/v1/api-keys/{}", text(&made, "id"));
    assert_eq!(world.delete(&world.platform, &path).await.status, 204);
    assert_eq!(short.get("/tenants").await.status, 303);
    eventually(PATIENCE, "the key is revoked", async || {
        sign_in(&world, text(&made, "key")).await.status == 422
    })
    .await;

    let left = reader.post("/logout", &[]).await;
    assert_eq!(left.headers["location"], "/login");
    assert!(
        left.headers["set-cookie"]
            .to_str()
            .unwrap()
            .contains("Max-Age=0")
    );
    assert_eq!(reader.get("/tenants").await.status, 303);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_again_ends_the_session_before() {
    let world = World::start().await;
    let before = Browser::by_key(&world, &world.platform).await;
    let request = world.anonymous(Method::POST, "/login");
    let request = request
        .header("sec-fetch-site", "same-origin")
        .header("cookie", &before.cookie)
        .header("content-type", "application/x-www-form-urlencoded");
    let again = send(request, format!("key={}", world.platform)).await;
    assert_eq!(again.status, 303);
    assert_eq!(before.get("/overview").await.status, 303, "it has ended");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_come_from_our_own_pages() {
    let world = World::start().await;
    let browser = Browser::of(&world, &world.acme).await;
    let new = format!("/tenants/{}/webhooks/new", world.acme.id);
    let fields = [("url", "https://example.com/"), ("events", "all")];
    for site in ["cross-site", "same-site", "none"] {
        let refused = browser.post_from(site, &new, &fields).await;
        assert_eq!(refused.status, 403, "{site}");
        assert!(page(&refused).contains("<h1>Not sent from here</h1>"));
    }
    let silent = world
        .anonymous(Method::POST, &new)
        .header("cookie", &browser.cookie);
    assert_eq!(
        send(silent, "url=https://example.com/&events=all")
            .await
            .status,
        403
    );
    let endpoints = world
        .get(&world.acme.key, &world.acme.path("endpoints"))
        .await;
    assert_eq!(endpoints.json()["data"], json!([]));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_to_a_browser_is_guarded() {
    let world = World::start().await;
    let browser = Browser::of(&world, &world.acme).await;
    let webhooks = format!("/tenants/{}/webhooks", world.acme.id);
    let missing = format!("{webhooks}/ep_1");
    for path in [
        &webhooks,
        &missing,
        "/login",
        "/docs",
        "/",
        "/portal/x",
        "/assets/live.js",
    ] {
        let answer = browser.get(path).await;
        let header = |name: &str| answer.headers[name].to_str().unwrap();
        let policy = header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self';"),
            "{policy}"
        );
        assert!(
            policy.ends_with("frame-ancestors https://app.example.com"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        let kept = path.starts_with("/assets/");
        assert_eq!(header("cache-control") == "no-store", !kept, "{path}");
        let body = page(&answer);
        assert!(
            !body.contains(" style=") && !body.contains(" onclick="),
            "{path}"
        );
    }
    assert_eq!(browser.get("/assets/none.js").await.status, 404);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_says_in_which_session_something_was_done() {
    let world = World::start().await;
    let endpoint = world.endpoint(&world.acme).await;
    let browser = Browser::of(&world, &world.acme).await;
    let path = format!(
        "/tenants/{}/webhooks/{}/pause",
        world.acme.id,
        text(&endpoint, "id")
    );
    assert_eq!(browser.post(&path, &[]).await.status, 303);
    let entries = world.get(&world.platform, "/v1/audit").await.json();
    let [paused, opened, made] = [0, 1, 2].map(|at| entries["data"][at].clone());
    assert_eq!(text(&made, "action"), "portal_link.created");
    assert_eq!(made["session"], json!(null));
    assert_eq!(text(&opened, "action"), "session.opened");
    assert_eq!(text(&paused, "action"), "endpoint.paused");
    assert_eq!(text(&paused, "session"), text(&opened, "subject"));
    assert_eq!(paused["key"], made["key"]);
    world.stop().await;
}
