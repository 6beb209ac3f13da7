//! The second wall between tenants holds by itself: whatever the statement.

use std::fs;
use std::path::Path;

use domain::attempt::AttemptNumber;
use domain::id::TenantId;
use domain::report::Standing;
use store::fence::ROLE;
use tokio_postgres::{Client, NoTls};

use crate::plans::sources::sources;
use crate::support::{Db, answered, matched, minted, report};

/// What names a tenant and is not behind the fence: it asks who may do what, or who did what, of
/// tables that the role can't read at all; and the steps of a replay, which the engine reads.
const OPEN: [&str; 8] = [
    "tenant",
    "is_allowed_still",
    "api_keys_of",
    "audit_entries_of",
    "replay_named",
    "replay_everything",
    "replay_failed",
    "replay_unsent",
];

/// What a tenant can read.
const TABLES: [&str; 7] = [
    "events",
    "deliveries",
    "attempts",
    "endpoints",
    "endpoint_secrets",
    "dead_letters",
    "ledger_minutes",
];

async fn client(db: &Db) -> Client {
    let (client, connection) = tokio_postgres::connect(&db.stack.postgres_url(), NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
}

/// A tenant with something in every table.
async fn tenant(db: &Db) -> TenantId {
    let tenant = db.tenant().await;
    let endpoint = db.endpoint(tenant, "*").await.id;
    let event = minted(tenant);
    db.store
        .record(&[matched(event.clone(), &[endpoint])])
        .await
        .unwrap();
    let attempt = AttemptNumber::FIRST;
    let mut delivered = report(&event, endpoint, Standing::Delivered { attempt });
    delivered.attempt = Some(answered(1, 200));
    db.store.record_reports(&[delivered]).await.unwrap();
    db.store.post_ledger().await.unwrap();
    db.stack.give_up_deliveries().await;
    tenant
}

async fn stand_behind(client: &Client, tenant: &str) {
    let statement = format!(
        "reset role; select set_config('posthaste.tenant', '{tenant}', false); set role {ROLE}"
    );
    client.batch_execute(&statement).await.unwrap();
}

async fn count(client: &Client, table: &str) -> i64 {
    let statement = format!("select count(*) from {table}");
    client.query_one(&statement, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn one_tenants_rows_are_shown_whatever_is_asked() {
    let db = Db::new().await;
    let (one, other) = (tenant(&db).await, tenant(&db).await);
    let client = client(&db).await;
    for table in TABLES {
        client.batch_execute("reset role").await.unwrap();
        let all = count(&client, table).await;
        for mine in [one, other] {
            stand_behind(&client, &mine.uuid().to_string()).await;
            let seen = count(&client, table).await;
            assert_eq!((seen * 2, seen > 0), (all, true), "{table}");
        }
        for nobody in ["", "00000000-0000-0000-0000-000000000001"] {
            stand_behind(&client, nobody).await;
            assert_eq!(count(&client, table).await, 0, "{table} for {nobody:?}");
        }
    }
}

#[tokio::test]
async fn nothing_is_written_and_nothing_else_is_read() {
    let db = Db::new().await;
    let mine = tenant(&db).await;
    let client = client(&db).await;
    stand_behind(&client, &mine.uuid().to_string()).await;
    for statement in [
        "update events set data = ''",
        "delete from deliveries",
        "insert into replays select * from replays",
        "select * from api_keys",
        "select * from sessions",
        "select * from portal_links",
        "select * from tenants",
        "select * from audit",
        "create table theirs (id int)",
    ] {
        let refused = client.batch_execute(statement).await.unwrap_err();
        let code = refused.code().map(|code| code.code().to_owned());
        assert_eq!(code.as_deref(), Some("42501"), "{statement}");
    }
    // A partition is read by its own name, past the policies of the whole: that is not allowed.
    let partition = "select to_char(current_date, '\"events_\"YYYY_MM_DD')";
    let named: String = client.query_one(partition, &[]).await.unwrap().get(0);
    let refused = client
        .batch_execute(&format!("select * from {named}"))
        .await;
    assert!(refused.is_err());
}

/// A new table that names a tenant, or what belongs to one, has its policy or is shown to nobody.
#[tokio::test]
async fn every_table_of_tenants_is_behind_the_fence() {
    let db = Db::new().await;
    let open = db
        .query(
            "select distinct c.relname from pg_class c
             join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public'
             join pg_attribute a on a.attrelid = c.oid and not a.attisdropped
             where c.relkind in ('r', 'p') and not c.relispartition and not c.relrowsecurity
               and a.attname in ('tenant_id', 'endpoint_id', 'delivery_id', 'key_id')",
        )
        .await;
    let names: Vec<_> = open.iter().map(|row| row.get(0).unwrap()).collect();
    assert_eq!(names, [] as [&str; 0]);
}

/// Found in the sources, so that a new read is judged with the others.
#[test]
fn what_is_read_for_a_tenant_is_read_behind_the_fence() {
    let mut fenced = 0;
    for source in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let source = fs::read_to_string(source).unwrap();
        for function in source.split("pub async fn ").skip(1) {
            let function = function.split("\n    }\n").next().unwrap();
            let name = function.split('(').next().unwrap();
            let signature = function.split('{').next().unwrap();
            let is_of_tenant =
                signature.contains(": TenantId") || signature.contains("event: &EventSummary");
            let changes = [
                "insert into",
                "update ",
                "delete from",
                "update_",
                "audit::",
            ];
            let reads =
                function.contains("\"-- ") && !changes.iter().any(|one| function.contains(one));
            if is_of_tenant && reads && !OPEN.contains(&name) {
                assert!(
                    function.contains("fence("),
                    "{name} is not behind the fence"
                );
                fenced += 1;
            }
        }
    }
    assert!(fenced >= 15, "only {fenced} were found");
}
