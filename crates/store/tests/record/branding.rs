use store::StoreError;
use store::branding::Look;
use store::endpoints::Precondition;

use crate::support::Db;

#[tokio::test]
async fn what_customers_see_is_set_and_not_overwritten_unseen() {
    let db = Db::new().await;
    let before = db.store.branding().await.unwrap();
    assert_eq!((&before.look, &before.logo), (&Look::default(), &None));
    assert!(matches!(db.store.logo().await, Err(StoreError::NotFound)));

    let look = Look {
        name: Some("Acme".to_owned()),
        colour: Some("#123456".to_owned()),
        support: Some("mailto:help@acme.example".to_owned()),
    };
    let seen = Precondition::Version(before.version);
    let set = db.store.set_look(seen, &look).await.unwrap();
    assert_eq!(set.look, look);
    let stale = db.store.set_look(seen, &Look::default()).await;
    assert!(matches!(stale, Err(StoreError::VersionMismatch)));

    let with = db.store.set_logo(Some(b"png")).await.unwrap();
    assert_eq!(with.look, look);
    assert_eq!(with.logo.as_ref().map(Vec::len), Some(32));
    assert_eq!(db.store.logo().await.unwrap(), b"png");
    let other = db.store.set_logo(Some(b"gnp")).await.unwrap();
    assert_ne!(other.logo, with.logo);
    let without = db.store.set_logo(None).await.unwrap();
    assert_eq!(without.logo, None);
    assert_eq!(db.store.branding().await.unwrap(), without);
}
