//! Replays in the dashboard: asked for, counted, watched and steered.

use domain::attempt::Trigger;
use serde_json::Value;
use testkit::{Fetched, eventually};

use crate::browser::{Browser, page};
use crate::past::{self, DEAD};
use crate::world::{PATIENCE, World, problem, text};

/// The fields of the form.
fn fields<'a>(
    which: &'a str,
    since: &'a str,
    rate: &'a str,
    deed: &'a str,
) -> [(&'a str, &'a str); 5] {
    [
        ("which", which),
        ("since", since),
        ("until", ""),
        ("rate", rate),
        ("deed", deed),
    ]
}

/// An endpoint of Acme's whose deliveries were given up.
async fn failed(world: &World, deliveries: usize) -> Value {
    let endpoint = world.endpoint(&world.acme).await;
    for _ in 0..deliveries {
        let report = past::delivery(world, &world.acme, &endpoint, DEAD).await;
        past::letter(world, &report).await;
    }
    endpoint
}

/// Where a form has led.
fn location(answer: &Fetched) -> String {
    assert_eq!(answer.status, 303, "{answer:?}");
    answer.headers["location"].to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_counted_and_then_replayed() {
    let world = World::start().await;
    let browser = Browser::of(&world, &world.acme).await;
    let tenant = format!("/tenants/{}", world.acme.id);
    let empty = browser.get(&format!("{tenant}/replays")).await;
    assert!(page(&empty).contains("Nothing was replayed yet"));

    let endpoint = failed(&world, 3).await;
    let at = format!("{tenant}/webhooks/{}", text(&endpoint, "id"));
    let overview = browser.get(&at).await;
    assert!(page(&overview).contains(&format!("href=\"{at}/replay\"")));
    let form = format!("{at}/replay");
    assert!(page(&browser.get(&form).await).contains("value=\"failed\" checked"));

    let counted = browser
        .post(&form, &fields("failed", "", "2", "count"))
        .await;
    assert_eq!(counted.status, 200);
    let text = page(&counted);
    assert!(text.contains("3 deliveries, about 2 s"), "{text}");
    assert!(
        text.contains("name=\"deed\" value=\"begin\">Replay 3 deliveries"),
        "{text}"
    );
    let none = world
        .get(&world.acme.key, &world.acme.path("replays"))
        .await;
    assert_eq!(
        none.json()["data"].as_array().unwrap().len(),
        0,
        "only counted"
    );
    let missed = browser
        .post(&form, &fields("missed", "", "2", "count"))
        .await;
    assert!(
        page(&missed).contains("Nothing to replay"),
        "{}",
        page(&missed)
    );

    let begun = browser
        .post(&form, &fields("failed", "", "500", "begin"))
        .await;
    let replay = location(&begun);
    for _ in 0..3 {
        let dispatch = world.next_on_retry_lane().await;
        assert_eq!(dispatch.due.delivery.trigger, Trigger::Replay);
    }
    eventually(PATIENCE, "all to be sent", async || {
        let shown = browser.get(&replay).await;
        let text = page(&shown).to_owned();
        // They arrive nowhere here, so it is still followed.
        let told = [
            "All sent",
            "0 of 3 done",
            "data-live=\"steps\"",
            "<progress value=\"0\" max=\"3\"",
        ];
        if told.iter().all(|told| text.contains(told)) {
            Ok(())
        } else {
            Err(text)
        }
    })
    .await;
    let listed = browser.get(&format!("{tenant}/replays")).await;
    assert!(page(&listed).contains("What failed") && page(&listed).contains("3 of 3"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_stands_beside_its_field() {
    let world = World::start().await;
    let browser = Browser::of(&world, &world.acme).await;
    let endpoint = failed(&world, 0).await;
    let at = format!(
        "/tenants/{}/webhooks/{}",
        world.acme.id,
        text(&endpoint, "id")
    );
    let form = format!("{at}/replay");
    for (sent, fault) in [
        (
            fields("everything", "", "100", "count"),
            "since-fault\">Give a date and a time.",
        ),
        (
            fields("failed", "yesterday", "100", "begin"),
            "since-fault\">Give a date and a time.",
        ),
        (
            fields("failed", "2999-01-01T00:00", "100", "count"),
            "until-fault\">It is not after since.",
        ),
        (
            fields("failed", "", "6000", "count"),
            "rate-fault\">1 to 5000 deliveries a second.",
        ),
        (
            fields("failed", "", "-1", "count"),
            "rate-fault\">1 to 5000 deliveries a second.",
        ),
        (
            fields("", "", "100", "count"),
            "which-fault\">Choose one of these.",
        ),
    ] {
        let refused = browser.post(&form, &sent).await;
        assert_eq!(refused.status, 422, "{sent:?}");
        assert!(
            page(&refused).contains(fault),
            "{fault}: {}",
            page(&refused)
        );
        assert!(
            page(&refused).contains(&format!("value=\"{}\"", sent[3].1)),
            "{sent:?}"
        );
    }
    let replays = world
        .get(&world.acme.key, &world.acme.path("replays"))
        .await;
    assert_eq!(replays.json()["data"].as_array().unwrap().len(), 0);
    let foreign = browser
        .post_from("cross-site", &form, &fields("failed", "", "100", "begin"))
        .await;
    assert_eq!(foreign.status, 403);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_paused_resumed_sped_up_and_cancelled() {
    let world = World::start().await;
    let browser = Browser::of(&world, &world.acme).await;
    let endpoint = failed(&world, 5).await;
    let at = format!(
        "/tenants/{}/webhooks/{}",
        world.acme.id,
        text(&endpoint, "id")
    );
    let begun = browser
        .post(&format!("{at}/replay"), &fields("failed", "", "1", "begin"))
        .await;
    let replay = location(&begun);
    let steer = async |deed: &str, rate: &str| {
        let answer = browser
            .post(&format!("{replay}/{deed}"), &[("rate", rate)])
            .await;
        assert_eq!(location(&answer), replay, "{deed}");
        page(&browser.get(&replay).await).to_owned()
    };
    let paused = steer("pause", "").await;
    assert!(
        paused.contains("Paused") && !paused.contains("data-live"),
        "{paused}"
    );
    let refused = browser
        .post(&format!("{replay}/rate"), &[("rate", "9999")])
        .await;
    assert_eq!(refused.status, 422);
    let text = page(&refused);
    assert!(
        text.contains("id=\"rate-fault\">1 to 5000 deliveries"),
        "{text}"
    );
    assert!(text.contains("value=\"9999\""), "{text}");
    assert!(steer("rate", "2").await.contains("value=\"2\""));
    assert!(steer("resume", "").await.contains("Running"));
    let cancelled = steer("cancel", "").await;
    assert!(
        cancelled.contains("Cancelled") && !cancelled.contains("id=\"resume\""),
        "{cancelled}"
    );
    // What has ended stays so, and the page says why nothing happened.
    let late = browser.post(&format!("{replay}/resume"), &[]).await;
    assert_eq!(late.status, 409);
    let api = replay.replace("/tenants/", "/v1/tenants/");
    assert_eq!(
        world.get(&world.acme.key, &api).await.json()["state"],
        "cancelled"
    );
    problem(&world.get(&world.umbrella.key, &api).await, 404);
    world.stop().await;
}
