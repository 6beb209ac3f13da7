//! Prometheus' text form, as a scraper reads it:
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::collections::{BTreeMap, BTreeSet};

/// The labels of a metric, and the values that they have.
pub(crate) type Labels = BTreeMap<String, BTreeSet<String>>;

/// A metric and all of its series.
#[derive(Debug, Default, Clone)]
pub(crate) struct Family {
    /// `counter`, `gauge` or `histogram`.
    pub(crate) kind: String,
    /// Those of all series; `le` apart.
    pub(crate) labels: Labels,
}

/// The metrics of one exposition, by name. A histogram goes by its own name, not by those of its
/// buckets.
pub(crate) fn families(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            name.clone_into(&mut current);
            kind.clone_into(&mut families.entry(current.clone()).or_default().kind);
        } else if !line.starts_with('#') {
            let family = families.get_mut(&current).unwrap();
            let labels = line.split_once('{').map_or("", |(_, rest)| {
                rest.rsplit_once('}').expect("what opens, closes").0
            });
            for (label, value) in pairs(labels) {
                if label != "le" {
                    family.labels.entry(label).or_default().insert(value);
                }
            }
        }
    }
    families
}

/// `a="b",c="d"`, where no value has a quote in it: ours are bounded names.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = text;
    while let Some((label, after)) = rest.split_once('=') {
        let (_, quoted) = after.split_once('"').unwrap();
        let (value, after) = quoted.split_once('"').unwrap();
        let label = label.trim_matches(|c: char| c == ',' || c == '!' || c.is_whitespace());
        pairs.push((label.to_owned(), value.to_owned()));
        rest = after.strip_prefix('"').unwrap_or(after);
    }
    pairs
}
