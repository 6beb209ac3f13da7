//! All gates, under one lock: who is let through, and who waits where.

use std::collections::HashMap;
use std::sync::Arc;

use domain::endpoint::Endpoint;
use domain::id::{EndpointId, TenantId};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::crowd::Crowds;
use super::line::Line;
use super::pass::Places;
use super::rate::{Share, Token};
use super::state::{Gate, REMEMBERED, Stamp};
use super::{Caller, Closed, Gates, Limits, SWEEP, TURN};

/// All that is known of endpoints, hosts and tenants.
pub(super) struct Open {
    pub(super) by_endpoint: HashMap<EndpointId, Gate>,
    pub(super) hosts: Crowds<Arc<str>>,
    pub(super) tenants: Crowds<TenantId>,
    swept_at: Instant,
}

/// A line that one can stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Endpoint,
    Host,
    Tenant,
}

/// What a gate says.
pub(super) enum Entry {
    /// Go; the place is taken.
    Admitted(Stamp),
    /// Go at this instant, if there is a place then.
    Turn(Instant),
    /// Wait for a turn in this line, and ask again; the place in it is taken.
    Queue(Before, Arc<Notify>),
    /// Wait for a turn where you stand, and ask again.
    Stay,
    /// Not now.
    Closed(Closed),
}

/// Whether a token of the rate limit is had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Had {
    None,
    Token,
}

impl Gates {
    /// Takes the places and lets through, or says what to wait for.
    pub(super) fn ask(
        &self,
        caller: &Caller<'_>,
        places: &Places,
        stands: Option<Before>,
        had: Had,
    ) -> Entry {
        let now = Instant::now();
        let mut open = self.locked();
        open.sweep(now);
        let Open {
            by_endpoint,
            hosts,
            tenants,
            ..
        } = &mut *open;
        let gate = by_endpoint.entry(places.endpoint).or_insert_with(|| {
            Gate::new(self.limits.endpoint, self.limits.breaker, places.url, now)
        });
        let checked = self.watched(places.endpoint, gate, now, |gate| {
            gate.comes_to(places.url, now);
            gate.check(now)
        });
        if let Err(closed) = checked {
            return Entry::Closed(closed);
        }
        if had == Had::None {
            match gate.token(self.share(caller.endpoint), caller.comer, now) {
                Token::Now => {}
                Token::At(at) => return Entry::Turn(at),
                Token::Later(wait) => return Entry::Closed(Closed::Limited(wait)),
            }
        }
        let (own, silence) = (gate.in_flight(), gate.silence(now));
        let (before, line) = if !gate.has_room() {
            (Before::Endpoint, Some(&mut gate.line))
        } else if !hosts.has_room(&places.host, own) {
            (Before::Host, hosts.line(&places.host))
        } else if !tenants.has_room(&places.tenant, own) {
            (Before::Tenant, tenants.line(&places.tenant))
        } else {
            hosts.enter(&places.host);
            tenants.enter(&places.tenant);
            return Entry::Admitted(gate.sent(now));
        };
        if stands == Some(before) {
            return Entry::Stay;
        }
        // One that has places and doesn't give them up is not worth waiting for, however well its
        // neighbours move.
        if silence >= TURN {
            return Entry::Closed(Closed::Crowded(silence));
        }
        match line.and_then(Line::join) {
            Some(turns) => Entry::Queue(before, turns),
            None => Entry::Closed(Closed::Crowded(silence)),
        }
    }

    /// This dispatcher's share of an endpoint's rate limit.
    fn share(&self, endpoint: &Endpoint) -> Option<Share> {
        let limit = endpoint.rate_limit?;
        Some(Share::of(limit, *self.dispatchers.borrow()))
    }
}

impl Open {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            by_endpoint: HashMap::new(),
            hosts: Crowds::new(limits.host),
            tenants: Crowds::new(limits.tenant),
            swept_at: Instant::now(),
        }
    }

    fn sweep(&mut self, now: Instant) {
        let full = self.by_endpoint.len() >= REMEMBERED;
        if full || now.duration_since(self.swept_at) >= SWEEP {
            self.by_endpoint.retain(|_, gate| !gate.is_idle(now));
            self.swept_at = now;
        }
    }

    pub(super) fn line(&mut self, places: &Places, before: Before) -> Option<&mut Line> {
        match before {
            Before::Endpoint => {
                let gate = self.by_endpoint.get_mut(&places.endpoint);
                gate.map(|gate| &mut gate.line)
            }
            Before::Host => self.hosts.line(&places.host),
            Before::Tenant => self.tenants.line(&places.tenant),
        }
    }
}
