//! The stream of a tenant's events.

use testkit::{Followed, eventually};

use crate::browser::Browser;
use crate::past;
use crate::world::{PATIENCE, Tenant, World, problem};

const TYPE: &str = "shipment.created";

async fn event(world: &World, tenant: &Tenant, event_type: &str) -> String {
    let id = past::recorded(world, tenant, event_type, "{}", &[]).await;
    id.to_string()
}

/// As a page of the dashboard opens it.
async fn on_a_page(browser: &Browser<'_>, tenant: &Tenant) -> Followed {
    let path = format!("/tenants/{}/events/stream", tenant.id);
    browser.follow(&path).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_told_once_it_is_recorded_and_nobody_elses_is() {
    let world = World::start().await;
    let before = event(&world, &world.acme, TYPE).await;
    let path = world.acme.path("events/stream");
    let mut all = world.follow(&world.acme.key, &path).await;
    assert_eq!(all.headers["content-type"], "text/event-stream");
    let of_type = format!("{path}?event={TYPE}");
    let mut of_type = world.follow(&world.acme.key, &of_type).await;
    let browser = Browser::of(&world, &world.acme).await;
    let mut page = on_a_page(&browser, &world.acme).await;
    for stream in [&mut all, &mut of_type, &mut page] {
        stream.until(&before).await;
    }
    let theirs = event(&world, &world.umbrella, TYPE).await;
    let other = event(&world, &world.acme, "user.created").await;
    let last = event(&world, &world.acme, TYPE).await;
    for (stream, has_other) in [(&mut all, true), (&mut of_type, false), (&mut page, true)] {
        let told = stream.until(&format!("id: {last}")).await;
        assert!(!told.contains(&theirs), "{told}");
        assert_eq!(told.contains(&other), has_other, "{told}");
        assert_eq!(told.matches(&format!("id: {before}")).count(), 1, "{told}");
    }
    let refused = format!("{path}?event=no%20type");
    problem(&world.get(&world.acme.key, &refused).await, 400);
    // What is under way when the console stops doesn't keep it.
    world.stop().await;
    all.to_end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_session_and_its_key() {
    let world = World::start().await;
    let browser = Browser::of(&world, &world.acme).await;
    let mut left = on_a_page(&browser, &world.acme).await;
    assert_eq!(browser.post("/logout", &[]).await.status, 303);
    left.to_end().await;

    let path = world.acme.path("events/stream");
    let mut revoked = world.follow(&world.acme.key, &path).await;
    let first = event(&world, &world.acme, TYPE).await;
    revoked.until(&first).await;
    let keys = "update api_keys set revoked_at = now() where tenant_id is not null";
    world.stack.execute(keys).await;
    revoked.to_end().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_has_so_many_streams_and_leaves_places_for_others() {
    let world = World::start().await;
    let path = world.acme.path("events/stream");
    let mut open = Vec::new();
    for _ in 0..16 {
        open.push(world.follow(&world.acme.key, &path).await);
    }
    assert!(open.iter().all(|stream| stream.status == 200));
    let browser = Browser::of(&world, &world.acme).await;
    let own_page = format!("/tenants/{}/events/stream", world.acme.id);
    for refused in [
        world.get(&world.acme.key, &path).await,
        world.get(&world.platform, &path).await,
    ] {
        problem(&refused, 429);
        assert!(refused.headers.contains_key("retry-after"));
    }
    assert_eq!(browser.get(&own_page).await.status, 429);
    let theirs = world.umbrella.path("events/stream");
    let theirs = world.follow(&world.umbrella.key, &theirs).await;
    assert_eq!(theirs.status, 200);
    open.pop();
    eventually(PATIENCE, "a place is free", async || {
        world.follow(&world.acme.key, &path).await.status == 200
    })
    .await;
    world.stop().await;
}
