//! The reader's own endpoints, to fill examples in with.

use axum::extract::State as With;
use serde::Deserialize;
use service::problem::Problem;
use url::Url;

use crate::access::{InTenant, Read};
use crate::api::Api;
use crate::page::Paging;
use crate::resources::endpoints;

/// How many are offered: the newest.
const OFFERED: u16 = 100;

/// What a page of examples is asked for.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    /// The endpoint to fill them in with.
    pub(super) endpoint: Option<String>,
}

/// An endpoint, as examples need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) id: String,
    pub(super) url: String,
    /// The names of its own headers.
    pub(super) headers: Vec<String>,
}

/// The newest endpoints of a tenant.
pub(super) async fn known(api: &Api, at: InTenant<Read>) -> Result<Vec<Known>, Problem> {
    let listed = endpoints::list(at, With(api.clone()), Paging::first(OFFERED)).await?;
    let known = listed.data.into_iter().map(|endpoint| Known {
        id: endpoint.id,
        url: endpoint.url,
        headers: endpoint.headers,
    });
    Ok(known.collect())
}

/// What an endpoint's URL says to its receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Scheme, host and port.
    pub(super) origin: String,
    pub(super) path: String,
}

impl Place {
    /// By the URL; the guide's own where there is none.
    pub(super) fn of(endpoint: Option<&Known>) -> Self {
        let url = endpoint.and_then(|endpoint| Url::parse(&endpoint.url).ok());
        let origin = url.as_ref().map(|url| url.origin().ascii_serialization());
        let path = url.as_ref().map(Url::path).filter(|path| is_literal(path));
        Self {
            origin: origin.unwrap_or_else(|| "https://example.com".to_owned()),
            path: path.unwrap_or("/webhooks").to_owned(),
        }
    }

    /// As the header `Host` has it.
    pub(super) fn host(&self) -> &str {
        let host = self.origin.split_once("://");
        host.map_or(&*self.origin, |(_, host)| host)
    }
}

/// Whether a path stands for itself in the string of any language, and in the routes of any
/// framework.
fn is_literal(path: &str) -> bool {
    path.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"/-_.~%".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str) -> Place {
        Place::of(Some(&Known {
            id: String::new(),
            url: url.to_owned(),
            headers: Vec::new(),
        }))
    }

    #[test]
    fn where_an_example_is_served() {
        let own = place("https://hooks.acme.example:8443/in/orders?token=1");
        assert_eq!(own.origin, "https://hooks.acme.example:8443");
        assert_eq!(
            (own.host(), &*own.path),
            ("hooks.acme.example:8443", "/in/orders")
        );
        assert_eq!(Place::of(None).path, "/webhooks");
        for odd in ["/a'b", "/:id", "/$x", "/(a)*"] {
            let path = place(&format!("https://example.com{odd}")).path;
            assert_eq!(path, "/webhooks", "{odd}");
        }
    }
}
