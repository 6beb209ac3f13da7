//! *Replay what failed*: what an endpoint is sent again, counted before it is begun.

use askama::Template;
use axum::Json;
use axum::extract::State as With;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use domain::id::{self, EndpointId};
use domain::limits;
use service::problem::Problem;
use time::OffsetDateTime;

use super::fields::{Fields, instant, to_the_minute};
use super::frame::{Frame, Section, Shown, show};
use super::words;
use crate::access::{InTenant, Manage, Named, Read};
use crate::api::Api;
use crate::body::Body;
use crate::resources::endpoints::{self, Endpoint};
use crate::resources::replays::{self, Asked, AskedFailed, DryRun, Everything, Missed, ToCreate};
use crate::resources::text;

#[derive(Template)]
#[template(path = "replay-form.html")]
struct Page {
    frame: Frame,
    tenant: String,
    endpoint: String,
    url: String,
    is_enabled: bool,
    filled: Filled,
    faults: Faults,
    /// What it comes to, where it was counted.
    counted: Option<Counted>,
}

/// What was counted: until this instant, so that what is begun is what was counted.
struct Counted {
    run: DryRun,
    until: String,
}

impl Counted {
    fn takes(&self) -> String {
        words::wait(self.run.takes_s)
    }
}

impl Page {
    fn is_chosen(&self, which: &str) -> bool {
        self.filled.which == which
    }

    fn most(&self) -> u16 {
        limits::REPLAY_RATE
    }
}

/// As the form was sent: text, right or wrong.
struct Filled {
    which: String,
    since: String,
    until: String,
    rate: String,
}

impl Filled {
    fn new() -> Self {
        Self {
            which: "failed".to_owned(),
            since: String::new(),
            until: String::new(),
            rate: limits::REPLAY_RATE_DEFAULT.to_string(),
        }
    }

    fn sent(fields: &Fields) -> Self {
        let text = |name: &str| fields.one(name).to_owned();
        Self {
            which: text("which"),
            since: text("since"),
            until: text("until"),
            rate: text("rate"),
        }
    }

    fn since_field(&self) -> &str {
        to_the_minute(&self.since)
    }

    fn until_field(&self) -> &str {
        to_the_minute(&self.until)
    }

    /// What the API is asked for.
    fn asked(&self, endpoint: EndpointId) -> ToCreate {
        let endpoint = endpoint.to_string();
        let (since, until) = (instant(&self.since), instant(&self.until));
        let asked = ToCreate {
            rate: Some(words::rate(&self.rate)),
            ..ToCreate::default()
        };
        match &*self.which {
            "everything" => ToCreate {
                everything: Some(Everything {
                    endpoint,
                    since: since.unwrap_or_default(),
                    until,
                }),
                ..asked
            },
            "missed" => ToCreate {
                missed: Some(Missed {
                    endpoint,
                    since,
                    until,
                }),
                ..asked
            },
            "failed" => ToCreate {
                failed: Some(AskedFailed {
                    endpoint: Some(endpoint),
                    since,
                    until,
                    ..AskedFailed::default()
                }),
                ..asked
            },
            _ => asked,
        }
    }
}

/// What is wrong with what was sent.
#[derive(Debug, Default, PartialEq, Eq)]
struct Faults {
    which: Option<String>,
    since: Option<String>,
    until: Option<String>,
    rate: Option<String>,
    /// With none of these fields.
    other: Option<String>,
}

impl Faults {
    fn of(problem: &Problem) -> Self {
        let mut faults = Self::default();
        for fault in problem.faults() {
            let place = match &*fault.pointer {
                "#" => &mut faults.which,
                "#/rate" => &mut faults.rate,
                pointer if pointer.ends_with("/since") => &mut faults.since,
                pointer if pointer.ends_with("/until") => &mut faults.until,
                _ => &mut faults.other,
            };
            place.get_or_insert(match &*fault.pointer {
                "#" => "Choose one of these.".to_owned(),
                pointer if pointer.ends_with("/since") => "Give a date and a time.".to_owned(),
                _ => words::sentence(&fault.detail),
            });
        }
        if problem.faults().is_empty() {
            faults.other = Some(words::sentence(problem.detail()));
        }
        faults
    }
}

/// Shows the form.
pub(super) async fn page(
    at: InTenant<Read>,
    With(api): With<Api>,
    Named(named): Named<id::Endpoint>,
) -> Shown {
    let (_, Json(endpoint)) = endpoints::get(at, With(api.clone()), Named(named)).await?;
    let (filled, faults) = (Filled::new(), Faults::default());
    render(&api, at, endpoint, filled, (StatusCode::OK, faults), None).await
}

async fn render(
    api: &Api,
    at: InTenant<Read>,
    endpoint: Endpoint,
    filled: Filled,
    (status, faults): (StatusCode, Faults),
    counted: Option<Counted>,
) -> Shown {
    let page = Page {
        frame: Frame::of(api, at, Section::Webhooks, "Replay").await?,
        tenant: at.tenant.to_string(),
        is_enabled: endpoint.state == "enabled",
        endpoint: endpoint.id,
        url: endpoint.url,
        filled,
        faults,
        counted,
    };
    Ok(show(status, &page))
}

/// Counts what was asked for, or begins it and goes to the replay's page.
pub(super) async fn ask(
    at: InTenant<Manage>,
    reading: InTenant<Read>,
    With(api): With<Api>,
    Named(named): Named<id::Endpoint>,
    fields: Fields,
) -> Shown {
    let filled = Filled::sent(&fields);
    let begins = fields.one("deed") == "begin";
    let now = text::instant(OffsetDateTime::now_utc());
    let asked = ToCreate {
        dry_run: !begins,
        ..filled.asked(named)
    };
    // The API replays what failed at endpoints that are gone, too; this page is of one that is there.
    let (_, Json(endpoint)) = endpoints::get(reading, With(api.clone()), Named(named)).await?;
    match replays::create(at, With(api.clone()), Body(asked)).await {
        Ok(Asked::Counted(run)) => {
            let until = instant(&filled.until).unwrap_or(now);
            let (fine, counted) = ((StatusCode::OK, Faults::default()), Counted { run, until });
            render(&api, reading, endpoint, filled, fine, Some(counted)).await
        }
        Ok(Asked::Made(made)) => {
            let to = format!("/tenants/{}/replays/{}", reading.tenant, made.body.id);
            Ok(Redirect::to(&to).into_response())
        }
        Err(problem) if problem.status().is_server_error() => Err(problem),
        Err(problem) if problem.status() == StatusCode::NOT_FOUND => Err(problem),
        Err(problem) => {
            let wrong = (problem.status(), Faults::of(&problem));
            render(&api, reading, endpoint, filled, wrong, None).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem;

    #[test]
    fn a_fault_stands_beside_its_field() {
        let faults = Faults::of(&problem::invalid("#/failed/until", "it is not after since"));
        assert_eq!(faults.until.as_deref(), Some("It is not after since."));
        let faults = Faults::of(&problem::invalid("#/rate", "1 to 5,000"));
        assert_eq!(faults.rate.as_deref(), Some("1 to 5,000."));
        assert!(
            Faults::of(&problem::invalid("#", "give one"))
                .which
                .is_some()
        );
        assert!(Faults::of(&problem::not_found()).other.is_some());
    }
}
