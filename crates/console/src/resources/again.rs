//! One delivery made again, for whoever asks for just that one.

use domain::attempt::{AttemptNumber, Trigger};
use domain::delivery::{Delivery, Due};
use domain::dispatch::{Custody, Dispatch};
use domain::id::{DeliveryId, EndpointId};
use domain::tier::Wait;
use serde::Serialize;
use service::problem::Problem;
use store::events::StoredEvent;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::api::Api;
use crate::problem;
use crate::retry_lane::on_retry_lane;

/// A replay of one delivery that was begun.
#[derive(Serialize, ToSchema)]
pub(crate) struct Begun {
    /// The new delivery.
    pub(crate) id: String,
    /// The delivery that it repeats.
    pub(crate) replay_of: String,
}

/// What is to be delivered again.
pub(super) struct Again<'a> {
    /// The new delivery.
    pub(super) id: DeliveryId,
    /// What it repeats.
    pub(super) original: DeliveryId,
    pub(super) endpoint: EndpointId,
    pub(super) event: &'a StoredEvent,
}

/// Publishes a new delivery and says so on record.
///
/// Published first: what the broker did not take, nobody waits for.
pub(super) async fn deliver(api: &Api, again: Again<'_>) -> Result<Begun, Problem> {
    let delivery = Delivery {
        id: again.id,
        endpoint: again.endpoint,
        trigger: Trigger::Replay,
        replay_of: Some(again.original),
    };
    let dispatch = Dispatch {
        content: again.event.content().into(),
        due: Due {
            delivery,
            attempt: AttemptNumber::FIRST,
        },
        wait: Wait::NONE,
        custody: Custody::Sole,
        overflows: 0,
        attempt_before: None,
    };
    api.publisher
        .publish(on_retry_lane(&dispatch, api.shards))
        .await
        .map_err(|error| unpublished(&error))?;
    // From here on it is under way; its row also appears with its first report.
    let now = OffsetDateTime::now_utc();
    if let Err(error) = api.store.insert_replay(&delivery, again.event, now).await {
        tracing::warn!(%error, delivery.id = %again.id, "a replay is not on record yet");
    }
    Ok(Begun {
        id: again.id.to_string(),
        replay_of: again.original.to_string(),
    })
}

/// The broker did not take it.
pub(super) fn unpublished(error: &broker::PublishError) -> Problem {
    tracing::warn!(%error, "a replay was not published");
    problem::unavailable("the broker does not take the replay now: try again")
}
