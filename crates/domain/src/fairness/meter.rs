//! How much each tenant sends, in memory that doesn't grow with their number.

use std::fmt;
use std::time::{Duration, Instant};

use crate::id::TenantId;

use super::Class;

/// How many independent cells a tenant has. It is taken for somebody who floods only when each of
/// them is shared with one who does.
const ROWS: usize = 4;

/// Cells in a row; a power of two. All rows together take less than half a MiB.
const WIDTH: usize = 4_096;

/// How much may come at once from all tenants together, in seconds of the normal lane's rate: the
/// longest that somebody who keeps within its share waits behind those who don't.
const BURST_S: f64 = 0.1;

/// The same of one tenant.
const OWN_BURST_S: f64 = BURST_S / 2.0;

/// How long a tenant that has gone above its share stays on the bulk lane after it fell silent.
const HOLD_S: f64 = 10.0;

/// A tenant that sent anything this recently has a part in the shares.
const ACTIVE: Duration = Duration::from_secs(1);

/// How old the count of active tenants may be.
const RECOUNT: Duration = Duration::from_millis(100);

/// However many are active, a share is not less than this part of the rate.
const MOST_SHARES: f64 = 1_000.0;

/// Meters what tenants send, and says which lane it goes by.
///
/// The normal lane takes a set amount a second. While all tenants together keep within that, nobody
/// goes by the bulk lane, however unevenly they use it. Above it, whoever sends more than an equal
/// share of it does, with all that it sends, until it has kept within its share for a while.
///
/// What counts is a *leaky bucket* for each tenant, in a count-min sketch: a tenant has a cell in
/// each row, shared with others, and the least full of them tells. So a tenant may be taken for
/// busier than it is, which needs a busy neighbour in each row, and never for quieter.
/// Source: Cormode and Muthukrishnan, "An improved data stream summary", with conservative update
/// (Estan and Varghese, "New directions in traffic measurement and accounting").
pub struct Meter {
    per_second: f64,
    /// What went by the normal lane, of all tenants.
    everyone: Bucket,
    /// [`ROWS`] rows of [`WIDTH`] cells. Up to the own burst it is what a tenant has sent; above
    /// that, how long it stays on the bulk lane.
    cells: Box<[Bucket]>,
    active: f64,
    counted_at: Option<Instant>,
}

/// A bucket that leaks: how full it was when something last went in.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    held: f64,
    at: Instant,
}

impl Bucket {
    fn held(self, leak_per_second: f64, now: Instant) -> f64 {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        (self.held - since * leak_per_second).max(0.0)
    }
}

impl Meter {
    /// A meter for a normal lane that takes `per_second` units of work (events, or deliveries) a
    /// second, at least 1.
    #[must_use]
    pub fn new(per_second: u32, now: Instant) -> Self {
        let empty = Bucket { held: 0.0, at: now };
        Self {
            per_second: f64::from(per_second.max(1)),
            everyone: empty,
            cells: vec![empty; ROWS * WIDTH].into(),
            active: 1.0,
            counted_at: None,
        }
    }

    /// Counts `weight` units of a tenant's work, and says which lane they go by.
    pub fn judge(&mut self, tenant: TenantId, weight: u32, now: Instant) -> Class {
        let weight = f64::from(weight);
        let share = self.share(now);
        let own_burst = self.per_second * OWN_BURST_S;
        let cells = cells(tenant);
        let held = cells
            .iter()
            .map(|cell| self.cells[*cell].held(share, now))
            .fold(f64::INFINITY, f64::min);
        let full = own_burst + share * HOLD_S;
        let (class, held) = if held > own_burst {
            (Class::Bulk, (held + weight).min(full))
        } else if held + weight <= own_burst || self.has_room(weight, now) {
            (Class::Normal, (held + weight).min(own_burst))
        } else {
            (Class::Bulk, full)
        };
        for cell in cells {
            let before = self.cells[cell].held(share, now);
            let held = before.max(held);
            self.cells[cell] = Bucket { held, at: now };
        }
        if class == Class::Normal {
            let burst = self.per_second * BURST_S;
            let held = self.everyone.held(self.per_second, now) + weight;
            let held = held.min(burst);
            self.everyone = Bucket { held, at: now };
        }
        class
    }

    /// Whether the normal lane takes so much more, whoever sends it.
    fn has_room(&self, weight: f64, now: Instant) -> bool {
        self.everyone.held(self.per_second, now) + weight <= self.per_second * BURST_S
    }

    /// An equal part of the rate for each tenant that is active.
    fn share(&mut self, now: Instant) -> f64 {
        let is_recent = |at| now.saturating_duration_since(at) < RECOUNT;
        if !self.counted_at.is_some_and(is_recent) {
            self.active = self.active(now).clamp(1.0, MOST_SHARES);
            self.counted_at = Some(now);
        }
        self.per_second / self.active
    }

    /// About how many tenants sent something just now, from how many cells of a row they have
    /// touched (linear counting).
    fn active(&self, now: Instant) -> f64 {
        let idle = self.cells[..WIDTH]
            .iter()
            .filter(|cell| cell.held == 0.0 || now.saturating_duration_since(cell.at) >= ACTIVE);
        let idle = u16::try_from(idle.count()).unwrap_or(u16::MAX);
        let width = WIDTH as f64;
        -width * (f64::from(idle.max(1)) / width).ln()
    }
}

/// A tenant's cell in each row, which nobody can choose: ids are ours.
fn cells(tenant: TenantId) -> [usize; ROWS] {
    let (high, low) = tenant.uuid().as_u64_pair();
    let bits = mixed(high ^ mixed(low)).to_le_bytes();
    std::array::from_fn(|row| {
        let column = u16::from_le_bytes([bits[2 * row], bits[2 * row + 1]]);
        row * WIDTH + usize::from(column) % WIDTH
    })
}

/// Spreads what tells two numbers apart over all bits: the finaliser of splitmix64.
const fn mixed(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter")
            .field("per_second", &self.per_second)
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "meter_tests.rs"]
mod tests;
