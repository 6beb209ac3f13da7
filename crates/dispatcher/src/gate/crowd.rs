//! How many requests are under way to all endpoints of a host, or of a tenant.
//!
//! Up to the cap anybody enters. Beyond it, up to twice the cap, only an endpoint that has nothing
//! under way: so one that is slow doesn't shut out its neighbours, and all of them together still
//! have an end.

use std::collections::HashMap;
use std::hash::Hash;

use super::line::{Ended, Line};

/// What is under way, by host or tenant.
#[derive(Debug)]
pub(super) struct Crowds<K> {
    most: u32,
    crowds: HashMap<K, Crowd>,
}

#[derive(Debug, Default)]
struct Crowd {
    in_flight: u32,
    line: Line,
}

impl<K: Eq + Hash + Clone> Crowds<K> {
    pub(super) fn new(most: u32) -> Self {
        Self {
            most: most.max(1),
            crowds: HashMap::new(),
        }
    }

    /// Whether one more may be sent for an endpoint with so many under way.
    pub(super) fn has_room(&self, key: &K, of_endpoint: u32) -> bool {
        let in_flight = self.crowds.get(key).map_or(0, |crowd| crowd.in_flight);
        let most = if of_endpoint == 0 {
            self.most.saturating_mul(2)
        } else {
            self.most
        };
        in_flight < most
    }

    pub(super) fn enter(&mut self, key: &K) {
        self.crowds.entry(key.clone()).or_default().in_flight += 1;
    }

    pub(super) fn leave(&mut self, key: &K, ended: Ended) {
        self.with(key, |crowd| {
            crowd.in_flight = crowd.in_flight.saturating_sub(1);
            crowd.line.moves(ended, crowd.in_flight);
            crowd.line.call();
        });
    }

    /// The line before this crowd; none where nothing is under way and nobody waits.
    pub(super) fn line(&mut self, key: &K) -> Option<&mut Line> {
        self.crowds.get_mut(key).map(|crowd| &mut crowd.line)
    }

    /// Whoever leaves the line may have been called and not gone in: calls the next.
    pub(super) fn leave_line(&mut self, key: &K) {
        self.with(key, |crowd| {
            crowd.line.leave();
            crowd.line.call();
        });
    }

    fn with(&mut self, key: &K, change: impl FnOnce(&mut Crowd)) {
        if let Some(crowd) = self.crowds.get_mut(key) {
            change(crowd);
            if crowd.in_flight == 0 && crowd.line.is_empty() {
                self.crowds.remove(key);
            }
        }
    }

    /// Whether nothing is under way.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.crowds.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_cap_only_endpoints_without_a_request_enter() {
        let mut hosts = Crowds::new(4);
        let host = "example.com";
        for own in 0..4 {
            assert!(hosts.has_room(&host, own));
            hosts.enter(&host);
        }
        for _ in 0..4 {
            assert!(!hosts.has_room(&host, 1));
            assert!(hosts.has_room(&host, 0));
            hosts.enter(&host);
        }
        assert!(!hosts.has_room(&host, 0));
        assert!(hosts.has_room(&"example.org", 1));
        for _ in 0..8 {
            hosts.leave(&host, Ended::Quickly);
        }
        assert!(hosts.is_empty(), "an idle host costs nothing");
    }
}
