//! Bulk work gives way: while others are served it is done one step at a time, with a rest after
//! each.
//!
//! Each role judges by what it sees itself: there is no word between processes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::fairness::{Company, Share};
use domain::id::TenantId;
use domain::limits;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a role knows of whom it serves, and how much bulk work takes beside it. Cheap to clone; all
/// clones are one.
#[derive(Debug, Clone)]
pub struct Courtesy {
    share: Share,
    company: Arc<Mutex<Company>>,
}

impl Courtesy {
    /// With company, bulk work takes `share` of the time.
    #[must_use]
    pub fn new(share: Share) -> Self {
        Self {
            share,
            company: Arc::default(),
        }
    }

    /// Normal work of this tenant's is done now.
    pub fn normal(&self, tenant: TenantId) {
        self.company().normal(tenant, Instant::now());
    }

    /// Bulk work of this tenant's is done now.
    pub fn bulk(&self, tenant: TenantId) {
        self.company().bulk(tenant);
    }

    /// Whether bulk work has nobody to give way to.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.company().is_alone(Instant::now())
    }

    /// How long bulk work rests after a step that took this long, on what was accepted so long ago.
    #[must_use]
    pub fn rest(&self, took: Duration, age: Duration) -> Duration {
        if self.is_alone() {
            Duration::ZERO
        } else {
            self.share.rest(took, age)
        }
    }

    /// Every change is one assignment or two: a panic leaves nothing half done that matters.
    fn company(&self) -> MutexGuard<'_, Company> {
        self.company.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The steps of one lane's work: how many may be under way at once.
#[derive(Debug, Clone)]
pub struct Steps {
    places: Arc<Semaphore>,
    most: u32,
    courtesy: Option<Courtesy>,
}

/// A step under way. Its place is free again when this is dropped.
#[derive(Debug)]
#[must_use = "the place is free again when this is dropped"]
pub struct Step {
    courtesy: Option<Courtesy>,
    _places: OwnedSemaphorePermit,
}

impl Steps {
    /// `most` at once, whatever else is done.
    #[must_use]
    pub fn normal(most: u16) -> Self {
        Self {
            places: Arc::new(Semaphore::new(most.into())),
            most: most.into(),
            courtesy: None,
        }
    }

    /// `most` at once; a single one, and a rest after it, while others are served.
    #[must_use]
    pub fn bulk(most: u16, courtesy: Courtesy) -> Self {
        Self {
            courtesy: Some(courtesy),
            ..Self::normal(most)
        }
    }

    /// Waits until a step may begin. Cancel safe.
    pub async fn begin(&self) -> Step {
        let is_single = self.courtesy.as_ref().is_some_and(|bulk| !bulk.is_alone());
        let places = if is_single { self.most } else { 1 };
        let places = Arc::clone(&self.places).acquire_many_owned(places).await;
        Step {
            courtesy: self.courtesy.clone(),
            _places: places.expect("nobody closes the semaphore"),
        }
    }

    /// Waits until every step has ended.
    pub async fn ended(&self) {
        let _all = self.places.acquire_many(self.most).await;
    }
}

impl Step {
    /// How many items a part of the step takes: `alone`, or fewer while others are served, who
    /// have a whole part of it before them.
    #[must_use]
    pub fn most(&self, alone: usize) -> usize {
        match &self.courtesy {
            Some(bulk) if !bulk.is_alone() => alone.min(limits::BULK_ITEMS),
            _ => alone,
        }
    }

    /// The step took this long, on work that was accepted so long ago. Rests, if it should, and
    /// then gives the place up.
    pub async fn end(self, took: Duration, age: Duration) {
        self.rest(took, age).await;
    }

    /// A part of the step took this long, on work that was accepted so long ago. Rests, if it
    /// should, before the next part.
    pub async fn rest(&self, took: Duration, age: Duration) {
        let courtesy = self.courtesy.as_ref();
        let rest = courtesy.map_or(Duration::ZERO, |bulk| bulk.rest(took, age));
        // A timer, however short, is a millisecond.
        if !rest.is_zero() {
            tokio::time::sleep(rest).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::id::TenantId;
    use futures::FutureExt as _;

    use super::*;

    const TOOK: Duration = Duration::from_millis(10);

    fn tenant(number: u128) -> TenantId {
        TenantId::from_uuid(uuid::Uuid::from_u128(number))
    }

    #[tokio::test(start_paused = true)]
    async fn bulk_steps_are_single_and_followed_by_a_rest_while_others_are_served() {
        let courtesy = Courtesy::new(Share::percent(25));
        let steps = Steps::bulk(3, courtesy.clone());
        courtesy.bulk(tenant(1));
        let alone = [
            steps.begin().await,
            steps.begin().await,
            steps.begin().await,
        ];
        assert!(steps.begin().now_or_never().is_none());
        let began = tokio::time::Instant::now();
        for step in alone {
            assert_eq!(step.most(1_000), 1_000);
            step.end(TOOK, Duration::ZERO).await;
        }
        assert_eq!(began.elapsed(), Duration::ZERO, "nobody is kept waiting");

        courtesy.normal(tenant(2));
        let single = steps.begin().await;
        assert_eq!(single.most(1_000), limits::BULK_ITEMS);
        assert_eq!(single.most(1), 1);
        assert!(steps.begin().now_or_never().is_none());
        single.rest(TOOK, Duration::ZERO).await;
        assert_eq!(began.elapsed(), TOOK * 3);
        assert!(steps.begin().now_or_never().is_none(), "it goes on");
        single.end(TOOK, Duration::ZERO).await;
        assert_eq!(began.elapsed(), TOOK * 6);
        steps.ended().await;
    }

    #[tokio::test(start_paused = true)]
    async fn normal_steps_never_rest() {
        let steps = Steps::normal(2);
        let began = tokio::time::Instant::now();
        let (first, _second) = (steps.begin().await, steps.begin().await);
        assert!(steps.begin().now_or_never().is_none());
        assert_eq!(first.most(1_000), 1_000);
        first.end(TOOK, Duration::ZERO).await;
        let _third = steps.begin().await;
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
