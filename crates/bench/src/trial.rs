//! What one measurement runs on.

use sandbox::Servers;
use testkit::{Cluster, Stack};

use crate::platform::{Platform, http};
use crate::program;
use crate::receiver::Receiver;

/// A Posthaste with nothing in it, every role a process of its own, and a receiver.
pub(crate) struct Trial {
    pub(crate) platform: Platform,
    pub(crate) receiver: Receiver,
    // The processes end before the database and the virtual host that they are connected to go.
    pub(crate) cluster: Cluster,
    pub(crate) stack: Stack,
}

impl Trial {
    /// Starts all of it on these servers.
    pub(crate) async fn on(servers: &Servers) -> anyhow::Result<Self> {
        let stack = Stack::on(servers.access()).await;
        let cluster = Cluster::start(&program()?, &stack).await;
        let http = http()?;
        Ok(Self {
            receiver: Receiver::start(http.clone()).await?,
            platform: Platform::new(&cluster, http),
            cluster,
            stack,
        })
    }
}
