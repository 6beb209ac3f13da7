//! Event types: the catalogue that a platform shows to its customers.

use domain::event_type::EventType;
use domain::schema::SchemaMode;
use time::OffsetDateTime;
use tokio_postgres::Row;

use crate::error::StoreError;
use crate::pool::Store;
use crate::sql::{execute, get, named, parsed, row, rows};

/// The most event types that the catalogue shows.
pub const EVENT_TYPES: i64 = 1_000;

/// Whom an event type is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Audience {
    /// The platform's customers: the platform says what it means.
    Tenants,
    /// The platform itself: Posthaste says what it means, and nobody can change that.
    Platform,
}

impl Audience {
    /// Every audience.
    pub const ALL: [Self; 2] = [Self::Tenants, Self::Platform];

    /// The name in the record and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tenants => "tenants",
            Self::Platform => "platform",
        }
    }

    /// The audience of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|audience| audience.as_str() == name)
    }
}

/// An event type of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueEntry {
    /// Its name.
    pub name: EventType,
    /// What it means.
    pub description: String,
    /// A payload, JSON.
    pub example: String,
    /// What its payloads look like: a JSON Schema.
    pub schema: Option<String>,
    /// What the schema is for; [`SchemaMode::Off`] without one.
    pub schema_mode: SchemaMode,
    /// When it was added.
    pub created_at: OffsetDateTime,
    /// When it was archived, if it was: it is no longer offered.
    pub archived_at: Option<OffsetDateTime>,
    /// Whom it is for.
    pub audience: Audience,
}

/// The name of an event type that is offered, and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventTypeName {
    /// Its name.
    pub name: EventType,
    /// What it means.
    pub description: String,
}

/// What an event type is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewEntry<'a> {
    /// What it means.
    pub description: &'a str,
    /// A payload, JSON.
    pub example: &'a str,
    /// What its payloads look like: a JSON Schema.
    pub schema: Option<&'a str>,
    /// What the schema is for.
    pub schema_mode: SchemaMode,
}

impl Store {
    /// The catalogue of an audience by name, at most [`EVENT_TYPES`] entries, archived ones too.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn event_types(&self, audience: Audience) -> Result<Vec<CatalogueEntry>, StoreError> {
        const LIST: &str = "-- event_types_list
            select name, description, example, schema, schema_mode, created_at, archived_at,
                   audience
            from event_types
            where audience = $1 order by name limit $2";
        self.bounded(async {
            let client = self.client().await?;
            let found = rows(&client, LIST, &[&audience.as_str(), &EVENT_TYPES]).await?;
            found.iter().map(entry).collect()
        })
        .await
    }

    /// The names of what is offered to an audience, in their order, at most [`EVENT_TYPES`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn event_type_names(
        &self,
        audience: Audience,
    ) -> Result<Vec<EventTypeName>, StoreError> {
        const LIST: &str = "-- event_type_names
            select name, description from event_types
            where audience = $1 and archived_at is null order by name limit $2";
        self.bounded(async {
            let client = self.client().await?;
            let found = rows(&client, LIST, &[&audience.as_str(), &EVENT_TYPES]).await?;
            let read = |row: &Row| {
                Ok(EventTypeName {
                    name: parsed(row, "name")?,
                    description: get(row, "description")?,
                })
            };
            found.iter().map(read).collect()
        })
        .await
    }

    /// The entry of this name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    pub async fn event_type(&self, name: &EventType) -> Result<CatalogueEntry, StoreError> {
        const GET: &str = "-- event_type_get
            select name, description, example, schema, schema_mode, created_at, archived_at,
                   audience
            from event_types
            where name = $1";
        self.bounded(async {
            let client = self.client().await?;
            let found = row(&client, GET, &[&name.as_str()]).await?;
            entry(&found.ok_or(StoreError::NotFound)?)
        })
        .await
    }

    /// Adds an entry for tenants, or changes the one of this name and offers it again if it was
    /// archived.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the entry of this name is for the platform,
    /// [`StoreError::Broken`] for a mode other than off without a schema.
    pub async fn put_event_type(
        &self,
        name: &EventType,
        entry: NewEntry<'_>,
    ) -> Result<CatalogueEntry, StoreError> {
        const PUT: &str = "-- event_type_put
            insert into event_types (name, description, example, schema, schema_mode)
            values ($1, $2, $3, $4, $5)
            on conflict (name) do update set
                description = excluded.description, example = excluded.example,
                schema = excluded.schema, schema_mode = excluded.schema_mode, archived_at = null
            where event_types.audience = 'tenants'
            returning name, description, example, schema, schema_mode, created_at, archived_at,
                      audience";
        let NewEntry {
            description,
            example,
            schema,
            schema_mode,
        } = entry;
        let (name, mode) = (name.as_str(), schema_mode.as_str());
        self.bounded(async {
            let client = self.client().await?;
            let put = row(
                &client,
                PUT,
                &[&name, &description, &example, &schema, &mode],
            )
            .await?;
            self::entry(&put.ok_or(StoreError::Conflict)?)
        })
        .await
    }

    /// Archives an entry for tenants; subscriptions to it go on.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    pub async fn archive_event_type(&self, name: &EventType) -> Result<(), StoreError> {
        const ARCHIVE: &str = "-- event_type_archive
            update event_types set archived_at = coalesce(archived_at, now())
            where name = $1 and audience = 'tenants'";
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
        schema: get(row, "schema")?,
        schema_mode: named(row, "schema_mode", SchemaMode::from_name)?,
        created_at: get(row, "created_at")?,
        archived_at: get(row, "archived_at")?,
        audience: named(row, "audience", Audience::from_name)?,
    })
}
