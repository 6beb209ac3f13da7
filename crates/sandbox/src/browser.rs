//! A browser and its driver from Debian's packages, for tests.

use std::path::PathBuf;

use crate::error::StartError;
use crate::options::{Install, Progress};
use crate::packages::{Packages, found_or_installed, on_path};

/// Where the programs of a browser are.
#[derive(Debug, Clone)]
pub struct Browser {
    /// Chromium.
    pub browser: PathBuf,
    /// What drives it, by the WebDriver protocol.
    pub driver: PathBuf,
}

impl Browser {
    /// Finds the programs, after an installation if need be.
    ///
    /// # Errors
    /// [`StartError::Missing`] when they are not there and may not be installed,
    /// [`StartError::Install`] when that failed.
    pub async fn find(install: Install, progress: &Progress) -> Result<Self, StartError> {
        found_or_installed(Self::look, install, progress).await
    }

    fn look() -> Result<Self, StartError> {
        let program = |name| on_path(name).ok_or(Packages::BROWSER.missing("Chromium"));
        Ok(Self {
            browser: program("chromium")?,
            driver: program("chromedriver")?,
        })
    }
}
