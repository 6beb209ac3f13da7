//! The OpenAPI document, as a list of what may be asked.

use std::str::FromStr;

use axum::http::Method;
use serde_json::Value;

/// One method of one path.
pub(crate) struct Operation {
    pub(crate) method: Method,
    /// With its parameters in braces.
    pub(crate) template: String,
    pub(crate) description: Value,
}

impl Operation {
    pub(crate) fn is_of_a_tenant(&self) -> bool {
        self.template.contains("{tenant}")
    }

    pub(crate) fn needs_no_key(&self) -> bool {
        let of_branding = self.template.starts_with("/v1/branding") && !self.changes();
        self.template == "/v1/egress-ips" || of_branding
    }

    pub(crate) fn changes(&self) -> bool {
        self.method != Method::GET
    }

    /// Whether it is sent something to be judged, and keeps nothing of it.
    pub(crate) fn only_judges(&self) -> bool {
        let ends = |end| self.template.ends_with(end);
        ends("/endpoints/check") || ends("/check-signature")
    }

    /// The path with these values for its parameters.
    ///
    /// # Panics
    /// When a parameter has none: a new one needs a value here before it is tested at all.
    pub(crate) fn path(&self, values: &[(&str, &str)]) -> String {
        let filled = values
            .iter()
            .fold(self.template.clone(), |path, (name, value)| {
                path.replace(&format!("{{{name}}}"), value)
            });
        assert!(!filled.contains('{'), "no value for all of {filled}");
        filled
    }
}

/// Everything that the document describes.
pub(crate) fn operations() -> Vec<Operation> {
    let document = serde_json::to_value(console::openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let methods = ["get", "post", "put", "patch", "delete"];
    paths
        .iter()
        .flat_map(|(template, path)| {
            methods.iter().filter_map(move |name| {
                let description = path.get(name)?.clone();
                Some(Operation {
                    method: Method::from_str(&name.to_uppercase()).unwrap(),
                    template: template.clone(),
                    description,
                })
            })
        })
        .collect()
}
