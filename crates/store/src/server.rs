//! The server behind the record: what an operator asks of it before trusting it.

use std::collections::BTreeSet;

use time::OffsetDateTime;

use crate::error::StoreError;
use crate::pool::Store;
use crate::sql::{get, row, rows};

/// What the server says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerFacts {
    /// Its major version, such as 15.
    pub major: i32,
    /// Its clock.
    pub now: OffsetDateTime,
    /// Whether it takes writes; a standby doesn't.
    pub writes: Writes,
}

/// Whether a server takes writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    /// It does.
    Taken,
    /// It follows another server.
    Refused,
}

impl Store {
    /// What the server says of itself.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it can't be asked.
    pub async fn server_facts(&self) -> Result<ServerFacts, StoreError> {
        const FACTS: &str = "-- server_facts
            select current_setting('server_version_num')::int / 10000 as major,
                   clock_timestamp() as now, pg_is_in_recovery() as standby";
        self.bounded(async {
            let client = self.client().await?;
            let row = row(&client, FACTS, &[])
                .await?
                .ok_or(StoreError::NotFound)?;
            let standby: bool = get(&row, "standby")?;
            Ok(ServerFacts {
                major: get(&row, "major")?,
                now: get(&row, "now")?,
                writes: if standby {
                    Writes::Refused
                } else {
                    Writes::Taken
                },
            })
        })
        .await
    }

    /// The names of keys that something in the record is sealed with and that we don't have.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database can't be asked.
    pub async fn missing_keys(&self) -> Result<BTreeSet<String>, StoreError> {
        const NAMED: &str = "-- sealing_keys
            select key_id as name from endpoint_secrets
            union select headers_key from endpoints where headers_key is not null";
        self.bounded(async {
            let client = self.client().await?;
            let named = rows(&client, NAMED, &[]).await?;
            let names = named.iter().map(|row| get::<String>(row, "name"));
            let names: BTreeSet<String> = names.collect::<Result<_, _>>()?;
            let is_missing = |name: &String| !self.keyring().has(name);
            Ok(names.into_iter().filter(is_missing).collect())
        })
        .await
    }
}
