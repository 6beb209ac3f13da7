//! What becomes of a delivery whose attempt can't be made now.

use std::time::Duration;

use broker::Cancelled;
use domain::dispatch::Dispatch;

use crate::admission::Refusal;
use crate::dispatcher::{Dispatcher, End, Item};
use crate::lane::Lane;
use crate::metrics::PutOff;
use crate::outbox::Poison;

/// The shortest wait without an attempt that the record is told of. What it is not told of is
/// over soon, or counts as lost.
const WORTH_REPORTING: Duration = Duration::from_secs(10);

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
        let put_off = |wait: Duration| {
            let waiting = dispatch.due.put_off(wait);
            Dispatch {
                due: waiting.due(),
                wait: waiting.wait,
                ..dispatch.clone()
            }
        };
        match refusal {
            Refusal::Settled => Ok(Answer::End(End::Settled)),
            Refusal::Held => {
                self.report_held(dispatch, item.lane).await?;
                Ok(Answer::End(End::Elsewhere))
            }
            Refusal::Deleted => {
                self.report_cancelled(dispatch, item.lane).await?;
                Ok(Answer::End(End::Settled))
            }
            Refusal::PayloadMissing => {
                self.park_poison(item, Poison::PayloadMissing).await?;
                Ok(Answer::End(End::Settled))
            }
            Refusal::RecordAway(wait) => {
                self.metrics.put_off(PutOff::RecordAway);
                Ok(Answer::Wait(put_off(wait)))
            }
            Refusal::Paused(wait) => {
                self.metrics.put_off(PutOff::Paused);
                if wait >= WORTH_REPORTING {
                    self.report_put_off(dispatch, item.lane, wait).await?;
                }
                Ok(Answer::Wait(put_off(wait)))
            }
            Refusal::Crowded => {
                self.metrics.put_off(PutOff::Crowded);
                match item.lane {
                    Lane::Fresh => {
                        self.outbox.slow(dispatch, item.lane).await?;
                        Ok(Answer::End(End::Elsewhere))
                    }
                    Lane::Retry | Lane::Bulk | Lane::Quarantine => {
                        let wait = crowded_wait(dispatch.overflows);
                        if wait >= WORTH_REPORTING {
                            self.report_put_off(dispatch, item.lane, wait).await?;
                        }
                        Ok(Answer::Wait(Dispatch {
                            overflows: dispatch.overflows.saturating_add(1),
                            ..put_off(wait)
                        }))
                    }
                }
            }
        }
    }
}

/// How long a delivery waits that has found its endpoint crowded so many times on the retry lane.
fn crowded_wait(overflows: u32) -> Duration {
    const WAITS_S: [u64; 5] = [1, 2, 5, 10, 30];
    let at = usize::try_from(overflows).unwrap_or(usize::MAX);
    Duration::from_secs(WAITS_S[at.min(WAITS_S.len() - 1)])
}

#[cfg(test)]
mod tests {
    use domain::tier::Tier;

    use super::*;

    #[test]
    fn every_wait_before_a_crowded_endpoint_is_a_tier_of_its_own() {
        let waits: Vec<_> = (0..6).map(crowded_wait).collect();
        assert_eq!(
            waits.iter().map(Duration::as_secs).collect::<Vec<_>>(),
            [1, 2, 5, 10, 30, 30]
        );
        for wait in waits {
            assert_eq!(Tier::not_above(wait).map(Tier::delay), Some(wait));
        }
        assert_eq!(crowded_wait(u32::MAX), Duration::from_secs(30));
    }
}
