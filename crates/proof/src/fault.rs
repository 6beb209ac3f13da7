//! What is done to the platform, and in which order.

use std::fmt;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use testkit::cluster::Role;

use crate::fleet::EACH;

/// What is done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL to one process of a role; it is started again at once.
    Kill(Role, usize),
    /// SIGKILL to all processes of a role; they are started again at once.
    KillAll(Role),
    /// SIGTERM to each process of a role in turn; each is started again before the next.
    Roll(Role),
    /// SIGSTOP to one process of a role, and SIGCONT after a time.
    Pause(Role, usize),
    /// SIGKILL to the broker.
    KillBroker,
    /// The broker is stopped in good order and started again.
    RestartBroker,
    /// SIGKILL to Postgres and all its backends.
    KillPostgres,
    /// Postgres is stopped, its clients cut off, and started again.
    StopPostgres,
    /// Every backend of the platform is terminated.
    KillBackends,
    /// The table that fan-out writes to is locked for a time.
    LockTable,
    /// The broker has no disk left, by its own limit.
    DiskAlarm,
    /// The broker has no memory left, by its own limit.
    MemoryAlarm,
    /// The broker closes every connection of the platform.
    CutConnections,
    /// The queue of accepted events is deleted, once it is empty.
    DeleteQueue,
}

/// What a fault is a kind of: each has a bound of its own on recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// One of our processes, or all of one role.
    Service,
    /// The broker was away.
    Broker,
    /// Postgres was away.
    Postgres,
    /// Everything stayed up.
    Other,
}

impl Fault {
    /// What it is a kind of.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::Kill(..) | Self::KillAll(_) | Self::Roll(_) | Self::Pause(..) => Class::Service,
            Self::KillBroker | Self::RestartBroker => Class::Broker,
            Self::KillPostgres | Self::StopPostgres => Class::Postgres,
            Self::KillBackends
            | Self::LockTable
            | Self::DiskAlarm
            | Self::MemoryAlarm
            | Self::CutConnections
            | Self::DeleteQueue => Class::Other,
        }
    }

    /// What it is called in tables, whichever process of its role it is done to.
    #[must_use]
    pub fn name(self) -> String {
        let of = |what: &str, role: Role| format!("{what} {}", role.name());
        match self {
            Self::Kill(role, _) => of("kill -9", role),
            Self::KillAll(role) => of("kill -9 every", role),
            Self::Roll(role) => of("rolling restart of", role),
            Self::Pause(role, _) => of("SIGSTOP", role),
            Self::KillBroker => "kill -9 the broker".into(),
            Self::RestartBroker => "restart the broker".into(),
            Self::KillPostgres => "kill -9 Postgres".into(),
            Self::StopPostgres => "stop Postgres at once".into(),
            Self::KillBackends => "Postgres' backends killed".into(),
            Self::LockTable => "a table locked".into(),
            Self::DiskAlarm => "the broker's disk alarm".into(),
            Self::MemoryAlarm => "the broker's memory alarm".into(),
            Self::CutConnections => "AMQP connections cut".into(),
            Self::DeleteQueue => "a queue deleted".into(),
        }
    }

    /// How many of our processes it kills with SIGKILL.
    #[must_use]
    pub const fn kills(self) -> usize {
        match self {
            Self::Kill(..) => 1,
            Self::KillAll(_) => EACH,
            _ => 0,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        match self {
            Self::Kill(_, number) | Self::Pause(_, number) => write!(f, " {number}"),
            _ => Ok(()),
        }
    }
}

/// How often what is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
pub struct Counts {
    /// How many of our processes are killed with SIGKILL, at least.
    #[arg(long, default_value_t = 100)]
    pub kills: usize,
    /// How often the broker is killed with SIGKILL.
    #[arg(long, default_value_t = 20)]
    pub broker_kills: usize,
    /// How often Postgres is killed with SIGKILL.
    #[arg(long, default_value_t = 10)]
    pub postgres_kills: usize,
    /// How often each of the other faults happens: rolling restarts and stops of each role, restarts
    /// of the servers, alarms, cuts, locks, a deleted queue.
    #[arg(long, default_value_t = 2)]
    pub others: usize,
}

/// After so many kills of one process of a role, all of them are killed.
const ALL_EACH: usize = 4;

/// The faults in an order that only the seed decides.
#[must_use]
pub fn schedule(counts: Counts, seed: u64) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut kills = 0;
    for round in 0.. {
        for role in Role::ALL {
            if kills >= counts.kills {
                break;
            }
            let fault = if round % (ALL_EACH + 1) == ALL_EACH {
                Fault::KillAll(role)
            } else {
                Fault::Kill(role, round % EACH)
            };
            kills += fault.kills();
            faults.push(fault);
        }
        if kills >= counts.kills {
            break;
        }
    }
    faults.extend([Fault::KillBroker].repeat(counts.broker_kills));
    faults.extend([Fault::KillPostgres].repeat(counts.postgres_kills));
    for round in 0..counts.others {
        faults.extend(Role::ALL.map(Fault::Roll));
        faults.extend(Role::ALL.map(|role| Fault::Pause(role, round % EACH)));
        faults.extend([
            Fault::RestartBroker,
            Fault::StopPostgres,
            Fault::KillBackends,
            Fault::LockTable,
            Fault::DiskAlarm,
            Fault::MemoryAlarm,
            Fault::CutConnections,
            Fault::DeleteQueue,
        ]);
    }
    faults.shuffle(&mut StdRng::seed_from_u64(seed));
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTS: Counts = Counts {
        kills: 23,
        broker_kills: 4,
        postgres_kills: 3,
        others: 1,
    };

    fn count(faults: &[Fault], is: impl Fn(&Fault) -> bool) -> usize {
        faults.iter().filter(|one| is(one)).count()
    }

    #[test]
    fn there_are_as_many_as_asked_for_in_the_seeds_order() {
        let faults = schedule(COUNTS, 7);
        let kills: usize = faults.iter().map(|one| one.kills()).sum();
        assert!((23..23 + EACH).contains(&kills), "{kills}");
        assert_eq!(count(&faults, |one| *one == Fault::KillBroker), 4);
        assert_eq!(count(&faults, |one| *one == Fault::KillPostgres), 3);
        assert_eq!(count(&faults, |one| matches!(one, Fault::Roll(_))), 5);
        for role in Role::ALL {
            assert!(
                faults
                    .iter()
                    .any(|one| matches!(one, Fault::Kill(of, _) if *of == role))
            );
        }
        assert_eq!(faults, schedule(COUNTS, 7));
        assert_ne!(faults, schedule(COUNTS, 8));
    }

    #[test]
    fn none_are_asked_for() {
        let none = Counts {
            kills: 0,
            broker_kills: 0,
            postgres_kills: 0,
            others: 0,
        };
        assert_eq!(schedule(none, 7), []);
    }
}
