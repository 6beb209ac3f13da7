use bytes::Bytes;
use domain::id::{DeadLetterId, TenantId};
use store::dead_letters::{DeadLetterFilter, DeadLetterKind, NewDeadLetter};
use store::{PageRequest, StoreError};
use uuid::Uuid;

use crate::support::Db;

fn letter(kind: DeadLetterKind) -> NewDeadLetter {
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
        content_type: Some("text/plain".into()),
        message_kind: None,
        body: Bytes::from_static(b"\0\xff"),
        headers: "{}".into(),
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
    let kept = db.store.dead_letter(first.id).await.unwrap();
    assert_eq!((&kept.letter, &kept.resolved), (&first, &None));

    db.store
        .resolve_dead_letter(first.id, "discarded")
        .await
        .unwrap();
    let error = db
        .store
        .resolve_dead_letter(first.id, "replayed")
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Conflict));
    let ended = db
        .store
        .dead_letter(first.id)
        .await
        .unwrap()
        .resolved
        .unwrap();
    assert_eq!(ended.resolution, "discarded");
    let unknown = DeadLetterId::from_uuid(Uuid::nil());
    let error = db
        .store
        .resolve_dead_letter(unknown, "discarded")
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::NotFound));

    let list = |filter| db.store.dead_letters(filter, PageRequest::FIRST);
    let open = list(DeadLetterFilter::Open).await.unwrap().rows;
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].letter, second);
    assert_eq!(list(DeadLetterFilter::All).await.unwrap().rows.len(), 2);
}
