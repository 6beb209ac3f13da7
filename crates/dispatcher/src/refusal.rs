//! What becomes of a delivery whose attempt can't be made now.

use std::time::Duration;

use broker::Cancelled;
use domain::dispatch::Dispatch;
use domain::retry::Jitter;
use domain::tier::Tier;

use crate::admission::Refusal;
use crate::attempt::jitter;
use crate::dispatcher::{Dispatcher, End, Item};
use crate::lane::Lane;
use crate::metrics::PutOff;
use crate::outbox::Poison;

/// The shortest wait without an attempt that the record is told of. What it is not told of is
/// over soon, or counts as lost.
const WORTH_REPORTING: Duration = Duration::from_secs(10);

/// The part of a `Retry-After` that is waited beyond it at most, so that a crowd doesn't come back
/// in one moment.
const SPREAD: u32 = 10;

/// The longest that a delivery waits for a breaker at once.
const BROKEN_MOST: Duration = Duration::from_secs(10 * 60);

/// What follows a refusal.
pub(crate) enum Answer {
    /// It is seen to.
    End(End),
    /// It waits, in memory or in a tier, without an attempt being counted.
    Wait(Dispatch),
}

impl Dispatcher {
    /// Sees to the delivery, or says how long it has to wait without an attempt being counted.
    pub(crate) async fn refused(
        &self,
        item: &Item,
        dispatch: &Dispatch,
        refusal: Refusal,
    ) -> Result<Answer, Cancelled> {
        let (reason, wait) = match refusal {
            Refusal::Settled => return Ok(Answer::End(End::Settled)),
            Refusal::Held => {
                self.report_held(dispatch, item.lane).await?;
                return Ok(Answer::End(End::Elsewhere));
            }
            Refusal::Deleted => {
                self.report_cancelled(dispatch, item.lane).await?;
                return Ok(Answer::End(End::Settled));
            }
            Refusal::PayloadMissing => {
                self.park_poison(item, Poison::PayloadMissing).await?;
                return Ok(Answer::End(End::Settled));
            }
            Refusal::Crowded(silence) if item.lane == Lane::Fresh && crowded_wait(0) > silence => {
                self.metrics.put_off(PutOff::Crowded);
                self.outbox.slow(dispatch, item.lane).await?;
                return Ok(Answer::End(End::Elsewhere));
            }
            Refusal::Crowded(silence) => {
                let wait = Tier::not_below(silence.max(crowded_wait(dispatch.overflows)));
                (PutOff::Crowded, wait.delay())
            }
            Refusal::Broken(rest) => {
                let wait = broken_wait(rest, dispatch.overflows, jitter());
                (PutOff::Broken, wait.delay())
            }
            Refusal::Limited(wait) => (PutOff::Limited, wait),
            Refusal::Paused(rest) => (PutOff::Paused, rest + jitter().of(rest / SPREAD)),
            Refusal::RecordAway(wait) => {
                self.metrics.put_off(PutOff::RecordAway);
                return Ok(Answer::Wait(put_off(dispatch, PutOff::RecordAway, wait)));
            }
        };
        self.metrics.put_off(reason);
        if wait >= WORTH_REPORTING {
            self.report_put_off(dispatch, item.lane, wait).await?;
        }
        Ok(Answer::Wait(put_off(dispatch, reason, wait)))
    }
}

fn put_off(dispatch: &Dispatch, reason: PutOff, wait: Duration) -> Dispatch {
    let waiting = dispatch.due.put_off(wait);
    let overflows = match reason {
        PutOff::Crowded | PutOff::Broken | PutOff::Limited => dispatch.overflows.saturating_add(1),
        PutOff::Paused | PutOff::RecordAway | PutOff::HandedOver => dispatch.overflows,
    };
    Dispatch {
        due: waiting.due(),
        wait: waiting.wait,
        overflows,
        ..dispatch.clone()
    }
}

/// How long a delivery waits that has found its endpoint's gate closed so many times before.
fn crowded_wait(overflows: u32) -> Duration {
    const WAITS_S: [u64; 5] = [1, 2, 5, 10, 30];
    let at = usize::try_from(overflows).unwrap_or(usize::MAX);
    Duration::from_secs(WAITS_S[at.min(WAITS_S.len() - 1)])
}

/// Where a delivery waits whose endpoint's breaker lets nothing through for `rest`.
///
/// It is up to twice as long, so that what has gathered doesn't come back in one moment, and one
/// tier, since each hop costs the broker as much as a delivery does; but not so long that what has
/// gathered comes much later than the endpoint recovers.
fn broken_wait(rest: Duration, overflows: u32, jitter: Jitter) -> Tier {
    let least = rest.max(crowded_wait(overflows));
    Tier::not_below((least + jitter.of(least)).min(BROKEN_MOST))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_wait_before_a_crowded_endpoint_is_a_tier_of_its_own() {
        let waits: Vec<_> = (0..6).map(crowded_wait).collect();
        assert_eq!(
            waits.iter().map(Duration::as_secs).collect::<Vec<_>>(),
            [1, 2, 5, 10, 30, 30]
        );
        for wait in waits {
            assert_eq!(Tier::not_below(wait).delay(), wait);
        }
        assert_eq!(crowded_wait(u32::MAX), Duration::from_secs(30));
    }

    proptest! {
        #[test]
        fn nothing_comes_back_before_its_breaker_probes(
            rest_ms in 0u64..900_000,
            overflows: u32,
            fraction in 0.0..1.0,
        ) {
            let rest = Duration::from_millis(rest_ms);
            let wait = broken_wait(rest, overflows, Jitter::new(fraction)).delay();
            prop_assert!(wait >= rest.min(BROKEN_MOST) && wait <= BROKEN_MOST);
            // Twice as long, and up to the next tier.
            let longest = rest.max(crowded_wait(overflows)) * 2;
            prop_assert!(wait <= longest.mul_f64(2.5) + Duration::from_secs(1));
        }
    }
}
