//! The schema: made by migrations that only go forward, and known to the program that uses it.

use std::time::Duration;

use refinery::{Migration, Runner};
use secrecy::SecretString;
use time::OffsetDateTime;
use tokio_postgres::{Client, NoTls};

use crate::error::StoreError;
use crate::pool::{self, Store};
use crate::{fence, partitions, sql};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// How long a migration may wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long all migrations may take: long enough to index a big table, and not for ever.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// Held while a process migrates, so that several may be started at once.
const MIGRATION_LOCK: i64 = 0x0070_6f73_7468_6173;

/// The database's schema is none that this program can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SchemaMismatch {
    /// It is older.
    #[error(
        "the database's schema is at version {found}, this program needs {known}: run `posthaste migrate`"
    )]
    Older {
        /// The last migration that was applied; 0 for none.
        found: i32,
        /// The last migration that this program knows.
        known: i32,
    },
    /// It is newer, and something that this program uses may be gone from it.
    #[error(
        "the database's schema is for programs that know version {needed}, this one knows {known}: run a newer version"
    )]
    Newer {
        /// The oldest migration that a program must know.
        needed: i32,
        /// The last migration that this program knows.
        known: i32,
    },
    /// A migration was applied that differs from ours of the same number.
    #[error("migration {version} was applied in another form than this program knows")]
    Diverged {
        /// Its number.
        version: i32,
    },
}

/// Brings the database's schema up to this program's, and makes the partitions of the days around
/// today. Several processes may do so at once.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database can't be reached, [`StoreError::Broken`] when a
/// migration fails or was applied in another form, [`StoreError::Role`] when the role of the
/// [`crate::fence`] can't be made.
pub async fn migrate(url: &SecretString) -> Result<(), StoreError> {
    const LOCK: &str = "-- migrate_lock
        select pg_advisory_lock($1)";
    let mut server = pool::parse(url)?;
    server.connect_timeout(CONNECT_TIMEOUT);
    let (mut client, connection) = server.connect(NoTls).await?;
    let driver = tokio::spawn(connection);
    let work = async {
        client.execute(LOCK, &[&MIGRATION_LOCK]).await?;
        runner()
            .run_async(&mut client)
            .await
            .map_err(|error| StoreError::Broken(Box::new(error)))?;
        fence::build(&client).await?;
        first_partitions(&mut client).await
    };
    let migrated = tokio::time::timeout(MIGRATION_TIMEOUT, work).await;
    // The advisory lock ends with the connection.
    drop(client);
    driver.abort();
    migrated.map_err(StoreError::elapsed)?
}

async fn first_partitions(client: &mut Client) -> Result<(), StoreError> {
    let today = OffsetDateTime::now_utc().date();
    let transaction = client.transaction().await?;
    partitions::create(
        &transaction,
        &partitions::around(today, partitions::DAYS_AHEAD),
    )
    .await?;
    Ok(transaction.commit().await?)
}

/// What a database says of its schema.
#[derive(Debug, Default)]
struct Applied {
    /// Every migration that was applied with its checksum, in order.
    migrations: Vec<(i32, String)>,
    /// The oldest migration that a program must know; 0 before there was such a thing.
    usable_from: i32,
}

impl Store {
    /// Refuses a database whose schema this program can't use: an older one, or a newer one that
    /// says so.
    ///
    /// # Errors
    /// [`StoreError::Schema`] says how it differs; [`StoreError::Unavailable`] when the database
    /// can't be asked.
    pub async fn check_schema(&self) -> Result<(), StoreError> {
        const EXISTS: &str = "-- schema_exists
            select to_regclass('refinery_schema_history') is not null as history,
                   to_regclass('usable_from') is not null as usable_from";
        const APPLIED: &str = "-- schema_applied
            select version, checksum from refinery_schema_history order by version";
        const USABLE: &str = "-- schema_usable_from
            select version from usable_from";
        let applied = self
            .bounded(async {
                let client = self.client().await?;
                let mut applied = Applied::default();
                let Some(exists) = sql::row(&client, EXISTS, &[]).await? else {
                    return Ok(applied);
                };
                if sql::get(&exists, "history")? {
                    for row in sql::rows(&client, APPLIED, &[]).await? {
                        let one = (sql::get(&row, "version")?, sql::get(&row, "checksum")?);
                        applied.migrations.push(one);
                    }
                }
                if sql::get(&exists, "usable_from")? {
                    let row = sql::row(&client, USABLE, &[]).await?;
                    let version = row.map(|row| sql::get(&row, "version")).transpose()?;
                    applied.usable_from = version.unwrap_or(0);
                }
                Ok(applied)
            })
            .await?;
        Ok(compare(runner().get_migrations(), &applied)?)
    }
}

fn runner() -> Runner {
    embedded::migrations::runner()
}

/// Compares what this program knows with what was applied.
fn compare(known: &[Migration], applied: &Applied) -> Result<(), SchemaMismatch> {
    let last_known = known.iter().map(Migration::version).max().unwrap_or(0);
    if applied.usable_from > last_known {
        return Err(SchemaMismatch::Newer {
            needed: applied.usable_from,
            known: last_known,
        });
    }
    let of = |version: i32| applied.migrations.iter().find(|one| one.0 == version);
    for ours in known {
        match of(ours.version()) {
            None => {
                let last = applied.migrations.last();
                return Err(SchemaMismatch::Older {
                    found: last.map_or(0, |(version, _)| *version),
                    known: last_known,
                });
            }
            Some((version, checksum)) if ours.checksum().to_string() != *checksum => {
                return Err(SchemaMismatch::Diverged { version: *version });
            }
            Some(_) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied() -> Applied {
        let mut all: Vec<_> = runner()
            .get_migrations()
            .iter()
            .map(|one| (one.version(), one.checksum().to_string()))
            .collect();
        all.sort();
        Applied {
            migrations: all,
            usable_from: 1,
        }
    }

    #[test]
    fn a_schema_that_can_be_used_is_accepted() {
        let runner = runner();
        let known = runner.get_migrations();
        let [.., (before, _), (last, _)] = applied().migrations[..] else {
            panic!("there are several migrations")
        };
        assert_eq!(compare(known, &applied()), Ok(()));

        let mut older = applied();
        older.migrations.pop();
        let mismatch = SchemaMismatch::Older {
            found: before,
            known: last,
        };
        assert_eq!(compare(known, &older), Err(mismatch));
        let mismatch = SchemaMismatch::Older {
            found: 0,
            known: last,
        };
        assert_eq!(compare(known, &Applied::default()), Err(mismatch));

        let mut other = applied();
        other.migrations[0].1 = "1".into();
        let mismatch = SchemaMismatch::Diverged { version: 1 };
        assert_eq!(compare(known, &other), Err(mismatch));
    }

    /// An older program goes on beside a newer one, until something is taken away.
    #[test]
    fn a_newer_schema_says_who_can_use_it() {
        let runner = runner();
        let known = runner.get_migrations();
        let mut newer = applied();
        let last = newer.migrations.last().map_or(0, |(version, _)| *version);
        newer.migrations.push((last + 1, "1".into()));
        newer.usable_from = last;
        assert_eq!(compare(known, &newer), Ok(()));
        newer.usable_from = last + 1;
        let mismatch = SchemaMismatch::Newer {
            needed: last + 1,
            known: last,
        };
        assert_eq!(compare(known, &newer), Err(mismatch));
    }
}
