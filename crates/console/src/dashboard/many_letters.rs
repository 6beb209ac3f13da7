//! What is done to many dead letters: counted first, and done once that is confirmed.

use askama::Template;
use axum::Json;
use axum::extract::State as With;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use time::OffsetDateTime;

use super::dead_letters::{Asked, Whose};
use super::fields::{Fields, instant, some};
use super::frame::{Frame, Section, Shown, show};
use crate::access::{InTenant, Manage, Platform, Read};
use crate::api::Api;
use crate::body::Body;
use crate::resources::dead_letters::{self, Many, Whole, WholeOfTenant};
use crate::resources::replays::{self, AskedFailed, ToCreate};
use crate::resources::text;

/// What is done to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Replay,
    Discard,
}

impl Deed {
    const fn title(self) -> &'static str {
        match self {
            Self::Replay => "Send again",
            Self::Discard => "Discard dead letters",
        }
    }
}

#[derive(Template)]
#[template(path = "many-letters.html")]
struct Page {
    frame: Frame,
    whose: Whose,
    deed: Deed,
    step: Step,
    asked: Asked,
    many: Many,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Counted,
    Done,
}

impl Step {
    fn of(fields: &Fields) -> Self {
        match fields.one("confirmed") {
            "yes" => Self::Done,
            _ => Self::Counted,
        }
    }
}

impl Page {
    fn discards(&self) -> bool {
        self.deed == Deed::Discard
    }

    fn is_done(&self) -> bool {
        self.step == Step::Done
    }

    fn path(&self) -> String {
        let deed = match self.deed {
            Deed::Replay => "replay",
            Deed::Discard => "discard",
        };
        format!("{}/{deed}", self.whose.path())
    }
}

/// What was asked for, up to now: what is counted is what is confirmed.
fn asked(fields: &Fields) -> Asked {
    let mut asked = Asked::sent(fields);
    if asked.until.is_empty() {
        asked.until = text::instant(OffsetDateTime::now_utc());
    }
    asked
}

impl Asked {
    fn whole(&self, step: Step) -> Whole {
        Whole {
            kind: some(&self.kind),
            tenant: some(&self.tenant),
            reason: some(&self.reason),
            endpoint: some(&self.endpoint),
            event: some(&self.event),
            since: instant(&self.since),
            until: instant(&self.until),
            dry_run: step == Step::Counted,
        }
    }

    fn whole_of_tenant(&self, step: Step) -> WholeOfTenant {
        WholeOfTenant {
            reason: some(&self.reason),
            endpoint: some(&self.endpoint),
            event: some(&self.event),
            since: instant(&self.since),
            until: instant(&self.until),
            dry_run: step == Step::Counted,
        }
    }

    fn failed(&self) -> AskedFailed {
        AskedFailed {
            reason: some(&self.reason),
            endpoint: some(&self.endpoint),
            event: some(&self.event),
            since: instant(&self.since),
            until: instant(&self.until),
        }
    }
}

/// Discards a tenant's, once confirmed.
pub(super) async fn discard(
    at: InTenant<Manage>,
    reading: InTenant<Read>,
    With(api): With<Api>,
    fields: Fields,
) -> Shown {
    let (step, asked) = (Step::of(&fields), asked(&fields));
    let body = Body(asked.whole_of_tenant(step));
    let Json(many) = dead_letters::of_tenant::discard_many(at, With(api.clone()), body).await?;
    of_tenant(&api, reading, Deed::Discard, (step, asked, many)).await
}

/// Sends a tenant's again by a replay, once confirmed, and goes to its page.
pub(super) async fn replay(
    at: InTenant<Manage>,
    reading: InTenant<Read>,
    With(api): With<Api>,
    fields: Fields,
) -> Shown {
    let (step, asked) = (Step::of(&fields), asked(&fields));
    let new = ToCreate {
        failed: Some(asked.failed()),
        dry_run: step == Step::Counted,
        ..ToCreate::default()
    };
    let tenant = at.tenant;
    match replays::create(at, With(api.clone()), Body(new)).await? {
        replays::Asked::Counted(run) => {
            let many = Many {
                count: run.count,
                left: 0,
                complete: run.complete,
            };
            of_tenant(&api, reading, Deed::Replay, (step, asked, many)).await
        }
        replays::Asked::Made(made) => {
            let to = format!("/tenants/{tenant}/replays/{}", made.body.id);
            Ok(Redirect::to(&to).into_response())
        }
    }
}

/// Discards any, once confirmed.
pub(super) async fn discard_of_platform(
    by: Platform<Manage>,
    With(api): With<Api>,
    fields: Fields,
) -> Shown {
    let (step, asked) = (Step::of(&fields), asked(&fields));
    let body = Body(asked.whole(step));
    let Json(many) = dead_letters::discard_many(by, With(api), body).await?;
    Ok(of_platform(Deed::Discard, (step, asked, many)))
}

/// Publishes poison or rejected messages again, once confirmed.
pub(super) async fn replay_of_platform(
    by: Platform<Manage>,
    With(api): With<Api>,
    fields: Fields,
) -> Shown {
    let (step, asked) = (Step::of(&fields), asked(&fields));
    let body = Body(asked.whole(step));
    let Json(many) = dead_letters::replay_many(by, With(api), body).await?;
    Ok(of_platform(Deed::Replay, (step, asked, many)))
}

async fn of_tenant(api: &Api, at: InTenant<Read>, deed: Deed, found: (Step, Asked, Many)) -> Shown {
    let frame = Frame::of(api, at, Section::DeadLetters, deed.title()).await?;
    Ok(told(frame, Whose::Tenant(at.tenant), deed, found))
}

fn of_platform(deed: Deed, found: (Step, Asked, Many)) -> Response {
    let frame = Frame::of_platform(Section::DeadLetters, deed.title());
    told(frame, Whose::Everybody, deed, found)
}

fn told(frame: Frame, whose: Whose, deed: Deed, found: (Step, Asked, Many)) -> Response {
    let (step, asked, many) = found;
    let page = Page {
        frame,
        whose,
        deed,
        step,
        asked,
        many,
    };
    show(StatusCode::OK, &page)
}
