//! The OpenAPI document, as a list of what may be asked.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
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

/// Of two schemas of one name the document would have one, and say of the other what isn't so.
#[test]
fn no_two_schemas_share_a_name() {
    let mut names = HashSet::new();
    for source in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let source = fs::read_to_string(source).unwrap();
        for described in source.split("ToSchema)]\n").skip(1) {
            let (attributes, own) = described.split_once("struct ").unwrap();
            let renamed = attributes.split_once("schema(as = ").map(|(_, name)| name);
            let name = renamed.unwrap_or(own);
            let end = name.find(|c: char| !c.is_ascii_alphanumeric());
            let name = name[..end.unwrap_or(name.len())].to_owned();
            assert!(names.insert(name.clone()), "there are two schemas {name}");
        }
    }
    assert!(names.len() > 30, "only {} schemas were found", names.len());
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| {
        if path.is_dir() {
            sources(&path)
        } else if path.extension().is_some_and(|one| one == "rs") {
            vec![path]
        } else {
            Vec::new()
        }
    };
    paths.flat_map(below).collect()
}
