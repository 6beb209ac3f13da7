//! The record: reachable, of this program's schema, with partitions to write into and every key
//! that its secrets are sealed with.

use store::server::{ServerFacts, Writes};
use store::{Store, StoreError, partitions};
use time::{Date, OffsetDateTime};

use super::finding::Finding;
use crate::connections::StoreArgs;

/// The oldest PostgreSQL that this program was tested on.
const OLDEST: i32 = 15;

/// Looks at the record.
pub(super) async fn examine(args: &StoreArgs) -> Vec<Finding> {
    let store = match args.open() {
        Ok(store) => store,
        Err(error) => {
            let cure = "secret keys are name:base64 of 32 bytes, the record's URL is postgres://…";
            return vec![Finding::wrong("settings", format!("{error:#}"), cure)];
        }
    };
    let asked = OffsetDateTime::now_utc();
    let facts = match store.server_facts().await {
        Ok(facts) => facts,
        Err(error) => {
            let cure = "is it up, and are host, user and password of POSTHASTE_POSTGRES_URL right?";
            return vec![Finding::wrong("postgres", in_full(&error), cure)];
        }
    };
    let mut findings = server(facts);
    findings.push(Finding::of_clock("postgres clock", facts.now, asked));
    match store.check_schema().await {
        Ok(()) => {
            findings.push(Finding::well("schema", "this program's"));
            findings.push(today_and_ahead(&store, asked.date()).await);
            findings.push(keys(&store).await);
        }
        // Whatever stands in it may be of another form.
        Err(error) => findings.push(Finding::wrong(
            "schema",
            in_full(&error),
            "roles of the wrong version don't start",
        )),
    }
    findings
}

fn server(facts: ServerFacts) -> Vec<Finding> {
    let major = facts.major;
    let version = if major < OLDEST {
        let cure = format!("upgrade to {OLDEST} or newer");
        Finding::wrong("postgres version", format!("PostgreSQL {major}"), cure)
    } else {
        Finding::well("postgres version", format!("PostgreSQL {major}"))
    };
    let writes = match facts.writes {
        Writes::Taken => Finding::well("postgres", "takes writes"),
        Writes::Refused => Finding::wrong(
            "postgres",
            "it is a standby and takes no writes",
            "name the primary in POSTHASTE_POSTGRES_URL",
        ),
    };
    vec![version, writes]
}

/// The days around today, as the recorder makes them; one more would be made in the next hours.
async fn today_and_ahead(store: &Store, today: Date) -> Finding {
    let there = match store.partitions().await {
        Ok(there) => there,
        Err(error) => return unseen("partitions", &error),
    };
    let needed = partitions::around(today, 1);
    let missing: Vec<String> = needed
        .iter()
        .filter(|day| !there.contains(day))
        .map(ToString::to_string)
        .collect();
    if missing.is_empty() {
        Finding::well("partitions", format!("there for {} days", there.len()))
    } else {
        Finding::wrong(
            "partitions",
            format!("none for {}", missing.join(", ")),
            "start a recorder, which makes them, or run posthaste migrate",
        )
    }
}

async fn keys(store: &Store) -> Finding {
    match store.missing_keys().await {
        Ok(missing) if missing.is_empty() => {
            Finding::well("secret keys", "every key that the record's secrets need")
        }
        Ok(missing) => Finding::wrong(
            "secret keys",
            format!("secrets are sealed with {missing:?}, which is not among them"),
            "add it to POSTHASTE_SECRET_KEYS, behind the current one",
        ),
        Err(error) => unseen("secret keys", &error),
    }
}

fn unseen(subject: &str, error: &StoreError) -> Finding {
    Finding::wrong(subject, in_full(error), "the role's log says more")
}

fn in_full(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
