//! The real program: two processes of each role, at addresses that they keep when they are started
//! again.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use sandbox::Signal;
use testkit::cluster::Role;
use testkit::{Cluster, Instance, Stack, eventually, free_port};

/// How long what was asked of a process may take to be seen.
const SEEN: Duration = Duration::from_secs(20);

/// Processes of each role.
pub const EACH: usize = 2;

/// All of them. Dropping it kills them.
#[derive(Debug)]
pub struct Fleet {
    cluster: Cluster,
    slots: Vec<Slot>,
}

/// One process, or its place while it is gone.
#[derive(Debug)]
struct Slot {
    role: Role,
    number: usize,
    port: u16,
    instance: Option<Instance>,
}

impl Slot {
    fn instance(&self) -> anyhow::Result<&Instance> {
        let name = self.role.name();
        let instance = self.instance.as_ref();
        instance.with_context(|| format!("{name} {} doesn't run", self.number))
    }
}

impl Fleet {
    /// Starts the program on a migrated database, with logs in `logs`; returns when all are ready.
    ///
    /// # Panics
    /// When the program fails, or a role isn't ready in time.
    pub async fn start(program: &Path, stack: &Stack, logs: &Path) -> Self {
        let mut cluster = Cluster::prepare(program, stack).await;
        cluster.keep_logs(logs);
        // A line for each attempt would be most of what is written.
        cluster.environment("POSTHASTE_LOG", "warn");
        let places = Role::ALL
            .into_iter()
            .flat_map(|role| (0..EACH).map(move |number| (role, number)));
        let slots = places.map(|(role, number)| Slot {
            role,
            number,
            // The first ones are where the cluster's own calls go.
            port: if number == 0 {
                cluster.port(role)
            } else {
                free_port()
            },
            instance: None,
        });
        let slots = slots.collect();
        let mut fleet = Self { cluster, slots };
        for position in 0..fleet.slots.len() {
            fleet.launch(position);
        }
        fleet.all_ready().await;
        fleet
    }

    /// What talks to the program as an operator does.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Where each process of ingest listens, whether it runs or not.
    #[must_use]
    pub fn ingest_urls(&self) -> Vec<String> {
        let ingests = self.slots.iter().filter(|slot| slot.role == Role::Ingest);
        ingests
            .map(|slot| format!("http://127.0.0.1:{}", slot.port))
            .collect()
    }

    /// Kills these processes of a role with SIGKILL, all at once; returns when they are gone.
    ///
    /// # Errors
    /// When one still runs.
    pub async fn kill(&mut self, role: Role, numbers: &[usize]) -> anyhow::Result<()> {
        for number in numbers {
            let slot = self.slot(role, *number);
            let instance = slot.instance.take();
            let instance = instance.with_context(|| format!("{} runs", role.name()))?;
            let process = instance.process();
            instance.kill().await;
            ensure!(!process.is_alive(), "{} still runs", role.name());
        }
        Ok(())
    }

    /// Starts these processes of a role again, and says how long they took to be ready.
    pub async fn start_again(&mut self, role: Role, numbers: &[usize]) -> Duration {
        let began = Instant::now();
        let positions: Vec<usize> = (0..self.slots.len())
            .filter(|at| self.slots[*at].role == role && numbers.contains(&self.slots[*at].number))
            .collect();
        for position in &positions {
            self.launch(*position);
        }
        for position in positions {
            if let Some(instance) = &self.slots[position].instance {
                instance.ready().await;
            }
        }
        began.elapsed()
    }

    /// Asks a process to end with SIGTERM, and says how long it took.
    ///
    /// # Errors
    /// When it doesn't end in good order.
    pub async fn terminate(&mut self, role: Role, number: usize) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let instance = self.slot(role, number).instance.take();
        let instance = instance.with_context(|| format!("{} runs", role.name()))?;
        let process = instance.process();
        let status = instance.terminate().await;
        ensure!(status.success(), "{} ended with {status}", role.name());
        ensure!(!process.is_alive(), "{} still runs", role.name());
        Ok(began.elapsed())
    }

    /// Stops a process in its tracks for a time, and lets it go on.
    ///
    /// # Errors
    /// When it doesn't run.
    pub async fn pause(
        &mut self,
        role: Role,
        number: usize,
        lasting: Duration,
    ) -> anyhow::Result<()> {
        let instance = self.slot(role, number).instance()?;
        instance.signal(Signal::Stop);
        let process = instance.process();
        eventually(SEEN, "the process to stand still", async || {
            process.is_stopped()
        })
        .await;
        tokio::time::sleep(lasting).await;
        ensure!(process.is_stopped(), "{} went on by itself", role.name());
        instance.signal(Signal::Continue);
        eventually(SEEN, "the process to go on", async || !process.is_stopped()).await;
        Ok(())
    }

    /// Waits until every process says that it is ready.
    ///
    /// # Panics
    /// When one doesn't in time.
    pub async fn all_ready(&self) {
        for instance in self.slots.iter().filter_map(|slot| slot.instance.as_ref()) {
            instance.ready().await;
        }
    }

    fn slot(&mut self, role: Role, number: usize) -> &mut Slot {
        let found = self.slots.iter_mut();
        let mut found = found.filter(|slot| slot.role == role && slot.number == number);
        found
            .next()
            .expect("there are as many of each role as EACH says")
    }

    fn launch(&mut self, position: usize) {
        let Slot {
            role, number, port, ..
        } = self.slots[position];
        let name = format!("{}-{number}.log", role.name());
        let instance = self.cluster.further(role, port, &name);
        self.slots[position].instance = Some(instance);
    }
}
