//! Whether a delivery's attempt may be made now: what is asked before anything is sent.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::dispatch::{Custody, Dispatch};
use domain::endpoint::EndpointState;
use store::attempts::AttemptKey;
use tokio::time::timeout;

use crate::directory::{Found, Target};
use crate::dispatcher::Dispatcher;
use crate::gate::{Caller, Closed, Comer, Pass};
use crate::lane::Lane;
use crate::payloads::PayloadError;
use crate::room::Seat;

/// All that an attempt needs, and its places at the endpoint and among all attempts.
pub(crate) struct Admitted {
    pub(crate) target: Arc<Target>,
    pub(crate) data: Bytes,
    pub(crate) pass: Pass,
    pub(crate) seat: Seat,
}

/// Why an attempt is not made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It was made, and the record knows.
    Settled,
    /// The endpoint is paused or disabled.
    Held,
    /// There is no such endpoint any more.
    Deleted,
    /// The endpoint asked to be left alone for so long.
    Paused(Duration),
    /// The endpoint's circuit breaker is open for so long, or others probe it since.
    Broken(Duration),
    /// The endpoint's rate limit has its turn after so long.
    Limited(Duration),
    /// The endpoint has as many requests as it bears, and none has ended for so long.
    Crowded(Duration),
    /// The record can't be asked for what is needed: ask again after so long.
    RecordAway(Duration),
    /// The payload is nowhere.
    PayloadMissing,
}

/// How long an answer of the record is waited for. A delivery's message waits with it.
pub(crate) const RECORD_LIMIT: Duration = Duration::from_secs(2);

/// How long until the record is asked again for an endpoint or a payload.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// How long until the record is asked again whether an attempt was settled. Longer, since nothing
/// but a duplicate is at stake.
const ASK_AGAIN_SETTLED: Duration = Duration::from_secs(30);

impl Dispatcher {
    /// Asks in the order of cost, and waits where a moment's wait helps.
    pub(crate) async fn admit(&self, dispatch: &Dispatch, lane: Lane) -> Result<Admitted, Refusal> {
        if dispatch.custody == Custody::HandedOver {
            self.ask_if_settled(dispatch).await?;
        }
        let endpoint = dispatch.due.delivery.endpoint;
        let target = match self.directory.find(endpoint).await {
            Found::Known(target) => target,
            Found::Deleted => return Err(Refusal::Deleted),
            Found::RecordAway => return Err(Refusal::RecordAway(ASK_AGAIN)),
        };
        match target.endpoint.state {
            EndpointState::Enabled => {}
            EndpointState::Paused | EndpointState::Disabled => return Err(Refusal::Held),
        }
        let caller = Caller {
            endpoint: &target.endpoint,
            comer: comer(dispatch),
        };
        let pass = self.gates.enter(caller).await?;
        let seat = self.room.seat(lane).await;
        let data = self.payloads.get(&dispatch.content).await?;
        Ok(Admitted {
            target,
            data,
            pass,
            seat,
        })
    }

    /// Another dispatcher may have made the attempt since it handed this copy over. Our own memory
    /// was asked when the copy arrived.
    async fn ask_if_settled(&self, dispatch: &Dispatch) -> Result<(), Refusal> {
        let key = AttemptKey::of(dispatch);
        let asked = self.record.attempts_settled(std::slice::from_ref(&key));
        match timeout(RECORD_LIMIT, asked).await {
            Ok(Ok(settled)) if settled.contains(&key) => Err(Refusal::Settled),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => {
                tracing::debug!(%error, "the record can't say whether an attempt was settled");
                Err(Refusal::RecordAway(ASK_AGAIN_SETTLED))
            }
            Err(_) => Err(Refusal::RecordAway(ASK_AGAIN_SETTLED)),
        }
    }
}

/// Whether it was sent away from the gate before.
const fn comer(dispatch: &Dispatch) -> Comer {
    if dispatch.overflows == 0 {
        Comer::New
    } else {
        Comer::Back
    }
}

impl From<Closed> for Refusal {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::Paused(rest) => Self::Paused(rest),
            Closed::Broken(rest) => Self::Broken(rest),
            Closed::Limited(wait) => Self::Limited(wait),
            Closed::Crowded(silence) => Self::Crowded(silence),
        }
    }
}

impl From<PayloadError> for Refusal {
    fn from(error: PayloadError) -> Self {
        match error {
            PayloadError::NotYet => Self::RecordAway(ASK_AGAIN),
            PayloadError::Missing => Self::PayloadMissing,
        }
    }
}
