//! What the roles stand on: a broker and a record, private ones or somebody else's.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use sandbox::{Options, Place, Progress, Servers};
use secrecy::{ExposeSecret, SecretString};
use store::api_keys::{NewApiKey, Reach, Scope};
use store::{Keyring, Store};

use crate::connections::{BrokerArgs, ShardsArg, StoreArgs};

/// Where the broker and the record are, and who runs them.
pub(crate) struct Ground {
    pub(crate) broker: BrokerArgs,
    pub(crate) store: StoreArgs,
    servers: Option<Servers>,
    first_key: FirstKey,
}

/// The API key that whoever starts private servers gets, since nobody else could make one.
enum FirstKey {
    /// Made once, and kept in this file.
    Kept(PathBuf),
    /// Made, and gone with the data.
    Made,
    /// None: whoever runs the database makes keys.
    None,
}

impl Ground {
    /// Private servers at `place`, with the keys that are kept there.
    pub(crate) async fn private(
        place: Place,
        shards: ShardsArg,
        tell: Arc<dyn Fn(String) + Send + Sync>,
    ) -> anyhow::Result<Self> {
        let options = match &place {
            Place::Kept(directory) => Options::persistent(directory.clone()),
            Place::Ephemeral => Options::ephemeral(),
        };
        let progress = Progress::new(move |step| tell(step.to_string()));
        let servers = Servers::start(Options {
            progress,
            ..options
        })
        .await?;
        let generate = async || Ok(Keyring::generate("1")?);
        let (secret_keys, first_key) = match &place {
            Place::Kept(directory) => {
                let keys = kept(&directory.join("secret-keys"), generate).await?;
                (keys, FirstKey::Kept(directory.join("api-key")))
            }
            Place::Ephemeral => (generate().await?, FirstKey::Made),
        };
        let url = |url: &str| SecretString::from(url);
        Ok(Self {
            broker: BrokerArgs {
                amqp_url: url(servers.amqp_url()),
                shards,
            },
            store: StoreArgs {
                postgres_url: url(servers.postgres_url()),
                secret_keys,
            },
            servers: Some(servers),
            first_key,
        })
    }

    /// Servers that somebody else runs.
    pub(crate) fn given(broker: BrokerArgs, store: StoreArgs) -> Self {
        Self {
            broker,
            store,
            servers: None,
            first_key: FirstKey::None,
        }
    }

    /// The API key for whoever started private servers.
    pub(crate) async fn first_key(&self, store: &Store) -> anyhow::Result<Option<SecretString>> {
        Ok(match &self.first_key {
            FirstKey::Kept(file) => Some(kept(file, async || key(store).await).await?),
            FirstKey::Made => Some(key(store).await?),
            FirstKey::None => None,
        })
    }

    /// Stops the servers, if they are ours.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        if let Some(servers) = self.servers {
            servers.stop().await?;
        }
        Ok(())
    }
}

/// A secret in a file that only its owner reads, made when there is none.
async fn kept(
    file: &Path,
    make: impl AsyncFnOnce() -> anyhow::Result<SecretString>,
) -> anyhow::Result<SecretString> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let said = || format!("the secret in {}", file.display());
    if file.exists() {
        let kept = std::fs::read_to_string(file).with_context(said)?;
        return Ok(SecretString::from(kept.trim()));
    }
    let made = make().await?;
    let mut options = std::fs::File::options();
    let opened = options.write(true).create_new(true).mode(0o600).open(file);
    opened
        .and_then(|mut file| file.write_all(made.expose_secret().as_bytes()))
        .with_context(said)?;
    Ok(made)
}

/// A new key with every scope.
async fn key(store: &Store) -> anyhow::Result<SecretString> {
    let new = NewApiKey {
        name: "posthaste up".to_owned(),
        reach: Reach::Platform,
        scopes: Scope::ALL.to_vec(),
    };
    let (_, text) = store
        .create_api_key(&new)
        .await
        .context("the API key was not made")?;
    Ok(SecretString::from(text.expose()))
}
