//! What every tenant sends through a role, and by which lane it goes on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use domain::fairness::{Class, Meter};
use domain::id::TenantId;

use crate::courtesy::Courtesy;

/// A role's meter, and whom it has served. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Shares {
    meter: Arc<Mutex<Meter>>,
    courtesy: Courtesy,
}

impl Shares {
    /// For a normal lane that takes `per_second` units of work a second.
    #[must_use]
    pub fn new(per_second: u32, courtesy: Courtesy) -> Self {
        Self {
            meter: Arc::new(Mutex::new(Meter::new(per_second, Instant::now()))),
            courtesy,
        }
    }

    /// Says by which lane `weight` units of a tenant's work go.
    #[must_use]
    pub fn judge(&self, tenant: TenantId, weight: usize) -> Class {
        let weight = u32::try_from(weight).unwrap_or(u32::MAX);
        let meter = &mut *self.meter.lock().unwrap_or_else(PoisonError::into_inner);
        let class = meter.judge(tenant, weight, Instant::now());
        match class {
            Class::Normal => self.courtesy.normal(tenant),
            Class::Bulk => self.courtesy.bulk(tenant),
        }
        class
    }
}
