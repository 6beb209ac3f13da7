//! Prometheus from Debian's package, for tests.

use std::path::PathBuf;

use crate::error::StartError;
use crate::options::{Install, Progress};
use crate::packages::{Packages, found_or_installed, on_path};

/// Where the program is.
#[derive(Debug, Clone)]
pub struct Prometheus {
    /// The server.
    pub server: PathBuf,
}

impl Prometheus {
    /// Finds the program, after an installation if need be.
    ///
    /// # Errors
    /// [`StartError::Missing`] when it is not there and may not be installed,
    /// [`StartError::Install`] when that failed.
    pub async fn find(install: Install, progress: &Progress) -> Result<Self, StartError> {
        found_or_installed(Self::look, install, progress).await
    }

    fn look() -> Result<Self, StartError> {
        let server = on_path("prometheus").ok_or(Packages::PROMETHEUS.missing("Prometheus"))?;
        Ok(Self { server })
    }
}
