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

/// The database's schema is not the one that this program was built with.
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
    /// It is newer.
    #[error(
        "the database's schema is at version {found}, this program knows {known}: run a newer version"
    )]
    Newer {
        /// The last migration that was applied.
        found: i32,
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

impl Store {
    /// Refuses a database whose schema is not the one that this program was built with.
    ///
    /// # Errors
    /// [`StoreError::Schema`] says how it differs; [`StoreError::Unavailable`] when the database
    /// can't be asked.
    pub async fn check_schema(&self) -> Result<(), StoreError> {
        const EXISTS: &str = "-- schema_exists
            select to_regclass('refinery_schema_history') is not null as found";
        const APPLIED: &str = "-- schema_applied
            select version, checksum from refinery_schema_history order by version";
        let applied = self
            .bounded(async {
                let client = self.client().await?;
                let found = sql::row(&client, EXISTS, &[]).await?;
                let found = found.map_or(Ok(false), |row| sql::get(&row, "found"))?;
                if !found {
                    return Ok(Vec::new());
                }
                let rows = sql::rows(&client, APPLIED, &[]).await?;
                rows.iter()
                    .map(|row| Ok((sql::get(row, "version")?, sql::get(row, "checksum")?)))
                    .collect()
            })
            .await?;
        Ok(compare(runner().get_migrations(), &applied)?)
    }
}

fn runner() -> Runner {
    embedded::migrations::runner()
}

/// Compares what this program knows with what was applied.
fn compare(known: &[Migration], applied: &[(i32, String)]) -> Result<(), SchemaMismatch> {
    let last_known = known.iter().map(Migration::version).max().unwrap_or(0);
    let last_found = applied.last().map_or(0, |(version, _)| *version);
    if last_found > last_known {
        return Err(SchemaMismatch::Newer {
            found: last_found,
            known: last_known,
        });
    }
    for (version, checksum) in applied {
        let ours = known.iter().find(|one| one.version() == *version);
        if ours.is_none_or(|one| one.checksum().to_string() != *checksum) {
            return Err(SchemaMismatch::Diverged { version: *version });
        }
    }
    if applied.len() < known.len() {
        return Err(SchemaMismatch::Older {
            found: last_found,
            known: last_known,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied() -> Vec<(i32, String)> {
        let mut all: Vec<_> = runner()
            .get_migrations()
            .iter()
            .map(|one| (one.version(), one.checksum().to_string()))
            .collect();
        all.sort();
        all
    }

    #[test]
    fn only_the_same_schema_is_accepted() {
        let runner = runner();
        let known = runner.get_migrations();
        let all = applied();
        let [.., (before, _), (last, _)] = all[..] else {
            panic!("there are several migrations")
        };
        assert_eq!(compare(known, &all), Ok(()));
        assert_eq!(
            compare(known, &all[..all.len() - 1]),
            Err(SchemaMismatch::Older {
                found: before,
                known: last
            })
        );
        assert_eq!(
            compare(known, &[]),
            Err(SchemaMismatch::Older {
                found: 0,
                known: last
            })
        );
        let newer = [all.clone(), vec![(last + 1, "1".into())]].concat();
        assert_eq!(
            compare(known, &newer),
            Err(SchemaMismatch::Newer {
                found: last + 1,
                known: last
            })
        );
        let mut other = all;
        other[0].1 = "1".into();
        assert_eq!(
            compare(known, &other),
            Err(SchemaMismatch::Diverged { version: 1 })
        );
    }
}
