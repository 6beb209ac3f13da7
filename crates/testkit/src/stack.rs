//! A database and a virtual host for one test.

use std::fmt;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use sandbox::Access;
use tokio::time::timeout;
use tokio_postgres::NoTls;
use tokio_util::task::AbortOnDropHandle;
use url::Url;
use uuid::Uuid;

use crate::broker_admin::BrokerAdmin;
use crate::eventually::eventually;
use crate::shared::shared;

const NOTED_LIMIT: Duration = Duration::from_secs(20);
/// How much of a file is looked at together.
const READ_BYTES: u64 = 4 * 1024 * 1024;
const REMOVAL_LIMIT: Duration = Duration::from_secs(15);

/// An empty database and an empty virtual host. Dropping it removes both, whoever is still
/// connected, and waits for that: tests that come and go must not pile up queues.
pub struct Stack {
    /// Of the server's own database.
    postgres_url: String,
    management_url: String,
    amqp_url: String,
    /// Of the servers.
    directory: PathBuf,
    name: String,
    admin: BrokerAdmin,
}

impl Stack {
    /// On the servers that all tests of this run share. Don't stop or kill those: a test that
    /// needs such faults starts its own with [`server_options`](crate::server_options) and uses
    /// [`Stack::on`].
    ///
    /// # Panics
    /// When the servers can't be started or reached.
    pub async fn new() -> Self {
        Self::on(&shared().await).await
    }

    /// On these servers.
    ///
    /// # Panics
    /// When the servers can't be reached.
    pub async fn on(servers: &Access) -> Self {
        let name = format!("test_{}", Uuid::new_v4().simple());
        let password = Uuid::new_v4().simple().to_string();
        let stack = Self {
            admin: BrokerAdmin::new(&servers.management_url, &name),
            amqp_url: amqp_url(&servers.amqp_url, &name, &password),
            postgres_url: servers.postgres_url.clone(),
            management_url: servers.management_url.clone(),
            directory: servers.directory.clone(),
            name,
        };
        let database = format!("CREATE DATABASE {}", stack.name);
        let (made, ()) = tokio::join!(
            execute(&stack.postgres_url, &database),
            stack.admin.create_vhost(&password)
        );
        made.unwrap_or_else(|error| panic!("{database}: {error:?}"));
        stack
    }

    /// `postgres://…` of the database.
    #[must_use]
    pub fn postgres_url(&self) -> String {
        let mut url = parse(&self.postgres_url);
        url.set_path(&self.name);
        url.to_string()
    }

    /// `amqp://…` of the virtual host, for a user that may do anything there and nothing elsewhere.
    #[must_use]
    pub fn amqp_url(&self) -> String {
        self.amqp_url.clone()
    }

    /// `http://…`: the broker's management API, for a user who may do anything.
    #[must_use]
    pub fn management_url(&self) -> &str {
        &self.management_url
    }

    /// The name of the virtual host, of its user and of the database.
    #[must_use]
    pub fn vhost(&self) -> &str {
        &self.name
    }

    /// The virtual host's administrator.
    #[must_use]
    pub fn broker_admin(&self) -> &BrokerAdmin {
        &self.admin
    }

    /// Waits until the broker has noted every quorum queue on disk, which it does a few seconds
    /// after the declaration: RabbitMQ 3.10 keeps the names of quorum queues in a dets table, whose
    /// writes are delayed. A broker that is killed earlier starts such a queue anew: empty, whatever
    /// it had confirmed, and without a leader. Call this before killing a broker.
    ///
    /// # Panics
    /// When it takes longer than 20 s.
    pub async fn queues_on_disk(&self) {
        let broker = self
            .directory
            .join("broker/mnesia/posthaste@localhost/quorum");
        let names = broker.join("posthaste@localhost/names.dets");
        eventually(
            NOTED_LIMIT,
            "the quorum queues' names are on disk",
            async || {
                let noted = std::fs::read(&names).unwrap_or_default();
                let missing = self.admin.quorum_queues().await.into_iter().find(|queue| {
                    let name = format!("{}_{queue}", self.name);
                    !noted
                        .windows(name.len())
                        .any(|window| window == name.as_bytes())
                });
                missing.map_or(Ok(()), Err)
            },
        )
        .await;
    }

    /// Which of these texts stand anywhere in the broker's files, as they are.
    ///
    /// # Panics
    /// When the files can't be read.
    #[must_use]
    pub fn on_brokers_disk<'t>(&self, texts: &[&'t str]) -> Vec<&'t str> {
        let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
        let mut found = Vec::new();
        for file in files(&self.directory.join("broker")) {
            // What the broker has removed meanwhile holds nothing any more.
            let Ok(mut file) = fs::File::open(file) else {
                continue;
            };
            let mut held = Vec::new();
            // Each piece begins with the end of the one before: a text may lie across the two.
            while file
                .by_ref()
                .take(READ_BYTES)
                .read_to_end(&mut held)
                .is_ok_and(|n| n > 0)
            {
                let has = |text: &&str| memmem(&held, text.as_bytes());
                found.extend(texts.iter().copied().filter(has));
                held.drain(..held.len().saturating_sub(longest));
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Gives every delivery on record up, as if its receiver had refused it to the end, with its
    /// dead letter: many of them at small cost.
    ///
    /// # Panics
    /// When the database is not a migrated one.
    pub async fn give_up_deliveries(&self) {
        self.execute(
            "with dead as (
                 update deliveries
                 set state = 'dead', dead_reason = 'exhausted', next_attempt_at = null,
                     rank = attempt * 4 + 3
                 where state <> 'dead'
                 returning *
             )
             insert into dead_letters (id, kind, reason, detail, origin, tenant_id, event_id,
                                       delivery_id, endpoint_id, event_type, event_day,
                                       content_type, message_kind, body, headers)
             select gen_random_uuid(), 'delivery', 'exhausted', '', 'posthaste.dispatch.retry.00',
                    tenant_id, event_id, id, endpoint_id, event_type, day,
                    'application/x-protobuf', 'posthaste.v1.Batch+Dispatch', '', '{}'
             from dead",
        )
        .await;
    }

    /// Makes the virtual host and its user again, at a broker that has lost its disk.
    ///
    /// # Panics
    /// When the broker can't be reached.
    pub async fn make_vhost_again(&self) {
        let url = parse(&self.amqp_url);
        let password = url.password().expect("the stack's URL has a password");
        self.admin.create_vhost(password).await;
    }

    /// The text that a query answers, one column of one row, on a connection of its own.
    ///
    /// # Errors
    /// When it fails, or Postgres can't be reached.
    pub async fn ask(&self, query: &str) -> Result<String, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::connect(&self.postgres_url(), NoTls).await?;
        let connection = AbortOnDropHandle::new(tokio::spawn(connection));
        let row = client.query_one(query, &[]).await?;
        drop(connection);
        row.try_get(0)
    }

    /// Runs statements on the database, on a connection of its own.
    ///
    /// # Panics
    /// When they fail.
    pub async fn execute(&self, statements: &str) {
        execute(&self.postgres_url(), statements)
            .await
            .unwrap_or_else(|error| panic!("{statements}: {error:?}"));
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let drop_database = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let postgres_url = self.postgres_url.clone();
        let admin = self.admin.clone();
        // On a thread with a runtime of its own: the test's may be the one that runs this drop. A
        // failure is let pass: the servers may be gone by the test's own doing, and else they go
        // with all that is left on them.
        let removal = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let Ok(runtime) = runtime else { return };
            let _left_for_the_servers_end = runtime.block_on(async {
                let both = async {
                    tokio::join!(execute(&postgres_url, &drop_database), admin.delete_vhost())
                };
                timeout(REMOVAL_LIMIT, both).await
            });
        });
        let _panicked = removal.join();
    }
}

async fn execute(url: &str, statements: &str) -> Result<(), tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::pin!(connection);
    let work = client.batch_execute(statements);
    tokio::select! {
        done = work => done,
        // Only when the server closes it: the statement's own error says as much.
        closed = &mut connection => closed,
    }
}

fn amqp_url(server: &str, name: &str, password: &str) -> String {
    let mut url = parse(server);
    url.set_username(name)
        .and_then(|()| url.set_password(Some(password)))
        .expect("an AMQP URL has a host");
    url.set_path(name);
    url.to_string()
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let below = |entry: fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => files(&entry.path()),
        Ok(kind) if kind.is_file() => vec![entry.path()],
        Ok(_) | Err(_) => Vec::new(),
    };
    entries.flat_map(below).collect()
}

/// Whether a text stands in these bytes; its first byte is looked for first, which is quick.
fn memmem(bytes: &[u8], text: &[u8]) -> bool {
    let Some(first) = text.first() else {
        return false;
    };
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        if rest[at..].starts_with(text) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

fn parse(url: &str) -> Url {
    Url::parse(url).expect("the sandbox's URLs are URLs")
}
