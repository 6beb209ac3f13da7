//! What customers see of the platform. No part of the directory: nobody needs it to decide.

use time::OffsetDateTime;
use tokio_postgres::Row;

use crate::endpoints::Precondition;
use crate::error::StoreError;
use crate::pool::Store;
use crate::sql::{get, row};

/// What customers see of the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branding {
    /// What it sets in words.
    pub look: Look,
    /// The SHA-256 of its logo, where it has one.
    pub logo: Option<Vec<u8>>,
    /// Grows with every change; for `If-Match`.
    pub version: i64,
    /// When it was last changed.
    pub updated_at: OffsetDateTime,
}

/// What the platform sets in words. The caller has judged it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// What it is called.
    pub name: Option<String>,
    /// `#rrggbb`.
    pub colour: Option<String>,
    /// Whom to ask: an https or a mailto URL.
    pub support: Option<String>,
}

impl Store {
    /// What customers see of the platform.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn branding(&self) -> Result<Branding, StoreError> {
        const GET: &str = "-- branding_get
            select name, colour, support, logo_sha256, version, updated_at from branding";
        self.bounded(async {
            let client = self.client().await?;
            let found = row(&client, GET, &[]).await?;
            branding(&found.ok_or(StoreError::NotFound)?)
        })
        .await
    }

    /// Sets all but the logo.
    ///
    /// # Errors
    /// [`StoreError::VersionMismatch`] when it is of another version.
    pub async fn set_look(
        &self,
        precondition: Precondition,
        look: &Look,
    ) -> Result<Branding, StoreError> {
        const SET: &str = "-- branding_set
            update branding
            set name = $1, colour = $2, support = $3, version = version + 1, updated_at = now()
            where version = coalesce($4, version)
            returning name, colour, support, logo_sha256, version, updated_at";
        let version = precondition.column();
        self.bounded(async {
            let client = self.client().await?;
            let given: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
                [&look.name, &look.colour, &look.support, &version];
            let set = row(&client, SET, &given).await?;
            branding(&set.ok_or(StoreError::VersionMismatch)?)
        })
        .await
    }

    /// Sets the logo, a PNG of 64 KiB at most, or removes it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn set_logo(&self, logo: Option<&[u8]>) -> Result<Branding, StoreError> {
        const SET: &str = "-- branding_set_logo
            update branding set logo = $1, version = version + 1, updated_at = now()
            returning name, colour, support, logo_sha256, version, updated_at";
        self.bounded(async {
            let client = self.client().await?;
            let set = row(&client, SET, &[&logo]).await?;
            branding(&set.ok_or(StoreError::NotFound)?)
        })
        .await
    }

    /// The logo, a PNG.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    pub async fn logo(&self) -> Result<Vec<u8>, StoreError> {
        const GET: &str = "-- branding_logo
            select logo from branding where logo is not null";
        self.bounded(async {
            let client = self.client().await?;
            let found = row(&client, GET, &[]).await?;
            get(&found.ok_or(StoreError::NotFound)?, "logo")
        })
        .await
    }
}

fn branding(row: &Row) -> Result<Branding, StoreError> {
    Ok(Branding {
        look: Look {
            name: get(row, "name")?,
            colour: get(row, "colour")?,
            support: get(row, "support")?,
        },
        logo: get(row, "logo_sha256")?,
        version: get(row, "version")?,
        updated_at: get(row, "updated_at")?,
    })
}
