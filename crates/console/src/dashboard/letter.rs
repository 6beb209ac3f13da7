//! One *dead letter*: why it is one, what it holds, and what can be done about it.

use askama::Template;
use axum::Json;
use axum::extract::State as With;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use domain::id::{self, DeadLetterId};

use super::beginning::Beginning;
use super::dead_letters::Whose;
use super::fields::{Fields, some};
use super::frame::{Frame, Section, Shown, show};
use super::letter_words;
use super::state::{Instant, State};
use crate::access::{InTenant, Manage, Named, Platform, Read};
use crate::api::Api;
use crate::body::Body;
use crate::resources::dead_letters::{self, Corrected, Replayed, WithBody, of_tenant};

/// How much of a message is shown, in bytes; what is longer can't be corrected here.
const MESSAGE: usize = 20_000;

#[derive(Template)]
#[template(path = "letter.html")]
struct Page {
    frame: Frame,
    whose: Whose,
    found: WithBody,
    title: String,
    state: State,
    at: Instant,
    meaning: (&'static str, &'static str),
    /// A message's text; none of a delivery, whose event has its payload.
    message: Option<Beginning>,
    is_binary: bool,
}

impl Page {
    fn new(frame: Frame, whose: Whose, found: WithBody) -> Self {
        let (letter, text) = (&found.letter, found.body.text.as_deref());
        let is_message = letter.kind != "delivery";
        let title = letter.event_type.clone();
        Self {
            title: title.unwrap_or_else(|| letter_words::kind(letter.kind).to_owned()),
            state: letter_words::state(letter),
            at: Instant(letter.created_at.clone()),
            meaning: letter_words::meaning(&letter.reason),
            message: text
                .filter(|_| is_message)
                .map(|text| Beginning::of(text, MESSAGE)),
            is_binary: is_message && text.is_none(),
            frame,
            whose,
            found,
        }
    }

    fn is_open(&self) -> bool {
        self.found.letter.resolution.is_none()
    }

    /// The text of a rejected message that can be corrected here.
    fn correctable(&self) -> Option<&str> {
        let message = self.message.as_ref().filter(|message| !message.is_cut)?;
        let can = self.whose.is_everybody() && self.found.letter.kind == "rejected";
        can.then_some(&*message.text)
    }
}

/// Shows one of a tenant's.
pub(super) async fn page(
    at: InTenant<Read>,
    With(api): With<Api>,
    Named(letter): Named<id::DeadLetter>,
) -> Shown {
    let Json(found) = of_tenant::get(at, With(api.clone()), Named(letter)).await?;
    let frame = Frame::of(&api, at, Section::DeadLetters, "Dead letter").await?;
    let page = Page::new(frame, Whose::Tenant(at.tenant), found);
    Ok(show(StatusCode::OK, &page))
}

/// Shows any.
pub(super) async fn of_platform(
    by: Platform<Read>,
    With(api): With<Api>,
    Named(letter): Named<id::DeadLetter>,
) -> Shown {
    let Json(found) = dead_letters::get(by, With(api), Named(letter)).await?;
    let frame = Frame::of_platform(Section::DeadLetters, "Dead letter");
    Ok(show(
        StatusCode::OK,
        &Page::new(frame, Whose::Everybody, found),
    ))
}

/// Sends one of a tenant's again, and goes to the new delivery.
pub(super) async fn replay(
    at: InTenant<Manage>,
    With(api): With<Api>,
    Named(letter): Named<id::DeadLetter>,
) -> Shown {
    let whose = Whose::Tenant(at.tenant);
    let (_, Json(replayed)) = of_tenant::replay(at, With(api), Named(letter)).await?;
    Ok(replaced(whose, letter, &replayed))
}

/// Sends any again, a rejected message corrected perhaps.
pub(super) async fn replay_of_platform(
    by: Platform<Manage>,
    With(api): With<Api>,
    Named(letter): Named<id::DeadLetter>,
    fields: Fields,
) -> Shown {
    let corrected = Corrected {
        text: fields.all("text").next().map(str::to_owned),
        content_type: some(fields.one("content_type")),
        ..Corrected::default()
    };
    let body = Body(corrected);
    let (_, Json(replayed)) = dead_letters::replay(by, With(api), Named(letter), body).await?;
    Ok(replaced(Whose::Everybody, letter, &replayed))
}

/// To what came of it.
fn replaced(whose: Whose, letter: DeadLetterId, replayed: &Replayed) -> Response {
    let to = match (whose, &replayed.delivery) {
        (Whose::Tenant(tenant), Some(new)) => format!("/tenants/{tenant}/deliveries/{new}"),
        _ => format!("{}/{letter}", whose.path()),
    };
    Redirect::to(&to).into_response()
}

/// Discards one of a tenant's.
pub(super) async fn discard(
    at: InTenant<Manage>,
    With(api): With<Api>,
    Named(letter): Named<id::DeadLetter>,
) -> Shown {
    let list = Whose::Tenant(at.tenant).path();
    of_tenant::discard(at, With(api), Named(letter)).await?;
    Ok(Redirect::to(&list).into_response())
}

/// Discards any.
pub(super) async fn discard_of_platform(
    by: Platform<Manage>,
    With(api): With<Api>,
    Named(letter): Named<id::DeadLetter>,
) -> Shown {
    dead_letters::discard(by, With(api), Named(letter)).await?;
    Ok(Redirect::to(&Whose::Everybody.path()).into_response())
}
