use std::time::Duration;

use domain::attempt::{AttemptNumber, Trigger};
use domain::delivery::{DeadReason, Delivery};
use domain::event::Event;
use domain::id::{DeliveryId, EndpointId, ReplayId, TenantId};
use domain::limits;
use domain::replay::{Failed, Rate, Selector, State, Switch};
use domain::report::{Report, Standing};
use store::audit::Action;
use store::dead_letters::{DeadLetterKind, NewDeadLetter, Resolution, Viewer};
use store::replays::select::{Candidate, Reach, Step};
use store::replays::step::{Again, Moved, Stride};
use store::replays::work::{Hand, LEASE, Worker};
use store::replays::{NewReplay, Outcomes, Replay};
use store::{Cursor, PageRequest, StoreError};
use testkit::eventually;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::dead_letters::{deed, letter};
use crate::support::{Db, SOON, endpoint_id, matched, minted, now, number, report};

const DELIVERED: Standing = Standing::Delivered {
    attempt: AttemptNumber::FIRST,
};

const DEAD: Standing = Standing::Dead {
    attempt: AttemptNumber::FIRST,
    reason: DeadReason::Exhausted,
};

/// A tenant with an endpoint and events of its.
struct Past {
    db: Db,
    tenant: TenantId,
    endpoint: EndpointId,
    events: Vec<Event>,
    /// When it began.
    begun: OffsetDateTime,
}

impl Past {
    /// So many events, a millisecond apart, on their way to this endpoint.
    async fn of(count: i64) -> Self {
        let db = Db::new().await;
        let tenant = db.tenant().await;
        let endpoint = endpoint_id();
        let begun = now() - time::Duration::seconds(60);
        let events: Vec<Event> = (0..count)
            .map(|number| Event {
                accepted_at: begun + time::Duration::milliseconds(number),
                ..minted(tenant)
            })
            .collect();
        let new: Vec<_> = events
            .iter()
            .map(|event| matched(event.clone(), &[endpoint]))
            .collect();
        db.store.record(&new).await.unwrap();
        Self {
            db,
            tenant,
            endpoint,
            events,
            begun,
        }
    }

    /// The reports of all deliveries, settled when their events were accepted.
    async fn settled(&self, standing: Standing) -> Vec<Report> {
        let reports: Vec<Report> = self
            .events
            .iter()
            .map(|event| Report {
                at: event.accepted_at,
                ..report(event, self.endpoint, standing)
            })
            .collect();
        self.db.store.record_reports(&reports).await.unwrap();
        reports
    }

    /// The dead letters of deliveries.
    async fn letters(&self, reports: &[Report]) -> Vec<NewDeadLetter> {
        let letters: Vec<_> = reports.iter().map(dead_letter).collect();
        self.db.store.insert_dead_letters(&letters).await.unwrap();
        letters
    }

    fn new_replay(&self, selector: Selector) -> NewReplay {
        NewReplay {
            id: ReplayId::from_uuid(Uuid::now_v7()),
            tenant: self.tenant,
            selector,
            since: self.begun,
            until: now() + time::Duration::hours(1),
            rate: Rate::new(100).unwrap(),
            expected: Some(7),
        }
    }

    async fn replay(&self, selector: Selector) -> Replay {
        let by = deed(Action::ReplayCreated);
        let new = self.new_replay(selector);
        self.db.store.create_replay(&new, &by).await.unwrap()
    }

    fn reach(&self, most: u16) -> Reach {
        Reach {
            after: Cursor {
                at: self.begun,
                id: Uuid::nil(),
            },
            until: now() + time::Duration::hours(1),
            most,
        }
    }

    /// A step that makes these deliveries again.
    async fn stride(&self, replay: ReplayId, candidates: &[Candidate]) -> Stride {
        let events: Vec<_> = candidates.iter().map(|one| (one.event, one.day)).collect();
        let contents = self.db.store.contents(&events).await.unwrap();
        let again = candidates.iter().map(|one| Again {
            delivery: Delivery {
                id: DeliveryId::repeated(replay, one.original),
                endpoint: one.endpoint,
                trigger: Trigger::Replay,
                replay_of: Some(one.original),
            },
            content: contents
                .iter()
                .find(|content| content.event == one.event)
                .unwrap()
                .clone(),
            letter: one.letter,
        });
        Stride {
            again: again.collect(),
            skipped: 3,
            cursor: Cursor {
                at: now(),
                id: Uuid::from_u128(9),
            },
            at: now(),
        }
    }
}

fn dead_letter(report: &Report) -> NewDeadLetter {
    NewDeadLetter {
        reason: "exhausted".into(),
        tenant: Some(report.tenant),
        event: Some(report.event),
        delivery: Some(report.delivery.id),
        endpoint: Some(report.delivery.endpoint),
        event_type: Some(report.event_type.clone()),
        event_day: Some(report.day()),
        ..letter(DeadLetterKind::Delivery)
    }
}

fn originals(step: &Step<Candidate>) -> Vec<DeliveryId> {
    step.found.iter().map(|one| one.original).collect()
}

/// Everything that a selection finds, by steps of three.
async fn all<T, F: Future<Output = Result<Step<T>, StoreError>>>(
    mut reach: Reach,
    step: impl Fn(Reach) -> F,
) -> Vec<T> {
    reach.most = 3;
    let mut found = Vec::new();
    loop {
        let step = step(reach).await.unwrap();
        found.extend(step.found);
        match step.next {
            Some(next) => reach.after = next,
            None => return found,
        }
    }
}

#[tokio::test]
async fn everything_of_an_endpoint_is_selected_once_in_order() {
    let past = Past::of(8).await;
    let (store, tenant, endpoint) = (&past.db.store, past.tenant, past.endpoint);
    let reports = past.settled(DELIVERED).await;
    // Still on its way, of another endpoint, and of another tenant: none of these.
    let waiting = Standing::Waiting {
        attempt: number(1),
        next_attempt_at: now(),
    };
    let other = past.db.tenant().await;
    let strangers = [
        report(&minted(tenant), endpoint, waiting),
        report(&minted(tenant), endpoint_id(), DELIVERED),
        report(&minted(other), endpoint, DELIVERED),
    ];
    store.record_reports(&strangers).await.unwrap();
    // Settled again: the last counts.
    let mut again = reports[2].clone();
    again.delivery = Delivery {
        id: DeliveryId::from_uuid(Uuid::new_v4()),
        trigger: Trigger::Replay,
        replay_of: Some(reports[2].delivery.id),
        ..again.delivery
    };
    again.at += time::Duration::seconds(1);
    store
        .record_reports(std::slice::from_ref(&again))
        .await
        .unwrap();

    let found = all(past.reach(1), async |reach| {
        store.replay_everything(tenant, endpoint, reach).await
    })
    .await;
    let mut expected: Vec<_> = reports.iter().map(|one| one.delivery.id).collect();
    expected.remove(2);
    expected.push(again.delivery.id);
    let found: Vec<_> = found.iter().map(|one| one.original).collect();
    assert_eq!(found, expected);

    // A window that ends before the second time has the first.
    let reach = Reach {
        until: again.at,
        ..past.reach(20)
    };
    let step = store
        .replay_everything(tenant, endpoint, reach)
        .await
        .unwrap();
    assert!(originals(&step).contains(&reports[2].delivery.id));
    let reach = Reach {
        after: Cursor {
            at: reports[5].at,
            id: Uuid::nil(),
        },
        ..past.reach(20)
    };
    let step = store
        .replay_everything(tenant, endpoint, reach)
        .await
        .unwrap();
    let expected = reports[5..].iter().map(|one| one.delivery.id);
    let expected: Vec<_> = expected.chain([again.delivery.id]).collect();
    assert_eq!(originals(&step), expected, "the begin of the window counts");
}

#[tokio::test]
async fn what_failed_is_what_nobody_has_dealt_with() {
    let past = Past::of(7).await;
    let (store, tenant) = (&past.db.store, past.tenant);
    let reports = past.settled(DEAD).await;
    let mut letters: Vec<_> = reports.iter().map(dead_letter).collect();
    letters[1].reason = "gone".into();
    letters[2].endpoint = Some(endpoint_id());
    letters[3].event_type = Some("other.type".parse().unwrap());
    // Kept before its event's day was noted.
    letters[4].event_day = None;
    letters[5].kind = DeadLetterKind::Poison;
    store.insert_dead_letters(&letters).await.unwrap();
    let discarded = [letters[6].id];
    let discarded = store.resolve_dead_letters(&discarded, Resolution::Discarded);
    discarded.await.unwrap();

    let found = async |failed: Failed| {
        let found = all(past.reach(1), async |reach| {
            store.replay_failed(tenant, &failed, reach).await
        });
        let mut found: Vec<_> = found
            .await
            .into_iter()
            .map(|one| one.letter.unwrap())
            .collect();
        found.sort_unstable();
        found
    };
    let ids = |numbers: &[usize]| {
        let mut ids: Vec<_> = numbers.iter().map(|at| letters[*at].id).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(found(Failed::default()).await, ids(&[0, 1, 2, 3, 4]));
    let gone = Failed {
        reason: Some("gone".into()),
        ..Failed::default()
    };
    assert_eq!(found(gone).await, ids(&[1]));
    let here = Failed {
        endpoint: Some(past.endpoint),
        ..Failed::default()
    };
    assert_eq!(found(here).await, ids(&[0, 1, 3, 4]));
    let typed = Failed {
        event_type: Some("other.type".parse().unwrap()),
        ..Failed::default()
    };
    assert_eq!(found(typed).await, ids(&[3]));
    let step = store
        .replay_failed(tenant, &Failed::default(), past.reach(10))
        .await;
    let candidates = step.unwrap().found;
    let old = candidates
        .iter()
        .find(|one| one.letter == Some(letters[4].id));
    assert_eq!(old.unwrap().day, reports[4].day());
    let nobody = past.db.tenant().await;
    let step = store
        .replay_failed(nobody, &Failed::default(), past.reach(10))
        .await;
    assert_eq!(step.unwrap().found, []);
}

#[tokio::test]
async fn what_was_never_sent_is_found_and_what_was_is_not() {
    let past = Past::of(4).await;
    let (store, tenant) = (&past.db.store, past.tenant);
    let late = endpoint_id();
    let found = async |endpoint| {
        let found = all(past.reach(1), async |reach| {
            store.replay_unsent(tenant, endpoint, reach).await
        });
        let found: Vec<_> = found.await.into_iter().map(|one| one.event).collect();
        found
    };
    assert_eq!(found(past.endpoint).await, [], "fan-out matched it");
    let expected: Vec<_> = past.events.iter().map(|one| one.id).collect();
    assert_eq!(found(late).await, expected);
    let sent = report(&past.events[1], late, DELIVERED);
    store.record_reports(&[sent]).await.unwrap();
    assert_eq!(found(late).await, [expected[0], expected[2], expected[3]]);
    let step = store
        .replay_unsent(tenant, late, past.reach(10))
        .await
        .unwrap();
    assert_eq!(step.found[0].event_type.as_str(), "shipment.created");
    assert_eq!(step.found[0].day, past.events[0].accepted_at.date());
}

#[tokio::test]
async fn named_deliveries_are_the_tenants_own() {
    let past = Past::of(5).await;
    let (store, tenant) = (&past.db.store, past.tenant);
    let reports = past.settled(DELIVERED).await;
    let mut ids: Vec<_> = reports.iter().map(|one| one.delivery.id).collect();
    ids.sort_unstable();
    let stranger = report(&minted(past.db.tenant().await), past.endpoint, DELIVERED);
    let stranger = [stranger];
    store.record_reports(&stranger).await.unwrap();
    let asked = [&ids[..], &[stranger[0].delivery.id]].concat();
    let found = all(past.reach(1), async |reach| {
        store.replay_named(tenant, &asked, reach).await
    });
    let found: Vec<_> = found.await.into_iter().map(|one| one.original).collect();
    assert_eq!(found, ids);
}

#[tokio::test]
async fn few_among_many_are_found_by_bounded_steps() {
    let past = Past::of(2).await;
    let store = &past.db.store;
    let reports = past.settled(DEAD).await;
    let tenant = past.tenant.uuid();
    past.db
        .stack
        .execute(&format!(
            "insert into dead_letters (id, kind, reason, detail, origin, tenant_id, body, headers)
             select gen_random_uuid(), 'poison', 'common', '', '', '{tenant}', '', '{{}}'
             from generate_series(1, 12000)"
        ))
        .await;
    past.letters(&reports).await;
    let failed = Failed::default();
    let step = store
        .replay_failed(past.tenant, &failed, past.reach(10))
        .await;
    let step = step.unwrap();
    assert!(step.found.is_empty() && step.next.is_some());
    let found = all(past.reach(1), async |reach| {
        store.replay_failed(past.tenant, &failed, reach).await
    });
    assert_eq!(found.await.len(), 2);
}

#[tokio::test]
async fn a_replay_comes_back_as_it_was_made() {
    let past = Past::of(0).await;
    let store = &past.db.store;
    let failed = Failed {
        reason: Some("gone".into()),
        endpoint: Some(past.endpoint),
        event_type: Some("a.b".parse().unwrap()),
    };
    let named = vec![DeliveryId::from_uuid(Uuid::from_u128(5))];
    for selector in [
        Selector::Named(named),
        Selector::Everything(past.endpoint),
        Selector::Failed(failed),
        Selector::Failed(Failed::default()),
        Selector::Missed(past.endpoint),
    ] {
        let new = past.new_replay(selector);
        let by = deed(Action::ReplayCreated);
        let made = store.create_replay(&new, &by).await.unwrap();
        assert_eq!((&made.made, made.state), (&new, State::Running));
        assert_eq!(store.replay(past.tenant, new.id).await.unwrap(), made);
        let stranger = past.db.tenant().await;
        let error = store.replay(stranger, new.id).await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound));
    }
    let mut page = PageRequest {
        after: None,
        rows: 2,
    };
    let mut count = 0;
    loop {
        let read = store.replays(past.tenant, page).await.unwrap();
        count += read.rows.len();
        page.after = read.next;
        if page.after.is_none() {
            break;
        }
    }
    assert_eq!(count, 5);
    let entries = store.audit_entries(PageRequest::FIRST).await.unwrap();
    assert_eq!(entries.rows.len(), 5);
}

#[tokio::test]
async fn a_tenants_open_replays_are_bounded() {
    let past = Past::of(0).await;
    let mut last = None;
    for _ in 0..limits::REPLAYS_OPEN {
        last = Some(past.replay(Selector::Failed(Failed::default())).await);
    }
    let new = past.new_replay(Selector::Failed(Failed::default()));
    let by = deed(Action::ReplayCreated);
    let error = past.db.store.create_replay(&new, &by).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict));
    let (cancel, by) = (Switch::Cancel, deed(Action::ReplayCancelled));
    let last = last.unwrap().made.id;
    let cancelled = past.db.store.switch_replay(past.tenant, last, cancel, &by);
    assert!(cancelled.await.unwrap().finished_at.is_some());
    let by = deed(Action::ReplayCreated);
    past.db.store.create_replay(&new, &by).await.unwrap();
}

#[tokio::test]
async fn a_replay_is_switched_and_its_rate_changed_until_it_has_ended() {
    let past = Past::of(0).await;
    let store = &past.db.store;
    let replay = past
        .replay(Selector::Failed(Failed::default()))
        .await
        .made
        .id;
    let switch = async |tenant, switch| {
        let by = deed(Action::ReplayPaused);
        let switched = store.switch_replay(tenant, replay, switch, &by).await;
        switched.map(|one| one.state)
    };
    let tenant = past.tenant;
    assert_eq!(switch(tenant, Switch::Pause).await.unwrap(), State::Paused);
    assert_eq!(
        switch(tenant, Switch::Resume).await.unwrap(),
        State::Running
    );
    let stranger = past.db.tenant().await;
    let error = switch(stranger, Switch::Cancel).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound));

    let rate = async |tenant, per_second| {
        let (rate, by) = (
            Rate::new(per_second).unwrap(),
            deed(Action::ReplayRateChanged),
        );
        let changed = store.change_replay_rate(tenant, replay, rate, &by).await;
        changed.map(|one| one.made.rate.per_second())
    };
    assert_eq!(rate(tenant, 9).await.unwrap(), 9);
    let error = rate(stranger, 9).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound));

    assert_eq!(
        switch(tenant, Switch::Cancel).await.unwrap(),
        State::Cancelled
    );
    let error = switch(tenant, Switch::Resume).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict));
    assert!(matches!(
        rate(tenant, 10).await.unwrap_err(),
        StoreError::Conflict
    ));
}

#[tokio::test]
async fn a_step_is_on_record_before_it_is_published_and_is_counted_after() {
    let past = Past::of(4).await;
    let (store, tenant) = (&past.db.store, past.tenant);
    let reports = past.settled(DEAD).await;
    let letters = past.letters(&reports).await;
    let replay = past
        .replay(Selector::Failed(Failed::default()))
        .await
        .made
        .id;
    let worker = Worker::new();
    assert_eq!(
        store.take_replay(worker).await.unwrap().unwrap().made.id,
        replay
    );

    let step = store
        .replay_failed(tenant, &Failed::default(), past.reach(10))
        .await;
    let candidates = step.unwrap().found;
    // Somebody discards one of them in between: it is not replayed.
    let gone = candidates[1].letter.unwrap();
    let discard = Resolution::Discarded;
    store.resolve_dead_letters(&[gone], discard).await.unwrap();
    let stride = past.stride(replay, &candidates).await;
    let Moved::On { publish, rate } = store.move_replay(worker, replay, &stride).await.unwrap()
    else {
        panic!("it is ours and runs")
    };
    assert_eq!(rate.per_second(), 100);
    let made: Vec<_> = stride.again.iter().map(|one| one.delivery.id).collect();
    assert_eq!(publish, [made[0], made[2], made[3]]);

    let row = store.delivery(tenant, made[0]).await.unwrap();
    assert_eq!(row.delivery, stride.again[0].delivery);
    assert_eq!(row.standing.attempt(), AttemptNumber::FIRST);
    for letter in &letters {
        let kept = store
            .dead_letter(Viewer::Platform, letter.id)
            .await
            .unwrap();
        let expected = if letter.id == gone {
            "discarded"
        } else {
            "replayed"
        };
        assert_eq!(kept.resolved.unwrap().resolution, expected);
    }
    let seen = store.replay(tenant, replay).await.unwrap();
    assert_eq!((seen.selected, seen.published, seen.skipped), (3, 0, 3));
    assert_eq!(seen.cursor, stride.cursor);
    let mut left: Vec<_> = store.replay_in_hand(replay).await.unwrap();
    left.sort_by_key(|one| one.delivery.id);
    let mut expected = publish.clone();
    expected.sort_unstable();
    assert_eq!(
        left.iter().map(|one| one.delivery.id).collect::<Vec<_>>(),
        expected
    );
    assert!(
        left.iter()
            .all(|one| stride.again.iter().any(|made| made.content == one.content))
    );

    // What is heard of is no longer to be published by whoever takes over.
    let delivered = Report {
        delivery: stride.again[0].delivery,
        at: now(),
        ..reports[0].clone()
    };
    let delivered = Report {
        standing: DELIVERED,
        ..delivered
    };
    store.record_reports(&[delivered]).await.unwrap();
    assert_eq!(store.replay_in_hand(replay).await.unwrap().len(), 2);
    let outcomes = store.replay_outcomes(replay).await.unwrap();
    let expected = Outcomes {
        delivered: 1,
        waiting: 2,
        ..Outcomes::default()
    };
    assert_eq!(outcomes, expected);

    // The same step again makes no second row.
    let Moved::On { publish, .. } = store.move_replay(worker, replay, &stride).await.unwrap()
    else {
        panic!("it is ours and runs")
    };
    assert_eq!(publish, []);
    let ended = store.finish_replay(worker, replay).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.published), (State::Finished, 3));
    assert!(store.take_replay(worker).await.unwrap().is_none());
    assert_eq!(
        told(&past.db, replay).await,
        r#"{"outcome":"finished","replayed":3}"#
    );
}

/// What the platform was told of a replay's end, and of whose it is.
async fn told(db: &Db, replay: ReplayId) -> String {
    db.value(&format!(
        "select json_build_object('outcome', data::json->'outcome',
                                  'replayed', data::json->'replayed')::text
         from operational_events
         where event_type = 'replay.finished' and data::json->>'replay' = '{replay}'"
    ))
    .await
    .replace(' ', "")
}

#[tokio::test]
async fn deliveries_that_are_replayed_by_name_have_their_letters_dealt_with() {
    let past = Past::of(1).await;
    let (store, tenant) = (&past.db.store, past.tenant);
    let reports = past.settled(DEAD).await;
    let letters = past.letters(&reports).await;
    let named = vec![reports[0].delivery.id];
    let replay = past.replay(Selector::Named(named.clone())).await.made.id;
    let worker = Worker::new();
    store.take_replay(worker).await.unwrap();
    let step = store
        .replay_named(tenant, &named, past.reach(10))
        .await
        .unwrap();
    let stride = past.stride(replay, &step.found).await;
    store.move_replay(worker, replay, &stride).await.unwrap();
    let kept = store
        .dead_letter(Viewer::Platform, letters[0].id)
        .await
        .unwrap();
    assert_eq!(kept.resolved.unwrap().resolution, "replayed");
}

#[tokio::test]
async fn a_paused_replay_writes_nothing_and_keeps_its_place() {
    let past = Past::of(2).await;
    let (store, tenant) = (&past.db.store, past.tenant);
    let reports = past.settled(DELIVERED).await;
    let replay = past
        .replay(Selector::Everything(past.endpoint))
        .await
        .made
        .id;
    let worker = Worker::new();
    store.take_replay(worker).await.unwrap();
    let step = store
        .replay_everything(tenant, past.endpoint, past.reach(1))
        .await;
    let stride = past.stride(replay, &step.unwrap().found).await;
    let moved = store.move_replay(worker, replay, &stride).await.unwrap();
    assert!(matches!(moved, Moved::On { .. }));
    let by = deed(Action::ReplayPaused);
    store
        .switch_replay(tenant, replay, Switch::Pause, &by)
        .await
        .unwrap();
    let second = Candidate {
        original: reports[1].delivery.id,
        event: reports[1].event,
        day: reports[1].day(),
        endpoint: past.endpoint,
        letter: None,
    };
    let next = past.stride(replay, &[second]).await;
    assert_eq!(
        store.move_replay(worker, replay, &next).await.unwrap(),
        Moved::Stopped
    );
    let seen = store.replay(tenant, replay).await.unwrap();
    assert_eq!(
        (seen.state, seen.selected, seen.published),
        (State::Paused, 1, 1)
    );
    assert_eq!(seen.cursor, stride.cursor);
    assert!(store.take_replay(worker).await.unwrap().is_none());
    let error = store
        .delivery(tenant, next.again[0].delivery.id)
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::NotFound));
}

#[tokio::test]
async fn a_replay_is_one_workers_until_its_lease_is_over_or_given_back() {
    let past = Past::of(1).await;
    let (store, tenant) = (&past.db.store, past.tenant);
    past.settled(DELIVERED).await;
    let replay = past
        .replay(Selector::Everything(past.endpoint))
        .await
        .made
        .id;
    let (first, second) = (Worker::new(), Worker::new());
    assert!(store.take_replay(first).await.unwrap().is_some());
    assert!(store.take_replay(second).await.unwrap().is_none());
    assert!(store.keep_replay(first, replay).await.unwrap());
    assert!(!store.keep_replay(second, replay).await.unwrap());
    let step = store
        .replay_everything(tenant, past.endpoint, past.reach(1))
        .await;
    let stride = past.stride(replay, &step.unwrap().found).await;
    assert_eq!(
        store.move_replay(second, replay, &stride).await.unwrap(),
        Moved::Lost
    );
    assert_eq!(store.finish_replay(second, replay).await.unwrap(), None);
    store.move_replay(first, replay, &stride).await.unwrap();

    // Cancelled with something in hand, and its worker gone: it is taken once more, for that.
    let by = deed(Action::ReplayCancelled);
    store
        .switch_replay(tenant, replay, Switch::Cancel, &by)
        .await
        .unwrap();
    assert_eq!(
        told(&past.db, replay).await,
        r#"{"outcome":"cancelled","replayed":1}"#
    );
    store
        .give_replay_back(second, replay, Hand::Unknown)
        .await
        .unwrap();
    assert!(
        store.take_replay(second).await.unwrap().is_none(),
        "it is not its to give"
    );
    store
        .give_replay_back(first, replay, Hand::Unknown)
        .await
        .unwrap();
    assert!(store.take_replay(second).await.unwrap().is_some());
    store
        .give_replay_back(second, replay, Hand::Published)
        .await
        .unwrap();
    assert!(store.take_replay(second).await.unwrap().is_none());
    assert_eq!(store.replay(tenant, replay).await.unwrap().published, 1);
}

#[tokio::test]
async fn a_lease_runs_out() {
    let past = Past::of(0).await;
    let store = &past.db.store;
    past.replay(Selector::Everything(past.endpoint)).await;
    store.take_replay(Worker::new()).await.unwrap().unwrap();
    let limit = LEASE + SOON;
    let second = Worker::new();
    let begun = std::time::Instant::now();
    eventually(limit, "the lease is over", async || {
        store.take_replay(second).await.unwrap()
    })
    .await;
    assert!(begun.elapsed() > LEASE - Duration::from_secs(2));
}

#[tokio::test]
async fn a_large_payload_is_not_read() {
    let past = Past::of(0).await;
    let store = &past.db.store;
    let [small, large] = [10, limits::INLINE_PAYLOAD_BYTES + 1].map(|bytes| Event {
        data: vec![b'1'; bytes].into(),
        ..minted(past.tenant)
    });
    let new = [small.clone(), large.clone()].map(|event| matched(event, &[]));
    store.record(&new).await.unwrap();
    let day = small.accepted_at.date();
    let stranger = minted(past.tenant).id;
    let asked = [
        (small.id, day),
        (large.id, day),
        (small.id, day),
        (stranger, day),
    ];
    let contents = store.contents(&asked).await.unwrap();
    assert_eq!(contents.len(), 2);
    let of = |event: &Event| contents.iter().find(|one| one.event == event.id).unwrap();
    for event in [&small, &large] {
        let stored = store.event(past.tenant, event.id).await.unwrap();
        assert_eq!(of(event), &stored.content());
    }
}
