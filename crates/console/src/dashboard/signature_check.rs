//! *Signature checker*: whether a request that was received is genuine, and if not, why.

use askama::Template;
use axum::Json;
use axum::extract::State as With;
use axum::http::StatusCode;
use service::problem::Problem;

use super::faults::Faults;
use super::fields::{Fields, some};
use super::frame::{Frame, Section, Shown, show};
use super::own_endpoint::{self, Known};
use crate::access::{InTenant, Read};
use crate::api::Api;
use crate::body::Body;
use crate::query::Query;
use crate::resources::signature_check::{self, Judged, ToCheck};

#[derive(Template)]
#[template(path = "signature-check.html")]
struct Page {
    frame: Frame,
    tenant: String,
    /// Those that it can have been sent to.
    endpoints: Vec<Known>,
    filled: Filled,
    faults: Faults,
    judged: Option<Judged>,
}

/// What is shown again of what was pasted. The secret is not.
#[derive(Default)]
struct Filled {
    endpoint: String,
    headers: String,
    body: String,
}

impl Page {
    async fn new(
        api: &Api,
        at: InTenant<Read>,
        filled: Filled,
        found: Result<Option<Judged>, Faults>,
    ) -> Result<Self, Problem> {
        let (judged, faults) = match found {
            Ok(judged) => (judged, Faults::default()),
            Err(faults) => (None, faults),
        };
        Ok(Self {
            frame: Frame::of(api, at, Section::Guide, "Check a signature").await?,
            tenant: at.tenant.to_string(),
            endpoints: own_endpoint::known(api, at).await?,
            filled,
            faults,
            judged,
        })
    }

    fn is_chosen(&self, id: &str) -> bool {
        self.filled.endpoint == id
    }
}

/// Shows the form, with nothing pasted.
pub(super) async fn page(
    at: InTenant<Read>,
    With(api): With<Api>,
    Query(asked): Query<own_endpoint::Asked>,
) -> Shown {
    let filled = Filled {
        endpoint: asked.endpoint.unwrap_or_default(),
        ..Filled::default()
    };
    let page = Page::new(&api, at, filled, Ok(None)).await?;
    Ok(show(StatusCode::OK, &page))
}

/// Says whether what was pasted is genuine.
pub(super) async fn check(at: InTenant<Read>, With(api): With<Api>, fields: Fields) -> Shown {
    let filled = Filled {
        endpoint: fields.one("endpoint").to_owned(),
        headers: fields.one("headers").to_owned(),
        body: as_pasted(&fields),
    };
    let given = ToCheck {
        secret: fields.one("secret").to_owned(),
        headers: lines(&filled.headers).collect(),
        body: filled.body.clone(),
        endpoint: some(&filled.endpoint),
    };
    let found = match signature_check::run(at, With(api.clone()), Body(given)).await {
        Ok(Json(judged)) => Ok(Some(judged)),
        Err(problem) if problem.status().is_server_error() => return Err(problem),
        Err(problem) => Err(Faults::of(&problem)),
    };
    let page = Page::new(&api, at, filled, found).await?;
    Ok(show(StatusCode::OK, &page))
}

/// Browsers send a text area's line ends as CR LF, whatever was pasted. Source: HTML, “Constructing
/// the entry list”.
fn as_pasted(fields: &Fields) -> String {
    let sent = fields.all("body").next().unwrap_or_default();
    sent.replace("\r\n", "\n")
}

/// Headers as logs and tools show them: a name, a colon and a value a line, perhaps quoted, or with
/// the mark of `curl -v` before it.
fn lines(pasted: &str) -> impl Iterator<Item = (String, String)> {
    let around =
        |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '<' | '>' | '{' | '}');
    pasted.lines().filter_map(move |line| {
        let (name, value) = line.split_once(':')?;
        let (name, value) = (name.trim_matches(around), value.trim_matches(around));
        (!name.is_empty()).then(|| (name.to_owned(), value.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_as_they_are_pasted() {
        let pasted = "POST / HTTP/1.1\nWebhook-Id: evt_1\r\n< webhook-timestamp: 17\n  \
                      'webhook-signature': 'v1,a=',\n:\n";
        let read: Vec<_> = lines(pasted).collect();
        let expected = [
            ("Webhook-Id", "evt_1"),
            ("webhook-timestamp", "17"),
            ("webhook-signature", "v1,a="),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read, expected);
    }

    #[test]
    fn a_body_keeps_its_own_line_ends() {
        let fields = Fields::of(&[("body", " {\r\n}\r\n")]);
        assert_eq!(as_pasted(&fields), " {\n}\n");
    }
}
