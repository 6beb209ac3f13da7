//! Signing in by an identity provider, which tells the truth or lies.

use axum::http::Method;
use rstest::rstest;
use serde_json::{Value, json};
use testkit::{Fetched, fetch};

use crate::browser::{ACCEPT, Browser, page};
use crate::issuer::{Issuer, Lie};
use crate::world::{World, problem, send, text};

const RULES: [&str; 3] = [
    "email:ann@example.com=operator",
    "group:acme-developers=developer:acme",
    "group:lost=developer:nowhere",
];

fn ann() -> Value {
    json!({"sub": "1", "email": "Ann@example.com", "email_verified": true, "groups": []})
}

/// Begins a sign-in; gives where the browser goes, and its cookie.
async fn begin(world: &World) -> (String, String) {
    let begun = send(world.anonymous(Method::GET, "/login/oidc"), "").await;
    assert_eq!(begun.status, 303, "{begun:?}");
    let set = begun.headers["set-cookie"].to_str().unwrap();
    assert!(set.starts_with("posthaste-sign-in="), "{set}");
    assert!(
        set.ends_with("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax"),
        "{set}"
    );
    let to = begun.headers["location"].to_str().unwrap();
    (to.to_owned(), set.split(';').next().unwrap().to_owned())
}

/// Where the identity provider sends the browser back to, below the console.
async fn sent_back(world: &World, to: &str) -> String {
    let request = axum::http::Request::get(to).body(http_body_util::Full::default());
    let back = fetch(request.unwrap()).await.unwrap();
    let back = back.headers["location"].to_str().unwrap().to_owned();
    back.strip_prefix(&world.url()).unwrap().to_owned()
}

async fn come_back(world: &World, path: &str, cookie: &str) -> Fetched {
    let request = world.anonymous(Method::GET, path);
    let request = request.header("accept", ACCEPT).header("cookie", cookie);
    send(request, "").await
}

/// The whole way, as a browser goes it.
async fn sign_in(world: &World) -> Fetched {
    let (to, cookie) = begin(world).await;
    let path = sent_back(world, &to).await;
    come_back(world, &path, &cookie).await
}

#[track_caller]
fn refused(answer: &Fetched, status: u16, words: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(page(answer).contains("Not signed in"), "{}", page(answer));
    assert!(page(answer).contains(words), "{}", page(answer));
    let set: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(set.len(), 1, "no session, and the attempt is over: {set:?}");
    assert!(set[0].to_str().unwrap().starts_with("posthaste-sign-in=; "));
}

async fn audit(world: &World) -> Vec<Value> {
    let listed = world.get(&world.platform, "/v1/audit").await.json();
    listed["data"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_signs_in_and_is_signed_out() {
    let issuer = Issuer::start().await;
    let world = World::start_with(issuer.config(&RULES)).await;
    let offered = send(world.anonymous(Method::GET, "/login"), "").await;
    assert!(page(&offered).contains("href=\"/login/oidc\">Sign in with Example"));

    issuer.signs_in(ann());
    let begun = sign_in(&world).await;
    assert_eq!(begun.headers["location"], "/overview");
    let browser = Browser::by_provider(&world, &begun);
    assert_eq!(browser.get("/overview").await.status, 200);
    let endpoint = world.endpoint(&world.acme).await;
    let pause = format!(
        "/tenants/{}/webhooks/{}/pause",
        world.acme.id,
        text(&endpoint, "id")
    );
    assert_eq!(browser.post(&pause, &[]).await.status, 303);

    let entries = audit(&world).await;
    // Between them the endpoint was made, with a key.
    let [paused, opened] = [&entries[0], &entries[2]];
    assert_eq!(text(paused, "action"), "endpoint.paused");
    assert_eq!(text(opened, "action"), "session.opened");
    for entry in [paused, opened] {
        assert_eq!(text(entry, "person_name"), "Ann@example.com");
        assert_eq!(
            (&entry["key"], &entry["key_name"]),
            (&json!(null), &json!(null))
        );
    }
    assert_eq!(opened["detail"], json!({"by": "oidc", "rule": RULES[0]}));
    assert_eq!(text(paused, "session"), text(opened, "subject"));
    assert!(page(&browser.get("/audit").await).contains("Ann@example.com"));

    // A second sign-in leaves no session behind.
    let (to, attempt) = begin(&world).await;
    let path = sent_back(&world, &to).await;
    let both = format!("{}; {attempt}", browser.cookie);
    let again = come_back(&world, &path, &both).await;
    assert_eq!(browser.get("/overview").await.status, 303);
    let browser = Browser::by_provider(&world, &again);

    let people = world.get(&world.platform, "/v1/people").await.json();
    let person = &people["data"][0];
    assert_eq!(
        (text(person, "subject"), &person["sessions"]),
        ("1", &json!(1))
    );
    let out = format!("/v1/people/{}/sessions", text(person, "id"));
    problem(&world.delete(&world.reader, &out).await, 403);
    problem(&world.delete(&world.acme.key, &out).await, 404);
    assert_eq!(browser.get("/people").await.status, 200);
    assert_eq!(world.delete(&world.platform, &out).await.status, 204);
    assert_eq!(browser.get("/overview").await.status, 303);
    assert_eq!(text(&audit(&world).await[0], "action"), "person.signed_out");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_developer_is_in_one_tenant() {
    let issuer = Issuer::start().await;
    let world = World::start_with(issuer.config(&RULES)).await;
    // Groups are told by userinfo alone.
    issuer.tells(
        json!({"sub": "2"}),
        json!({"groups": ["x", "acme-developers"]}),
    );
    let begun = sign_in(&world).await;
    let own = format!("/tenants/{}/webhooks", world.acme.id);
    assert_eq!(begun.headers["location"], own);
    let browser = Browser::by_provider(&world, &begun);
    assert_eq!(browser.get(&own).await.status, 200);
    let theirs = format!("/tenants/{}/webhooks", world.umbrella.id);
    for path in [&theirs, "/overview", "/keys", "/people"] {
        assert_eq!(browser.get(path).await.status, 404, "{path}");
    }
    // Customers' links are another matter.
    let links = world.acme.path("portal-links");
    assert_eq!(world.delete(&world.acme.key, &links).await.status, 204);
    assert_eq!(browser.get(&own).await.status, 200);
    world.stop().await;
}

#[rstest]
#[case::nobody(json!({"sub": "3"}))]
#[case::unverified(json!({"sub": "3", "email": "ann@example.com", "groups": []}))]
#[case::no_tenant(json!({"sub": "3", "groups": ["lost"]}))]
#[tokio::test(flavor = "multi_thread")]
async fn whom_no_rule_fits_is_not_let_in(#[case] claims: Value) {
    let issuer = Issuer::start().await;
    let world = World::start_with(issuer.config(&RULES)).await;
    issuer.signs_in(claims);
    refused(&sign_in(&world).await, 403, "may do nothing here");
    let entries = audit(&world).await;
    assert_eq!(text(&entries[0], "action"), "sign_in.refused");
    assert_eq!(text(&entries[0], "person"), text(&entries[0], "subject"));
    assert_eq!(entries.len(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_lie_is_believed() {
    let issuer = Issuer::start().await;
    let world = World::start_with(issuer.config(&RULES)).await;
    issuer.tells(
        json!({"sub": "1"}),
        json!({"email": "ann@example.com", "email_verified": true}),
    );
    for lie in [
        Lie::Nonce,
        Lie::Audience,
        Lie::Issuer,
        Lie::Expired,
        Lie::ForeignKey,
        Lie::Unsigned,
        Lie::NoToken,
        Lie::OtherSubject,
    ] {
        issuer.lies(lie);
        let answer = sign_in(&world).await;
        assert_eq!(answer.status, 403, "{lie:?}");
        refused(&answer, 403, "does not hold");
    }
    issuer.lies(Lie::None);
    assert_eq!(
        sign_in(&world).await.status,
        303,
        "it is the lie that was refused"
    );
    let actions = audit(&world).await;
    assert_eq!(
        actions.len(),
        1,
        "a stranger writes nothing down: {actions:?}"
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_good_for_the_browser_that_began_and_once() {
    let issuer = Issuer::start().await;
    let world = World::start_with(issuer.config(&RULES)).await;
    issuer.signs_in(ann());
    let (to, cookie) = begin(&world).await;
    let path = sent_back(&world, &to).await;
    let not_here = "was not begun in this browser";
    refused(&come_back(&world, &path, "a=b").await, 400, not_here);
    let (_, others) = begin(&world).await;
    refused(&come_back(&world, &path, &others).await, 400, not_here);
    let elsewhere = path.replace("iss=http", "iss=https");
    refused(
        &come_back(&world, &elsewhere, &cookie).await,
        403,
        "does not hold",
    );
    let (state, rest) = (path.find("state=").unwrap(), "/login/oidc/callback");
    let denied = format!("{rest}?error=access_denied&{}", &path[state..]);
    refused(
        &come_back(&world, &denied, &cookie).await,
        403,
        "(access_denied)",
    );

    assert_eq!(come_back(&world, &path, &cookie).await.status, 303);
    let again = come_back(&world, &path, &cookie).await;
    refused(&again, 403, "did not sign you in");

    // A code for another attempt is not taken: it was asked for with another challenge.
    let (to, mine) = begin(&world).await;
    let own = sent_back(&world, &to).await;
    let (to, _) = begin(&world).await;
    let stolen = sent_back(&world, &to).await;
    let code = |path: &str| {
        let (_, code) = path.split_once("code=").unwrap();
        code.split('&').next().unwrap().to_owned()
    };
    let mixed = own.replace(&code(&own), &code(&stolen));
    refused(
        &come_back(&world, &mixed, &mine).await,
        403,
        "did not sign you in",
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_away_holds_nobody_up_and_may_change_its_key() {
    let issuer = Issuer::start().await;
    issuer.is_away(true);
    let away = World::start_with(issuer.config(&RULES)).await;
    for _ in 0..2 {
        let request = away.anonymous(Method::GET, "/login/oidc");
        let answer = send(request.header("accept", ACCEPT), "").await;
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(answer.headers.contains_key("retry-after"));
        assert!(
            page(&answer).contains("sign in with an API key"),
            "{}",
            page(&answer)
        );
    }
    assert!(
        Browser::by_key(&away, &away.platform)
            .await
            .get("/overview")
            .await
            .status
            == 200
    );
    away.stop().await;

    issuer.is_away(false);
    let world = World::start_with(issuer.config(&RULES)).await;
    issuer.signs_in(ann());
    assert_eq!(sign_in(&world).await.status, 303);
    issuer.rotates();
    // It is asked again for a key that it did not name, though not at every turn.
    testkit::eventually(crate::world::PATIENCE, "the new key is known", async || {
        sign_in(&world).await.status == 303
    })
    .await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_provider_there_is_no_way_by_one() {
    let world = World::start().await;
    for path in ["/login/oidc", "/login/oidc/callback?code=a&state=b"] {
        assert_eq!(
            send(world.anonymous(Method::GET, path), "").await.status,
            404
        );
    }
    let offered = send(world.anonymous(Method::GET, "/login"), "").await;
    assert!(!page(&offered).contains("/login/oidc"));
    world.stop().await;
}
