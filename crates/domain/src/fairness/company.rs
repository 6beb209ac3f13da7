//! Whether anybody is there for bulk work to give way to.

use std::time::{Duration, Instant};

use crate::id::TenantId;

/// How long after somebody's normal work more of it is expected.
const STAYS: Duration = Duration::from_secs(10);

/// Who was served of late. A tenant whose bulk work is alone here needn't give way to anybody, and
/// its own work on the normal lane, from before it went above its share, makes no company.
#[derive(Debug, Clone, Copy, Default)]
pub struct Company {
    /// Whose normal work was the latest.
    latest: Option<(TenantId, Instant)>,
    /// The same of whoever was the latest beside that one.
    other: Option<(TenantId, Instant)>,
    /// Whose bulk work was the latest.
    bulk: Option<TenantId>,
}

impl Company {
    /// Normal work of this tenant's is done now.
    pub fn normal(&mut self, tenant: TenantId, now: Instant) {
        if self.latest.is_some_and(|(latest, _)| latest != tenant) {
            self.other = self.latest;
        }
        self.latest = Some((tenant, now));
    }

    /// Bulk work of this tenant's is done now.
    pub fn bulk(&mut self, tenant: TenantId) {
        self.bulk = Some(tenant);
    }

    /// Whether nobody else's normal work is near the bulk work.
    #[must_use]
    pub fn is_alone(&self, now: Instant) -> bool {
        let is_near = |(tenant, at): (TenantId, Instant)| {
            Some(tenant) != self.bulk && now.saturating_duration_since(at) < STAYS
        };
        !self.latest.is_some_and(is_near) && !self.other.is_some_and(is_near)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn tenant(number: u128) -> TenantId {
        TenantId::from_uuid(Uuid::from_u128(number))
    }

    #[test]
    fn one_tenant_is_no_company_to_itself() {
        let (mut company, now) = (Company::default(), Instant::now());
        company.normal(tenant(1), now);
        company.bulk(tenant(1));
        assert!(company.is_alone(now));
        company.normal(tenant(2), now);
        assert!(!company.is_alone(now));
        assert!(!company.is_alone(now + STAYS / 2));
        assert!(company.is_alone(now + STAYS));
    }

    proptest! {
        /// Two places are enough to know of anybody but one.
        #[test]
        fn it_knows_of_everybody(served in vec((0u128..4, 0u64..6_000), 0..30), bulk in 0u128..4) {
            let mut company = Company::default();
            company.bulk(tenant(bulk));
            let begun = Instant::now();
            let mut now = begun;
            let mut last = [None; 4];
            for (who, wait_ms) in served {
                now += Duration::from_millis(wait_ms);
                company.normal(tenant(who), now);
                last[usize::try_from(who).unwrap()] = Some(now);
            }
            let others = (0..4).filter(|who| *who != bulk);
            let near = others
                .filter_map(|who| last[usize::try_from(who).unwrap()])
                .any(|at| now.duration_since(at) < STAYS);
            prop_assert_eq!(company.is_alone(now), !near);
        }
    }
}
