//! Faults, carried out: each is seen to have happened before it is undone.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use sandbox::Server;
use testkit::eventually;
use tokio::net::TcpStream;

use crate::fault::Fault;
use crate::fleet::EACH;
use crate::journal::now_us;
use crate::oracle::Downtime;
use crate::trial::Trial;
use crate::worker::Order;

/// How long what was done may take to be seen.
const SEEN: Duration = Duration::from_secs(60);

/// Where ingest publishes accepted events to, with one shard.
const EVENTS: &str = "posthaste.fanout.00";

/// How the retry tiers' queues begin.
const TIERS: &str = "posthaste.retry.";

/// The table that fan-out writes to.
const LOCKED: &str = "events";

/// A fault that has happened and is undone.
#[derive(Debug, Clone, Copy)]
pub struct Happened {
    /// What.
    pub fault: Fault,
    /// When whatever was away came back, or was about to be started again, in microseconds since
    /// 1970: recovery is counted from here.
    pub returned_us: u64,
    /// How long processes of ours then took to be ready; nothing where none was away.
    pub ready_after: Duration,
    /// How long a process of ours took to end that was asked to.
    pub stopped_after: Duration,
    /// When no event can have been stored.
    pub downtime: Option<Downtime>,
    /// Deliveries that waited in the retry tiers when the broker went away.
    pub parked: Option<u64>,
}

impl Trial {
    /// Does it, sees that it happened, and undoes it.
    ///
    /// # Errors
    /// When it did not happen, or can't be undone.
    ///
    /// # Panics
    /// When a process of ours doesn't recover at all.
    pub async fn inject(&mut self, fault: Fault) -> anyhow::Result<Happened> {
        let mut happened = Happened {
            fault,
            returned_us: now_us(),
            ready_after: Duration::ZERO,
            stopped_after: Duration::ZERO,
            downtime: None,
            parked: None,
        };
        match fault {
            Fault::Kill(role, number) => {
                self.fleet.kill(role, &[number]).await?;
                happened.returned_us = now_us();
                happened.ready_after = self.fleet.start_again(role, &[number]).await;
            }
            Fault::KillAll(role) => {
                let all: Vec<usize> = (0..EACH).collect();
                self.fleet.kill(role, &all).await?;
                happened.returned_us = now_us();
                happened.ready_after = self.fleet.start_again(role, &all).await;
            }
            Fault::Roll(role) => {
                for number in 0..EACH {
                    let stopped = self.fleet.terminate(role, number).await?;
                    happened.stopped_after = happened.stopped_after.max(stopped);
                    let took = self.fleet.start_again(role, &[number]).await;
                    happened.ready_after = happened.ready_after.max(took);
                }
            }
            Fault::Pause(role, number) => {
                self.fleet
                    .pause(role, number, self.settings.standing)
                    .await?;
            }
            Fault::KillBroker | Fault::RestartBroker => {
                // Those declared lately would be lost with it.
                self.stack.queues_on_disk().await;
                happened.parked = Some(self.parked().await);
                let broker = self.servers.broker();
                let down = match fault {
                    Fault::KillBroker => broker.kill().await,
                    _ => broker.stop().await,
                };
                down?;
                let address = self.amqp_address()?;
                let from_us = gone(broker, address).await?;
                let to_us = now_us();
                broker.start().await?;
                happened.downtime = Some(Downtime { from_us, to_us });
                happened.returned_us = now_us();
                happened.ready_after = self.ready_after().await;
            }
            Fault::KillPostgres | Fault::StopPostgres => {
                let postgres = self.servers.postgres();
                let down = match fault {
                    Fault::KillPostgres => postgres.kill().await,
                    _ => postgres.stop().await,
                };
                down?;
                gone(postgres, self.postgres_address()?).await?;
                postgres.start().await?;
                happened.returned_us = now_us();
                happened.ready_after = self.ready_after().await;
            }
            Fault::KillBackends => {
                let killed = self.stack.ask(KILL_BACKENDS).await?;
                ensure!(killed != "0", "there were no backends to kill");
                happened.returned_us = now_us();
            }
            Fault::LockTable => {
                self.lock_table().await?;
                happened.returned_us = now_us();
            }
            Fault::DiskAlarm => {
                self.alarm("disk_free_alarm", DISK_FULL, DISK_FREE).await?;
                happened.returned_us = now_us();
            }
            Fault::MemoryAlarm => {
                self.alarm("mem_alarm", MEMORY_FULL, MEMORY_FREE).await?;
                happened.returned_us = now_us();
            }
            Fault::CutConnections => {
                let admin = self.stack.broker_admin();
                eventually(SEEN, "connections to cut", async || {
                    admin.connections().await > 0
                })
                .await;
                admin.close_connections().await;
                happened.returned_us = now_us();
                happened.ready_after = self.ready_after().await;
            }
            Fault::DeleteQueue => {
                self.delete_queue().await?;
                happened.returned_us = now_us();
                self.recreated().await?;
            }
        }
        Ok(happened)
    }

    /// Waits until every process of ours says that it is ready, and says how long that took.
    async fn ready_after(&self) -> Duration {
        let began = tokio::time::Instant::now();
        self.fleet.all_ready().await;
        began.elapsed()
    }

    /// How many deliveries wait in the retry tiers, as the broker counted last.
    async fn parked(&self) -> u64 {
        let queues = self.stack.broker_admin().queues().await;
        let tiers = queues.iter().filter(|one| one.queue.starts_with(TIERS));
        tiers.map(|one| one.ready + one.unacked).sum()
    }

    async fn lock_table(&self) -> anyhow::Result<()> {
        let seconds = self.settings.standing.as_secs_f64();
        let lock = format!(
            "begin; lock table {LOCKED} in access exclusive mode; select pg_sleep({seconds}); commit"
        );
        let is_locked = format!(
            "select count(*)::text from pg_locks where granted and mode = 'AccessExclusiveLock' \
             and relation = '{LOCKED}'::regclass"
        );
        let seen = eventually(SEEN, "the table to be locked", async || {
            let locks = self.stack.ask(&is_locked).await;
            locks.is_ok_and(|locks| locks != "0")
        });
        tokio::join!(self.stack.execute(&lock), seen);
        Ok(())
    }

    /// Raises an alarm, sees that the broker lists it and that events are refused, and clears it.
    async fn alarm(
        &self,
        name: &'static str,
        raise: &[&str],
        clear: &[&str],
    ) -> anyhow::Result<()> {
        let admin = self.stack.broker_admin();
        self.servers.rabbitmqctl(raise).await?;
        eventually(SEEN, "the alarm to be listed", async || {
            admin.alarms().await.contains(&name)
        })
        .await;
        let before = self.publisher.progress().refused;
        eventually(SEEN, "events to be refused", async || {
            self.publisher.progress().refused > before
        })
        .await;
        self.servers.rabbitmqctl(clear).await?;
        eventually(SEEN, "the alarm to be cleared", async || {
            !admin.alarms().await.contains(&name)
        })
        .await;
        Ok(())
    }

    /// Deletes the queue of accepted events while it is empty, and lets the publisher go on.
    async fn delete_queue(&mut self) -> anyhow::Result<()> {
        self.publisher.order(Order::Hold).await?;
        let publisher = &self.publisher;
        eventually(SEEN, "the publisher to hold", async || {
            let progress = publisher.progress();
            progress.holds && progress.under_way == 0
        })
        .await;
        self.empty(SEEN, |queue| queue == EVENTS).await?;
        self.stack.broker_admin().delete_queue(EVENTS).await;
        self.publisher.order(Order::Go).await
    }

    /// Waits until the queue of accepted events is there again.
    async fn recreated(&self) -> anyhow::Result<()> {
        let admin = self.stack.broker_admin();
        eventually(SEEN, "the queue to be declared again", async || {
            admin.queue(EVENTS).await.is_some()
        })
        .await;
        self.fleet.all_ready().await;
        Ok(())
    }

    fn amqp_address(&self) -> anyhow::Result<SocketAddr> {
        address(self.servers.amqp_url())
    }

    fn postgres_address(&self) -> anyhow::Result<SocketAddr> {
        address(self.servers.postgres_url())
    }
}

const KILL_BACKENDS: &str = "select count(pg_terminate_backend(pid))::text from pg_stat_activity \
     where datname = current_database() and pid <> pg_backend_pid()";

/// More than any disk has; and what the sandbox sets.
const DISK_FULL: &[&str] = &["set_disk_free_limit", "900000GB"];
const DISK_FREE: &[&str] = &["set_disk_free_limit", "64MB"];
const MEMORY_FULL: &[&str] = &["set_vm_memory_high_watermark", "0"];
const MEMORY_FREE: &[&str] = &["set_vm_memory_high_watermark", "absolute", "1GB"];

/// Sees that a server is gone: no process, and nobody at its port. Says when.
async fn gone(server: Server<'_>, address: SocketAddr) -> anyhow::Result<u64> {
    ensure!(server.process().is_none(), "the server still runs");
    // The threads of a process that was killed may close its port a moment after it.
    eventually(SEEN, "the server's port to be refused", async || {
        TcpStream::connect(address).await.is_err()
    })
    .await;
    Ok(now_us())
}

fn address(url: &str) -> anyhow::Result<SocketAddr> {
    let uri: http::Uri = url.parse()?;
    let authority = uri.authority().context("a server's URL has a host")?;
    let port = authority.port_u16().context("a server's URL has a port")?;
    Ok(SocketAddr::from(([127, 0, 0, 1], port)))
}
