//! Event types: the catalogue that a platform shows to its customers.

use domain::event_type::EventType;
use time::OffsetDateTime;
use tokio_postgres::Row;

use crate::error::StoreError;
use crate::pool::Store;
use crate::sql::{execute, get, parsed, row, rows};

/// The most event types that the catalogue shows.
pub const EVENT_TYPES: i64 = 1_000;

/// An event type of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueEntry {
    /// Its name.
    pub name: EventType,
    /// What it means.
    pub description: String,
    /// A payload, JSON.
    pub example: String,
    /// When it was added.
    pub created_at: OffsetDateTime,
    /// When it was archived, if it was: it is no longer offered.
    pub archived_at: Option<OffsetDateTime>,
}

impl Store {
    /// The catalogue by name, at most [`EVENT_TYPES`] entries, archived ones too.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn event_types(&self) -> Result<Vec<CatalogueEntry>, StoreError> {
        const LIST: &str = "-- event_types_list
            select name, description, example, created_at, archived_at from event_types
            order by name limit $1";
        self.bounded(async {
            let client = self.client().await?;
            let found = rows(&client, LIST, &[&EVENT_TYPES]).await?;
            found.iter().map(entry).collect()
        })
        .await
    }

    /// The entry of this name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    pub async fn event_type(&self, name: &EventType) -> Result<CatalogueEntry, StoreError> {
        const GET: &str = "-- event_type_get
            select name, description, example, created_at, archived_at from event_types
            where name = $1";
        self.bounded(async {
            let client = self.client().await?;
            let found = row(&client, GET, &[&name.as_str()]).await?;
            entry(&found.ok_or(StoreError::NotFound)?)
        })
        .await
    }

    /// Adds an entry, or changes the one of this name and offers it again if it was archived.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn put_event_type(
        &self,
        name: &EventType,
        description: &str,
        example: &str,
    ) -> Result<CatalogueEntry, StoreError> {
        const PUT: &str = "-- event_type_put
            insert into event_types (name, description, example) values ($1, $2, $3)
            on conflict (name) do update set
                description = excluded.description, example = excluded.example, archived_at = null
            returning name, description, example, created_at, archived_at";
        self.bounded(async {
            let client = self.client().await?;
            let put = row(&client, PUT, &[&name.as_str(), &description, &example]).await?;
            entry(&put.ok_or(StoreError::NotFound)?)
        })
        .await
    }

    /// Archives an entry; subscriptions to it go on.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    pub async fn archive_event_type(&self, name: &EventType) -> Result<(), StoreError> {
        const ARCHIVE: &str = "-- event_type_archive
            update event_types set archived_at = coalesce(archived_at, now()) where name = $1";
        self.bounded(async {
            let client = self.client().await?;
            match execute(&client, ARCHIVE, &[&name.as_str()]).await? {
                0 => Err(StoreError::NotFound),
                _ => Ok(()),
            }
        })
        .await
    }
}

fn entry(row: &Row) -> Result<CatalogueEntry, StoreError> {
    Ok(CatalogueEntry {
        name: parsed(row, "name")?,
        description: get(row, "description")?,
        example: get(row, "example")?,
        created_at: get(row, "created_at")?,
        archived_at: get(row, "archived_at")?,
    })
}
