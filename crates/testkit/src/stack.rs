//! A database and a virtual host for one test.

use std::thread;
use std::time::Duration;

use sandbox::Access;
use tokio::time::timeout;
use tokio_postgres::NoTls;
use url::Url;
use uuid::Uuid;

use crate::broker_admin::BrokerAdmin;
use crate::shared::shared;

const REMOVAL_LIMIT: Duration = Duration::from_secs(15);

/// An empty database and an empty virtual host. Dropping it removes both, whoever is still
/// connected, and waits for that: tests that come and go must not pile up queues.
#[derive(Debug)]
pub struct Stack {
    access: Access,
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
        let stack = Self {
            admin: BrokerAdmin::new(&servers.management_url, &name),
            access: servers.clone(),
            name,
        };
        let database = format!("CREATE DATABASE {}", stack.name);
        let (made, ()) = tokio::join!(
            execute(&stack.access.postgres_url, &database),
            stack.admin.create_vhost()
        );
        made.unwrap_or_else(|error| panic!("{database}: {error:?}"));
        stack
    }

    /// `postgres://…` of the database.
    #[must_use]
    pub fn postgres_url(&self) -> String {
        with_path(&self.access.postgres_url, &self.name)
    }

    /// `amqp://…` of the virtual host.
    #[must_use]
    pub fn amqp_url(&self) -> String {
        with_path(&self.access.amqp_url, &self.name)
    }

    /// The name of the virtual host and of the database.
    #[must_use]
    pub fn vhost(&self) -> &str {
        &self.name
    }

    /// The virtual host's administrator.
    #[must_use]
    pub fn broker_admin(&self) -> &BrokerAdmin {
        &self.admin
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

impl Drop for Stack {
    fn drop(&mut self) {
        let drop_database = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let postgres_url = self.access.postgres_url.clone();
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

fn with_path(url: &str, path: &str) -> String {
    let mut url = Url::parse(url).expect("the sandbox's URLs are URLs");
    url.set_path(path);
    url.to_string()
}
