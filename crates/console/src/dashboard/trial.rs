//! What a form's settings would do, before they are saved.

use axum::Json;
use axum::extract::State as With;
use service::problem::Problem;

use super::faults::Faults;
use super::schedule;
use super::state::Instant;
use crate::access::{InTenant, Manage, Read};
use crate::api::Api;
use crate::body::Body;
use crate::resources::endpoints::{Changes, check};
use crate::resources::simulation::{self, Simulation, ToTry};

/// What was found of settings that nobody has saved.
pub(super) struct Trial {
    /// What can't be used of them.
    pub(super) faults: Faults,
    /// When failed deliveries would be tried again, in words; none where that can't be used.
    pub(super) retry: Option<String>,
    /// Which of the newest events they select; none where the filter can't be used.
    pub(super) simulated: Option<Simulated>,
}

/// Which of the newest events are selected.
pub(super) struct Simulated {
    pub(super) tried: usize,
    pub(super) selected: usize,
    pub(super) rows: Vec<Row>,
    /// Whether any type was tried, since none is chosen yet.
    pub(super) of_any_type: bool,
}

/// What the settings say of an event.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) event: String,
    pub(super) at: Instant,
    /// Why it is not selected; none: it is.
    pub(super) why_not: Option<String>,
}

impl Trial {
    /// Tries settings, and what they select.
    pub(super) async fn of(
        api: &Api,
        managing: InTenant<Manage>,
        reading: InTenant<Read>,
        settings: Changes,
        selection: ToTry,
    ) -> Result<Self, Problem> {
        let Json(checked) = check::run(reading, With(api.clone()), Body(settings)).await?;
        let wrongs = checked.errors.iter();
        let faults = Faults::named(wrongs.map(|wrong| (&*wrong.pointer, &*wrong.detail)));
        let of_any_type = selection.event_types.is_none();
        let simulated = simulation::run(managing, With(api.clone()), Body(selection)).await;
        let (faults, simulated) = match simulated {
            Ok(Json(found)) => (faults, Some(Simulated::new(found, of_any_type))),
            // It speaks of the same members.
            Err(problem) if problem.status().is_client_error() => {
                (faults.and(Faults::of(&problem)), None)
            }
            Err(problem) => return Err(problem),
        };
        Ok(Self {
            faults,
            retry: checked.retry.as_ref().map(schedule::in_words),
            simulated,
        })
    }
}

impl Simulated {
    fn new(found: Simulation, of_any_type: bool) -> Self {
        let row = |one: simulation::Tried| Row {
            id: one.id,
            event: one.event,
            at: Instant(one.accepted_at),
            why_not: (!one.selected).then_some(one.detail),
        };
        Self {
            tried: found.tried,
            selected: found.selected,
            rows: found.data.into_iter().map(row).collect(),
            of_any_type,
        }
    }
}
