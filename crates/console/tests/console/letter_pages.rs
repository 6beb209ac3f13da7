//! Dead letters in the dashboard, a tenant's and the platform's.

use broker::topology::queue;
use serde_json::json;
use store::dead_letters::DeadLetterKind;

use crate::browser::{Browser, page};
use crate::dead_letters::letter;
use crate::past::{self, DEAD};
use crate::world::{World, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_letters_are_found_sent_again_and_discarded() {
    let world = World::start().await;
    let browser = Browser::of(&world, &world.acme).await;
    let letters = format!("/tenants/{}/dead-letters", world.acme.id);
    assert!(page(&browser.get(&letters).await).contains("Nothing was given up"));
    let endpoint = world.endpoint(&world.acme).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        let report = past::delivery(&world, &world.acme, &endpoint, DEAD).await;
        ids.push(past::letter(&world, &report).await.id.to_string());
    }
    let poison = letter(DeadLetterKind::Poison, b"x");
    let poisons = std::slice::from_ref(&poison);
    world.store.insert_dead_letters(poisons).await.unwrap();

    let listed = browser.get(&letters).await;
    assert!(ids.iter().all(|id| page(&listed).contains(id)));
    assert!(!page(&listed).contains(&poison.id.to_string()));
    for (query, is_found) in [
        ("event=shipment.created", true),
        ("reason=gone", false),
        ("since=2020-01-01T10:00&until=", true),
        ("until=2020-01-01T10:00", false),
    ] {
        let found = browser.get(&format!("{letters}?{query}")).await;
        assert_eq!(page(&found).contains(&ids[0]), is_found, "{query}");
    }
    for (query, field) in [("endpoint=x", "endpoint"), ("since=monday", "since")] {
        let refused = browser.get(&format!("{letters}?{query}")).await;
        assert_eq!(refused.status, 400);
        assert!(page(&refused).contains(&format!("id=\"{field}-fault\"")));
    }

    let one = browser.get(&format!("{letters}/{}", ids[0])).await;
    assert!(page(&one).contains("Every attempt that the endpoint"));
    assert!(
        !page(&one).contains("its message"),
        "bytes of ours are not shown"
    );
    let sent = browser
        .post(&format!("{letters}/{}/replay", ids[0]), &[])
        .await;
    assert_eq!(sent.status, 303);
    let to = sent.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(browser.get(&to).await.status, 200, "{to}");
    world.next_on_retry_lane().await;
    let again = browser
        .post(&format!("{letters}/{}/replay", ids[0]), &[])
        .await;
    assert_eq!(again.status, 409);
    let discarded = browser
        .post(&format!("{letters}/{}/discard", ids[1]), &[])
        .await;
    assert_eq!(discarded.headers["location"], *letters);
    let all = browser.get(&format!("{letters}?state=all")).await;
    assert!(page(&all).contains("Sent again") && page(&all).contains("Discarded"));

    // Many are counted first, and nothing is done before that is confirmed.
    let event = ("event", "shipment.created");
    let discard = format!("{letters}/discard");
    let counted = browser.post(&discard, &[event]).await;
    assert!(
        page(&counted).contains("Discard 2 dead letters?"),
        "{}",
        page(&counted)
    );
    assert!(page(&browser.get(&letters).await).contains(&ids[3]));
    let replay = format!("{letters}/replay");
    let counted = browser.post(&replay, &[event]).await;
    assert!(
        page(&counted).contains("Send again 2 dead letters?"),
        "{}",
        page(&counted)
    );
    let confirmed = ("confirmed", "yes");
    let done = browser.post(&discard, &[event, confirmed]).await;
    assert!(page(&done).contains("2 discarded"), "{}", page(&done));
    let begun = browser.post(&replay, &[confirmed]).await;
    assert_eq!(begun.status, 303);
    let to = begun.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(browser.get(&to).await.status, 200, "{to}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platform_sees_all_and_corrects_what_was_rejected() {
    let world = World::start().await;
    let browser = Browser::by_key(&world, &world.platform).await;
    let rejected = letter(DeadLetterKind::Rejected, b"{\"a\": <b>}");
    let binary = letter(DeadLetterKind::Poison, b"\xff\0");
    let letters = [rejected.clone(), binary.clone()];
    world.store.insert_dead_letters(&letters).await.unwrap();
    let endpoint = world.endpoint(&world.acme).await;
    let report = past::delivery(&world, &world.acme, &endpoint, DEAD).await;
    let delivery = past::letter(&world, &report).await;

    let listed = browser.get("/dead-letters").await;
    for one in [&rejected, &binary, &delivery] {
        assert!(page(&listed).contains(&one.id.to_string()));
    }
    let of_kind = browser.get("/dead-letters?kind=rejected").await;
    assert!(!page(&of_kind).contains(&delivery.id.to_string()));
    let of_tenant = format!("/dead-letters?tenant={}", world.acme.id);
    let of_tenant = browser.get(&of_tenant).await;
    assert!(!page(&of_tenant).contains(&rejected.id.to_string()));
    assert_eq!(browser.get("/dead-letters?tenant=x").await.status, 400);

    let path = format!("/dead-letters/{}", rejected.id);
    let shown = browser.get(&path).await;
    assert!(
        page(&shown).contains("{&#34;a&#34;: &#60;b&#62;}"),
        "{}",
        page(&shown)
    );
    let corrected = [("text", "{\"a\":1}"), ("content_type", "application/json")];
    let sent = browser.post(&format!("{path}/replay"), &corrected).await;
    assert_eq!(sent.headers["location"], *path);
    let got = world.next_of(queue::inbox()).await;
    assert_eq!(got.body, &b"{\"a\":1}"[..]);
    assert!(page(&browser.get(&path).await).contains("Sent again"));

    let shown = browser.get(&format!("/dead-letters/{}", binary.id)).await;
    assert!(page(&shown).contains("It is no text"));
    let kind = ("kind", "poison");
    let counted = browser.post("/dead-letters/replay", &[kind]).await;
    assert!(
        page(&counted).contains("Send again 1 dead letter?"),
        "{}",
        page(&counted)
    );
    let unkind = browser.post("/dead-letters/replay", &[]).await;
    assert_eq!(unkind.status, 422);
    let done = browser
        .post("/dead-letters/discard", &[kind, ("confirmed", "yes")])
        .await;
    assert!(page(&done).contains("1 discarded"));
    let path = format!("/dead-letters/{}/discard", delivery.id);
    assert_eq!(browser.post(&path, &[]).await.status, 303);
    let open = world.get(&world.platform, "/v1/dead-letters").await.json();
    assert_eq!(open["data"], json!([]));
    let audit = world.get(&world.platform, "/v1/audit").await.json();
    assert_eq!(text(&audit["data"][0], "action"), "dead_letter.discarded");
    assert!(audit["data"][0]["session"].is_string());
    world.stop().await;
}
