//! What is asked for: every page and every look that there is, from the console's own lists.

use std::fmt;

use super::reader::Reader;
use super::subject::Subject;

/// How something is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By a key, of the API.
    Api,
    /// By a session, of the dashboard.
    Page,
}

/// A page or a look, with its parameters in braces.
pub(super) struct Call {
    pub(super) way: Way,
    pub(super) template: String,
}

/// What is asked for beside the plain path, or instead of it where the path must have a query.
const QUERIES: [(&str, &[&str]); 8] = [
    ("/v1/tenants/{tenant}/endpoints", &["", "?limit=250"]),
    (
        "/v1/tenants/{tenant}/events",
        &[
            "",
            "?limit=250",
            "?event=user.created",
            "?event=order.kind_1",
        ],
    ),
    (
        "/v1/tenants/{tenant}/deliveries",
        &[
            "?event={event}",
            "?endpoint={endpoint}",
            "?endpoint={endpoint}&limit=250",
            "?state=delivered",
            "?state=dead",
            "?state=held",
        ],
    ),
    (
        "/v1/tenants/{tenant}/dead-letters",
        &["", "?state=all", "?reason=gone", "?endpoint={endpoint}"],
    ),
    (
        "/v1/dead-letters",
        &[
            "",
            "?state=all",
            "?kind=poison",
            "?tenant={tenant_id}&reason=gone",
        ],
    ),
    ("/tenants/{tenant}/events", &["", "?q=user.created"]),
    ("/tenants/{tenant}/dead-letters", &["", "?reason=gone"]),
    ("/dead-letters", &["", "?kind=poison"]),
];

/// What never ends, and is no page.
const STREAM: &str = "/events/stream";

/// Everything that can be looked at.
pub(super) async fn calls(reader: &Reader) -> anyhow::Result<Vec<Call>> {
    let document = reader.json("/openapi.json").await?;
    let paths = document["paths"].as_object();
    let looks = paths.into_iter().flatten();
    let looks = looks
        .filter(|(_, path)| path.get("get").is_some())
        .map(|(path, _)| (Way::Api, path.clone()));
    let pages = console::pages()
        .filter(|(method, _)| method == "GET")
        .map(|(_, path)| (Way::Page, path.to_owned()));
    let outside = ["/login", "/docs"].map(|path| (Way::Page, path.to_owned()));
    let all = looks.chain(pages).chain(outside);
    let all = all.filter(|(_, path)| !path.ends_with(STREAM));
    Ok(all.flat_map(|(way, path)| variants(way, &path)).collect())
}

fn variants(way: Way, path: &str) -> Vec<Call> {
    let queries = QUERIES.iter().find(|(of, _)| *of == path);
    let queries = queries.map_or(&[""][..], |(_, queries)| queries);
    let call = |query: &&str| Call {
        way,
        template: format!("{path}{query}"),
    };
    queries.iter().map(call).collect()
}

impl Call {
    pub(super) fn is_of_a_tenant(&self) -> bool {
        self.template.contains("{tenant}")
    }

    /// Where it is for this tenant; none where the tenant has nothing of the kind.
    pub(super) fn path(&self, of: &Subject) -> Option<String> {
        let filled = of
            .ids
            .iter()
            .fold(self.template.clone(), |path, (name, value)| {
                path.replace(&format!("{{{name}}}"), value)
            });
        (!filled.contains('{')).then_some(filled)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.template)
    }
}
