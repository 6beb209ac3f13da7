use bytes::Bytes;
use domain::id::{ApiKeyId, DeadLetterId, DeliveryId, EndpointId, Id, TenantId};
use store::audit::{Action, Actor, Deed};
use store::dead_letters::{DeadLetterKind, NewDeadLetter, Resolution, Search, Viewer, Which};
use store::{PageRequest, StoreError};
use testkit::eventually;
use time::Duration;
use uuid::Uuid;

use crate::support::{Db, SOON, endpoint_id, now};

pub(crate) fn letter(kind: DeadLetterKind) -> NewDeadLetter {
    NewDeadLetter {
        id: DeadLetterId::from_uuid(Uuid::new_v4()),
        kind,
        reason: "undecodable".into(),
        detail: "a NUL: \u{fffd}".into(),
        origin: "posthaste.inbox".into(),
        tenant: Some(TenantId::from_uuid(Uuid::from_u128(1))),
        event: None,
        delivery: None,
        endpoint: None,
        event_type: Some("shipment.created".parse().unwrap()),
        event_day: Some(now().date()),
        content_type: Some("text/plain".into()),
        message_kind: None,
        message_id: Some("order-7".into()),
        body: Bytes::from_static(b"\0\xff"),
        headers: "{}".into(),
    }
}

pub(crate) fn deed(action: Action) -> Deed {
    Deed {
        by: Actor::key(ApiKeyId::from_uuid(Uuid::from_u128(7))),
        tenant: None,
        action,
        subject: "it".into(),
        detail: "{}".into(),
    }
}

#[tokio::test]
async fn a_letter_is_kept_once_and_ends_once() {
    let db = Db::new().await;
    let [first, second] = [DeadLetterKind::Poison, DeadLetterKind::Rejected].map(letter);
    let sent = NewDeadLetter {
        detail: "a NUL: \0".into(),
        ..first.clone()
    };
    let batch = [sent, second.clone()];
    db.store.insert_dead_letters(&batch).await.unwrap();
    db.store.insert_dead_letters(&batch).await.unwrap();
    let get = |id| db.store.dead_letter(Viewer::Platform, id);
    let kept = get(first.id).await.unwrap();
    assert_eq!((&kept.letter, &kept.resolved), (&first, &None));

    let by = deed(Action::DeadLetterDiscarded);
    let (platform, discarded) = (Viewer::Platform, Resolution::Discarded);
    let resolve = |id| db.store.resolve_dead_letter(platform, id, discarded, &by);
    resolve(first.id).await.unwrap();
    let error = resolve(first.id).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict));
    let ended = get(first.id).await.unwrap().resolved.unwrap();
    assert_eq!(ended.resolution, "discarded");
    let error = resolve(Id::from_uuid(Uuid::nil())).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound));
    // What was not done is not written down.
    let entries = db.store.audit_entries(PageRequest::FIRST).await.unwrap();
    assert_eq!(entries.rows.len(), 1);
    assert_eq!(entries.rows[0].action, "dead_letter.discarded");

    let list = async |which| {
        let search = Search::of(which);
        let page = db.store.dead_letters(&search, PageRequest::FIRST).await;
        page.unwrap().rows
    };
    let open = list(Which::Open).await;
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].id, second.id);
    assert_eq!(list(Which::All).await.len(), 2);
}

#[tokio::test]
async fn a_tenant_sees_its_own_deliveries_and_nothing_else() {
    let db = Db::new().await;
    let [mine, theirs] = [1, 2].map(|number| TenantId::from_uuid(Uuid::from_u128(number)));
    let [delivery, poison] = [DeadLetterKind::Delivery, DeadLetterKind::Poison].map(letter);
    let letters = [delivery.clone(), poison.clone()];
    db.store.insert_dead_letters(&letters).await.unwrap();
    let by = deed(Action::DeadLetterDiscarded);
    for (viewer, letter) in [
        (Viewer::Tenant(theirs), delivery.id),
        (Viewer::Tenant(mine), poison.id),
    ] {
        let error = db.store.dead_letter(viewer, letter).await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound));
        let resolve = db
            .store
            .resolve_dead_letter(viewer, letter, Resolution::Discarded, &by);
        assert!(matches!(resolve.await.unwrap_err(), StoreError::NotFound));
    }
    let viewer = Viewer::Tenant(mine);
    let found = db.store.dead_letter(viewer, delivery.id).await.unwrap();
    assert_eq!(found.letter, delivery);
}

/// Letters of two tenants, two endpoints, three kinds, two reasons and two types.
async fn many(db: &Db) -> (Vec<NewDeadLetter>, [TenantId; 2], [EndpointId; 2]) {
    let tenants = [db.tenant().await, db.tenant().await];
    let endpoints = [endpoint_id(), endpoint_id()];
    let mut letters = Vec::new();
    for number in 0..72usize {
        let kind = DeadLetterKind::ALL[number % 3];
        letters.push(NewDeadLetter {
            reason: ["exhausted", "gone"][number / 3 % 2].into(),
            tenant: Some(tenants[number / 6 % 2]),
            endpoint: Some(endpoints[number / 12 % 2]),
            event_type: Some(["a.b", "c.d"][number / 24 % 2].parse().unwrap()),
            delivery: Some(DeliveryId::from_uuid(Uuid::new_v4())),
            ..letter(kind)
        });
    }
    // In two transactions, so that they differ in time.
    for half in letters.chunks(36) {
        db.store.insert_dead_letters(half).await.unwrap();
    }
    (letters, tenants, endpoints)
}

#[tokio::test]
async fn a_search_finds_what_it_says_without_gap_and_repeat() {
    let db = Db::new().await;
    let (letters, tenants, endpoints) = many(&db).await;
    let by = deed(Action::DeadLettersDiscarded);
    let gone: Vec<_> = letters.iter().step_by(5).map(|one| one.id).collect();
    let discarded = db.store.resolve_dead_letters(&gone, Resolution::Discarded);
    assert_eq!(discarded.await.unwrap(), 15);
    db.store.audit(&by).await.unwrap();

    for which in [Which::Open, Which::All] {
        for tenant in [None, Some(tenants[0])] {
            for endpoint in [None, Some(endpoints[1])] {
                for (kind, reason, event_type) in [
                    (None, None, None),
                    (Some(DeadLetterKind::Delivery), Some("gone"), None),
                    (None, None, Some("c.d")),
                ] {
                    let search = Search {
                        tenant,
                        endpoint,
                        kind,
                        reason: reason.map(str::to_owned),
                        event_type: event_type.map(|text| text.parse().unwrap()),
                        ..Search::of(which)
                    };
                    let matches = |one: &&NewDeadLetter| {
                        (which == Which::All || !gone.contains(&one.id))
                            && tenant.is_none_or(|tenant| one.tenant == Some(tenant))
                            && endpoint.is_none_or(|endpoint| one.endpoint == Some(endpoint))
                            && kind.is_none_or(|kind| one.kind == kind)
                            && reason.is_none_or(|reason| one.reason == reason)
                            && search
                                .event_type
                                .as_ref()
                                .is_none_or(|wanted| one.event_type.as_ref() == Some(wanted))
                    };
                    let mut expected: Vec<_> =
                        letters.iter().filter(matches).map(|one| one.id).collect();
                    expected.sort_unstable();
                    assert_eq!(listed(&db, &search).await, expected, "{search:?}");
                    assert_eq!(looked_up(&db, &search).await, expected, "{search:?}");
                }
            }
        }
    }
}

async fn listed(db: &Db, search: &Search) -> Vec<DeadLetterId> {
    let mut page = PageRequest {
        after: None,
        rows: 4,
    };
    let mut ids = Vec::new();
    loop {
        let read = db.store.dead_letters(search, page).await.unwrap();
        ids.extend(read.rows.iter().map(|one| one.id));
        page.after = read.next;
        if read.next.is_none() {
            ids.sort_unstable();
            return ids;
        }
    }
}

async fn looked_up(db: &Db, search: &Search) -> Vec<DeadLetterId> {
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let found = db.store.dead_letter_ids(search, after, 5).await.unwrap();
        ids.extend(found.letters);
        after = found.next;
        if after.is_none() {
            ids.sort_unstable();
            return ids;
        }
    }
}

#[tokio::test]
async fn a_search_keeps_to_its_window() {
    let db = Db::new().await;
    let [old, new] = [DeadLetterKind::Poison; 2].map(letter);
    for one in [&old, &new] {
        db.store
            .insert_dead_letters(std::slice::from_ref(one))
            .await
            .unwrap();
    }
    let kept = db.store.dead_letter(Viewer::Platform, new.id).await;
    let between = kept.unwrap().created_at;
    let search = |since, until| Search {
        since,
        until,
        ..Search::of(Which::Open)
    };
    assert_eq!(
        listed(&db, &search(Some(between), None)).await,
        [new.id],
        "its begin counts"
    );
    assert_eq!(
        listed(&db, &search(None, Some(between))).await,
        [old.id],
        "its end does not"
    );
    let later = between + Duration::hours(1);
    assert!(listed(&db, &search(Some(later), None)).await.is_empty());
}

#[tokio::test]
async fn a_rare_thing_among_many_is_found_by_bounded_pages() {
    let db = Db::new().await;
    // Newer than the rare one, and more than a page looks at.
    let rare = NewDeadLetter {
        reason: "rare".into(),
        ..letter(DeadLetterKind::Poison)
    };
    db.store
        .insert_dead_letters(std::slice::from_ref(&rare))
        .await
        .unwrap();
    db.stack
        .execute(
            "insert into dead_letters (id, kind, reason, detail, origin, body, headers)
             select gen_random_uuid(), 'poison', 'common', '', '', '', '{}'
             from generate_series(1, 12000)",
        )
        .await;
    let search = Search {
        reason: Some("rare".into()),
        ..Search::of(Which::Open)
    };
    let first = db.store.dead_letters(&search, PageRequest::FIRST).await;
    let first = first.unwrap();
    assert!(first.rows.is_empty() && first.next.is_some(), "{first:?}");
    assert_eq!(listed(&db, &search).await, [rare.id]);
    assert_eq!(looked_up(&db, &search).await, [rare.id]);
}

#[tokio::test]
async fn searches_go_by_an_index() {
    let db = Db::new().await;
    // Most of them are dealt with, as it is in the long run.
    db.stack
        .execute(
            "insert into dead_letters (id, kind, reason, detail, origin, tenant_id, endpoint_id,
                                       body, headers, created_at, resolved_at, resolution)
             select gen_random_uuid(), 'delivery', 'gone', '', '', gen_random_uuid(),
                    gen_random_uuid(), '', '{}', now() - n * interval '1 second',
                    case when n % 20 > 0 then now() end, case when n % 20 > 0 then 'discarded' end
             from generate_series(1, 20000) n;
             analyze dead_letters",
        )
        .await;
    let scans = "select seq_scan from pg_stat_user_tables where relname = 'dead_letters'";
    let before = db.value(scans).await;
    let nobody = TenantId::from_uuid(Uuid::from_u128(1));
    let open = Search::of(Which::Open);
    for (search, index) in [
        (open.clone(), "dead_letters_open"),
        (
            Search {
                tenant: Some(nobody),
                ..open.clone()
            },
            "dead_letters_tenant_open",
        ),
        (
            Search {
                endpoint: Some(endpoint_id()),
                ..open
            },
            "dead_letters_endpoint_open",
        ),
    ] {
        let page = db.store.dead_letters(&search, PageRequest::FIRST).await;
        page.unwrap();
        eventually(SOON, "the search to have used its index", async || {
            db.value(&format!(
                "select idx_scan > 0 from pg_stat_user_indexes where indexrelname = '{index}'"
            ))
            .await
                == "t"
        })
        .await;
    }
    assert_eq!(db.value(scans).await, before, "the whole table was read");
}

#[tokio::test]
async fn a_replayed_deliverys_letter_is_dealt_with() {
    let db = Db::new().await;
    let delivery = DeliveryId::from_uuid(Uuid::new_v4());
    let [dead, poison] =
        [DeadLetterKind::Delivery, DeadLetterKind::Poison].map(|kind| NewDeadLetter {
            delivery: Some(delivery),
            ..letter(kind)
        });
    let letters = [dead.clone(), poison.clone()];
    db.store.insert_dead_letters(&letters).await.unwrap();
    db.store.resolve_letters_of(delivery).await.unwrap();
    let resolved = async |id| {
        let found = db.store.dead_letter(Viewer::Platform, id).await.unwrap();
        found.resolved.map(|resolved| resolved.resolution)
    };
    assert_eq!(resolved(dead.id).await.as_deref(), Some("replayed"));
    assert_eq!(resolved(poison.id).await, None);
}

#[tokio::test]
async fn a_search_tells_nothing_of_another_tenant() {
    let db = Db::new().await;
    let (tenant, other) = (db.tenant().await, db.tenant().await);
    let endpoint = endpoint_id();
    let one = NewDeadLetter {
        tenant: Some(tenant),
        endpoint: Some(endpoint),
        ..letter(DeadLetterKind::Delivery)
    };
    db.store.insert_dead_letters(&[one]).await.unwrap();
    // As many more like it as a page looks at.
    let many = "create temporary table more as select * from dead_letters;
        insert into dead_letters
        select (jsonb_populate_record(more, jsonb_build_object('id', gen_random_uuid()))).*
        from more, generate_series(1, 5000)";
    db.stack.execute(many).await;
    let next = async |tenant| {
        let search = Search {
            tenant: Some(tenant),
            endpoint: Some(endpoint),
            reason: Some("none of them".into()),
            ..Search::of(Which::All)
        };
        let page = db.store.dead_letters(&search, PageRequest::FIRST).await;
        page.unwrap().next
    };
    assert!(next(tenant).await.is_some(), "there may be older ones");
    assert_eq!(next(other).await, None);
}
