//! What the platform sets for all its endpoints.

use domain::retry::RetryPolicy;
use time::OffsetDateTime;
use tokio_postgres::Row;

use crate::endpoints::Precondition;
use crate::endpoints::row::{retry, retry_column};
use crate::error::StoreError;
use crate::pool::Store;
use crate::sql::{get, row};

/// What the platform sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformSettings {
    /// The policy of endpoints without their own, to the second; none for the one built in.
    pub retry: Option<RetryPolicy>,
    /// Grows with every change; for `If-Match`.
    pub version: i64,
    /// When it was last changed.
    pub updated_at: OffsetDateTime,
}

impl Store {
    /// What the platform has set.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn platform_settings(&self) -> Result<PlatformSettings, StoreError> {
        const GET: &str = "-- platform_settings_get
            select retry_waits_s, version, updated_at from platform_settings";
        self.bounded(async {
            let client = self.client().await?;
            let found = row(&client, GET, &[]).await?;
            settings(&found.ok_or(StoreError::NotFound)?)
        })
        .await
    }

    /// Sets the policy of endpoints without their own; with none, the one built in. Dispatchers
    /// hear of it as of a change to an endpoint.
    ///
    /// # Errors
    /// [`StoreError::VersionMismatch`] when the settings are of another version.
    pub async fn set_default_retry(
        &self,
        precondition: Precondition,
        policy: Option<&RetryPolicy>,
    ) -> Result<PlatformSettings, StoreError> {
        const SET: &str = "-- platform_settings_set
            update platform_settings
            set retry_waits_s = $1, version = version + 1, updated_at = now()
            where version = coalesce($2, version)
            returning retry_waits_s, version, updated_at";
        let (waits, version) = (retry_column(policy), precondition.column());
        self.bounded(async {
            let client = self.client().await?;
            let set = row(&client, SET, &[&waits, &version]).await?;
            settings(&set.ok_or(StoreError::VersionMismatch)?)
        })
        .await
    }
}

fn settings(row: &Row) -> Result<PlatformSettings, StoreError> {
    Ok(PlatformSettings {
        retry: retry(row)?,
        version: get(row, "version")?,
        updated_at: get(row, "updated_at")?,
    })
}
