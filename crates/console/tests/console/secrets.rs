//! A secret is in the answer that made it, and nowhere else: no other answer, and no table.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::world::{World, problem, text};

/// What no value looks like by chance, in the form of a header's value.
const TOKEN: &str = "Bearer zQ8vM3kX7pL2wR9t";

/// Whether a text is in any row of any table, as text or as bytes.
#[derive(Debug, Clone, Copy)]
enum Stored {
    Somewhere,
    Nowhere,
}

/// Fails unless the text is where it should be.
async fn assert_stored(world: &World, needle: &[u8], expected: Stored) {
    let text = String::from_utf8_lossy(needle).replace('\'', "''");
    let hex: String = needle.iter().map(|byte| format!("{byte:02x}")).collect();
    let wrong = match expected {
        Stored::Somewhere => "hits = 0",
        Stored::Nowhere => "hits > 0",
    };
    let statement = format!(
        "do $look$ declare name text; found bigint; hits bigint := 0; begin
           for name in select table_name from information_schema.tables
               where table_schema = 'public' loop
             execute format('select count(*) from %I as r where position($1 in r::text) > 0 \
                 or position($2 in r::text) > 0', name) into found using '{text}', '{hex}';
             hits := hits + found;
           end loop;
           if {wrong} then raise exception 'expected {expected:?}, found %', hits; end if;
         end $look$"
    );
    world.stack.execute(&statement).await;
}

async fn assert_never_shown(world: &World, path: &str, secrets: &[&str]) {
    for path in [path.to_owned(), world.acme.path("endpoints")] {
        let shown = world.get(&world.platform, &path).await;
        assert_eq!(shown.status, 200);
        let shown = format!("{:?} {}", shown.headers, shown.json());
        for secret in secrets {
            assert!(!shown.contains(secret), "{path} shows {secret}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_and_header_values_are_shown_once_and_stored_encrypted() {
    let world = World::start().await;
    let body = json!({
        "url": "https://example.com/",
        "description": "findable",
        "headers": {"Authorization": TOKEN},
    });
    let list = world.acme.path("endpoints");
    let made = world.post(&world.acme.key, &list, body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let path = made.headers["location"].to_str().unwrap().to_owned();
    let made = made.json();
    assert_eq!(made["headers"], json!(["authorization"]));
    assert!(!made.to_string().contains(TOKEN), "{made}");
    let rotate = format!("{path}/rotate-secret");
    let rotated = world.post(&world.acme.key, &rotate, json!(null)).await;
    assert_eq!(rotated.status, 200, "{rotated:?}");
    let rotated = rotated.json();
    let (first, second) = (text(&made, "secret"), text(&rotated, "secret"));
    assert_ne!(first, second);

    // The look finds what is there, so that it would find a secret.
    assert_stored(&world, b"findable", Stored::Somewhere).await;
    for secret in [first, second] {
        let base64 = secret.strip_prefix("whsec_").unwrap();
        let bytes = STANDARD.decode(base64).unwrap();
        assert_eq!(bytes.len(), 32);
        assert_stored(&world, base64.as_bytes(), Stored::Nowhere).await;
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_stored(&world, hex.as_bytes(), Stored::Nowhere).await;
    }
    assert_stored(&world, TOKEN.as_bytes(), Stored::Nowhere).await;
    let changed = world.patch(&path, "*", json!({"timeout_s": 3})).await;
    assert_eq!(changed.status, 200);
    let shown = changed.json().to_string();
    assert!(
        !shown.contains(TOKEN) && !shown.contains("whsec_"),
        "{shown}"
    );
    assert_never_shown(&world, &path, &[first, second, "whsec_", TOKEN]).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_of_the_owners_is_taken_over() {
    let world = World::start().await;
    let own = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let body = json!({"url": "https://example.com/", "secret": own});
    let list = world.acme.path("endpoints");
    let made = world.post(&world.acme.key, &list, body).await;
    assert_eq!(made.json()["secret"], own);
    let base64 = own.strip_prefix("whsec_").unwrap();
    assert_stored(&world, base64.as_bytes(), Stored::Nowhere).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_that_sign_at_one_time_are_bounded() {
    let world = World::start().await;
    let made = world.endpoint(&world.acme).await;
    let path = world
        .acme
        .path(&format!("endpoints/{}/rotate-secret", text(&made, "id")));
    // Five in all, with the first.
    for _ in 0..4 {
        let rotated = world.post(&world.acme.key, &path, json!(null)).await;
        assert_eq!(rotated.status, 200, "{rotated:?}");
    }
    problem(&world.post(&world.acme.key, &path, json!(null)).await, 409);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_text_of_a_key_is_shown_once_and_not_stored() {
    let world = World::start().await;
    let body = json!({"name": "findable", "scopes": ["read"]});
    let made = world
        .post(&world.platform, "/v1/api-keys", body)
        .await
        .json();
    let key = text(&made, "key");
    assert_stored(&world, b"findable", Stored::Somewhere).await;
    assert_stored(&world, key.as_bytes(), Stored::Nowhere).await;
    let listed = world.get(&world.platform, "/v1/api-keys").await.json();
    assert!(!listed.to_string().contains(key), "{listed}");
    world.stop().await;
}
