//! What one holds of a gate: the right to send a request, and a place in a line.

use std::sync::Arc;
use std::time::Duration;

use domain::endpoint::Endpoint;
use domain::id::{EndpointId, TenantId};
use domain::outcome::Outcome;
use domain::retry::Jitter;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::line::Ended;
use super::open::Before;
use super::state::{Fingerprint, Stamp};
use super::{Gates, TURN};

/// Whose places a request takes.
#[derive(Debug, Clone)]
pub(super) struct Places {
    pub(super) endpoint: EndpointId,
    pub(super) url: Fingerprint,
    pub(super) host: Arc<str>,
    pub(super) tenant: TenantId,
}

impl Places {
    pub(super) fn of(endpoint: &Endpoint) -> Self {
        Self {
            endpoint: endpoint.id,
            url: Fingerprint::of(&endpoint.url),
            host: endpoint.url.host_str().unwrap_or_default().into(),
            tenant: endpoint.tenant,
        }
    }
}

/// The right to send an endpoint one request; its places are free again when this is dropped.
pub(crate) struct Pass {
    pub(super) gates: Arc<Gates>,
    pub(super) places: Places,
    pub(super) stamp: Stamp,
    pub(super) begun: Instant,
}

impl Pass {
    /// The endpoint learns from what came of the request. `longest` is the most that its
    /// `Retry-After` can ask for.
    pub(crate) fn learn(&self, outcome: Outcome, longest: Duration, jitter: Jitter) {
        let mut open = self.gates.locked();
        self.gates
            .with(&mut open, self.places.endpoint, |gate, now| {
                gate.learn(self.stamp, outcome, longest, jitter, now);
            });
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let ended = if self.begun.elapsed() < TURN {
            Ended::Quickly
        } else {
            Ended::Slowly
        };
        let mut open = self.gates.locked();
        open.hosts.leave(&self.places.host, ended);
        open.tenants.leave(&self.places.tenant, ended);
        self.gates
            .with(&mut open, self.places.endpoint, |gate, now| {
                gate.ended(self.stamp, ended, now);
            });
    }
}

/// A place in a line, which the line has counted.
pub(super) struct Place {
    pub(super) gates: Arc<Gates>,
    pub(super) places: Places,
    pub(super) before: Before,
    pub(super) turns: Arc<Notify>,
}

impl Place {
    /// Its holder waited in vain; gives how long no request of the endpoint has ended.
    pub(super) fn stall(&self) -> Duration {
        let now = Instant::now();
        let mut open = self.gates.locked();
        if let Some(line) = open.line(&self.places, self.before) {
            line.stall();
        }
        let gate = open.by_endpoint.get(&self.places.endpoint);
        gate.map_or(Duration::ZERO, |gate| gate.silence(now))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.gates.locked();
        match self.before {
            Before::Endpoint => self.gates.with(&mut open, self.places.endpoint, |gate, _| {
                gate.line.leave();
                // Whoever leaves may have been called and not gone in: call the next.
                gate.call();
            }),
            Before::Host => open.hosts.leave_line(&self.places.host),
            Before::Tenant => open.tenants.leave_line(&self.places.tenant),
        }
    }
}
