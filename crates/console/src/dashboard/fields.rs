//! The fields of a form, within the bounds of every body.

use axum::extract::{FromRequest, Request};
use service::problem::Problem;
use url::form_urlencoded;

use crate::api::Api;
use crate::body;

/// What a form was filled in with, in its order; a name may come several times.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// As a test fills them in.
    #[cfg(test)]
    pub(super) fn of(pairs: &[(&str, &str)]) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self(pairs.iter().map(own).collect())
    }

    /// The first value of this name, without white space around it; empty where there is none.
    pub(super) fn one(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default().trim()
    }

    /// Every value of this name.
    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let name = name.to_owned();
        let values = self.0.iter();
        values.filter_map(move |(own, value)| (*own == name).then_some(value.as_str()))
    }
}

impl FromRequest<Api> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Api) -> Result<Self, Problem> {
        let bytes = body::read(request.into_body()).await?;
        Ok(Self(form_urlencoded::parse(&bytes).into_owned().collect()))
    }
}

/// What was typed, if anything was.
pub(super) fn some(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// What a field for an instant was sent as, in the form of the API. Browsers send it without a
/// zone, and the form says that it is UTC.
pub(super) fn instant(sent: &str) -> Option<String> {
    let seconds = match sent.len() {
        0 => return None,
        16 => ":00Z",
        19 => "Z",
        _ => "",
    };
    Some(format!("{sent}{seconds}"))
}

/// What a field for an instant shows.
pub(super) fn to_the_minute(sent: &str) -> &str {
    sent.get(..16).unwrap_or(sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_as_utc() {
        assert_eq!(instant(""), None);
        let is = |sent: &str| instant(sent).unwrap();
        assert_eq!(is("2026-03-02T10:15"), "2026-03-02T10:15:00Z");
        assert_eq!(is("2026-03-02T10:15:07"), "2026-03-02T10:15:07Z");
        assert_eq!(is("2026-03-02T10:15:07Z"), "2026-03-02T10:15:07Z");
        assert_eq!(is("yesterday"), "yesterday");
    }

    #[test]
    fn fields_by_name() {
        let fields = Fields::of(&[("url", " https://a.b "), ("event", "x"), ("event", "y")]);
        assert_eq!(fields.one("url"), "https://a.b");
        assert_eq!(fields.one("none"), "");
        assert_eq!(fields.all("event").collect::<Vec<_>>(), ["x", "y"]);
    }
}
