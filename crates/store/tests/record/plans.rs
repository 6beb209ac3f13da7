//! Everything that is read stays bounded by indexes on a large record. The statements are found in
//! the sources, so a new list is judged with the others.

use std::collections::HashMap;

use serde_json::Value;
use testkit::Filling;
use time::{Duration, OffsetDateTime};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use crate::support::Db;

pub(crate) mod sources;

use sources::{Most, Place, Statement, statements};

/// Large enough that what is bounded reads far less than what is not: the first tenant has 10,000
/// events, and its first endpoint as many deliveries.
const RECORD: Filling = Filling {
    tenants: 1_000,
    endpoints: 10_000,
    attempts: 400_000,
    days: 4,
};

/// The most rows that a look may read: what a search looks at, and a page of what belongs to it.
const READ: f64 = 6_000.0;

/// The most rows that may be sorted: a few pages.
const SORTED: f64 = 1_000.0;

/// A table of fewer rows may be read as a whole.
const SMALL: f64 = 2_000.0;

/// What reads all that there is, and may.
const WHOLE: [(&str, &str); 9] = [
    ("directory_api_keys", "a snapshot, once a process"),
    ("directory_endpoints", "a snapshot, once a process"),
    ("directory_secrets", "a snapshot, once a process"),
    ("directory_subscriptions", "a snapshot, once a process"),
    ("directory_tenants", "a snapshot, once a process"),
    ("endpoint_headers_of_old_keys", "by a person's command"),
    ("endpoint_secrets_of_old_keys", "by a person's command"),
    (
        "unreported_count",
        "a minute's events, by a person's command",
    ),
    (
        "unreported_take",
        "a minute's events, by a person's command",
    ),
];

#[tokio::test]
async fn whatever_is_read_is_bounded_by_indexes() {
    let db = Db::new().await;
    let today = OffsetDateTime::now_utc().date();
    let days: Vec<_> = (0..4).map(|ago| today - Duration::days(ago)).collect();
    db.store.ensure_partitions_for(&days).await.unwrap();
    db.stack.fill(RECORD, |_| ()).await;
    let (client, connection) = tokio_postgres::connect(&db.stack.postgres_url(), NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let judge = Judge {
        sizes: sizes(&client).await,
        most: most(&client).await,
        client,
    };
    let found = statements();
    for (name, _) in WHOLE {
        let is_there = found.iter().any(|one| one.name == name);
        assert!(is_there, "there is no {name} any more");
    }
    let mut faults = Vec::new();
    for statement in &found {
        faults.extend(judge.faults(statement).await);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(found.len() > 60, "only {} were found", found.len());
    let fenced = found
        .iter()
        .filter(|one| one.place == Place::BehindTheFence);
    assert!(
        fenced.count() >= 20,
        "what is read for a tenant is behind the fence"
    );
}

/// How many rows each table has.
async fn sizes(client: &Client) -> HashMap<String, f64> {
    const SIZES: &str = "select relname, reltuples from pg_class where relkind = 'r'";
    let rows = client.query(SIZES, &[]).await.unwrap();
    let size = |row: &tokio_postgres::Row| (row.get(0), f64::from(row.get::<_, f32>(1)));
    rows.iter().map(size).collect()
}

/// Who has the most of what the record was filled with.
async fn most(client: &Client) -> Most {
    const ONE: &str = "select event_id::text, id::text, day::text from deliveries
        where endpoint_id = md5('endpoint-1')::uuid limit 1";
    let one = client.query_one(ONE, &[]).await.unwrap();
    let quoted = |column| format!("'{}'", one.get::<_, &str>(column));
    Most {
        tenant: "md5('tenant-1')::uuid".to_owned(),
        endpoint: "md5('endpoint-1')::uuid".to_owned(),
        event: quoted(0),
        delivery: quoted(1),
        day: quoted(2),
        replay: "md5('replay-1')::uuid".to_owned(),
    }
}

struct Judge {
    client: Client,
    most: Most,
    sizes: HashMap<String, f64>,
}

impl Judge {
    /// What is wrong with how a statement is done.
    async fn faults(&self, statement: &Statement) -> Vec<String> {
        let name = &statement.name;
        if WHOLE.iter().any(|(one, _)| one == name) {
            return Vec::new();
        }
        let root = self.explain(statement).await;
        let number = |node: &Value, member: &str| node[member].as_f64().unwrap_or_default();
        let mut faults = Vec::new();
        let mut read = 0.0;
        for node in nodes(&root) {
            let table = node["Relation Name"].as_str().unwrap_or_default();
            let size = self.sizes.get(table).copied().unwrap_or_default();
            if node["Node Type"] == "Seq Scan" && size > SMALL {
                faults.push(format!("reads all of {table}"));
            }
            let sorted = number(&node["Plans"][0], "Actual Rows");
            if node["Node Type"] == "Sort" && sorted > SORTED {
                faults.push(format!("sorts {sorted} rows"));
            }
            if !table.is_empty() {
                let removed = number(node, "Rows Removed by Filter");
                read += (number(node, "Actual Rows") + removed) * number(node, "Actual Loops");
            }
        }
        if read > READ {
            faults.push(format!("reads {read} rows"));
        }
        let told = |fault| format!("{name} {fault}:\n{root:#}");
        faults.into_iter().map(told).collect()
    }

    /// Runs a statement by the plan that the store has it run by, which is the same for all values,
    /// for the first page of whoever has the most.
    async fn explain(&self, statement: &Statement) -> Value {
        let stand = match statement.place {
            Place::Open => "reset role".to_owned(),
            Place::BehindTheFence => format!(
                "select set_config('posthaste.tenant', {}::text, false);
                 set role {}",
                self.most.tenant,
                store::fence::ROLE
            ),
        };
        let prepare = format!(
            "set plan_cache_mode = force_generic_plan; deallocate all; {stand};
             prepare judged as {}",
            statement.text
        );
        let prepared = self.client.batch_execute(&prepare).await;
        prepared.unwrap_or_else(|error| panic!("{prepare}: {error:?}"));
        let types = self.parameter_types().await;
        let values: Vec<_> = (1..)
            .zip(&types)
            .map(|(number, kind)| statement.value(number, kind, &self.most))
            .collect();
        let values = match values.len() {
            0 => String::new(),
            _ => format!("({})", values.join(", ")),
        };
        let explain = format!("explain (analyze, timing off, format json) execute judged{values}");
        let messages = self.client.simple_query(&explain).await;
        let messages = messages.unwrap_or_else(|error| panic!("{explain}: {error:?}"));
        let text = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        let mut plan: Value = serde_json::from_str(text.unwrap()).unwrap();
        plan[0]["Plan"].take()
    }

    async fn parameter_types(&self) -> Vec<String> {
        const TYPES: &str = "select t::text from pg_prepared_statements,
            unnest(parameter_types) with ordinality as u (t, place)
            where name = 'judged' order by place";
        let rows = self.client.query(TYPES, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }
}

/// A plan's nodes, those below first named last.
fn nodes(root: &Value) -> Vec<&Value> {
    let below = root["Plans"].as_array().into_iter().flatten();
    std::iter::once(root)
        .chain(below.flat_map(|node| nodes(node)))
        .collect()
}
