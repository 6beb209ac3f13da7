//! The statements in this crate's sources that read and change nothing.

use std::fs;
use std::path::{Path, PathBuf};

/// What stands for the parts that a statement is made of when it is run; each gives a variant.
const PARTS: [(&str, &[&str]); 4] = [
    (
        "{narrow}",
        &[
            "endpoint_id = $4 and resolved_at is null",
            "endpoint_id = $4",
            "tenant_id = $4 and resolved_at is null",
            "tenant_id = $4",
            "$4::uuid is null and resolved_at is null",
            "$4::uuid is null",
        ],
    ),
    (
        "{by}",
        &["endpoint_id = $4", "tenant_id = $4 and state = 'delivered'"],
    ),
    ("{sums}", &["tenant_id = $1", "tenant_id is null"]),
    ("{own}", &[" and tenant_id = $1", ""]),
];

/// What tells that a statement changes or locks something.
const CHANGES: [&str; 6] = [
    "insert into",
    "update ",
    "for update",
    "delete from",
    "pg_advisory",
    "create table",
];

/// A statement, and its name.
pub(super) struct Statement {
    pub(super) name: String,
    pub(super) text: String,
    /// Whether it is run where one tenant's rows are seen alone.
    pub(super) place: Place,
}

/// Where a statement is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Open,
    BehindTheFence,
}

/// All that read and change nothing.
pub(super) fn statements() -> Vec<Statement> {
    let mut found = Vec::new();
    for source in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let source = fs::read_to_string(source).unwrap();
        for (at, mark) in source.match_indices("\"-- ") {
            let rest = &source[at + mark.len()..];
            let (text, after) = rest.split_once('"').unwrap();
            let function = after.split("fn ").next().unwrap();
            let place = match function.contains("fence(") {
                true => Place::BehindTheFence,
                false => Place::Open,
            };
            let Some((name, body)) = text.split_once('\n') else {
                continue;
            };
            let reads =
                body.trim_start().starts_with("select") || body.trim_start().starts_with("with");
            if reads && !CHANGES.iter().any(|change| body.contains(change)) {
                found.extend(variants(body).into_iter().map(|text| Statement {
                    name: name.to_owned(),
                    text,
                    place,
                }));
            }
        }
    }
    found
}

/// Every file below a folder.
pub(crate) fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                sources(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// A statement with each of its parts' variants: the first of each together, and so on.
fn variants(body: &str) -> Vec<String> {
    let parts = || PARTS.iter().filter(|(part, _)| body.contains(part));
    let count = parts()
        .map(|(_, variants)| variants.len())
        .max()
        .unwrap_or(1);
    let made = |at: usize| {
        parts().fold(body.to_owned(), |text, (part, variants)| {
            text.replace(part, variants[at])
        })
    };
    (0..count).map(made).collect()
}

/// Who has the most, as SQL.
pub(super) struct Most {
    pub(super) tenant: String,
    pub(super) endpoint: String,
    /// An event that went to the endpoint.
    pub(super) event: String,
    /// The event's day.
    pub(super) day: String,
    /// Its delivery there.
    pub(super) delivery: String,
    /// A replay of much.
    pub(super) replay: String,
}

impl Statement {
    /// A parameter's value, as SQL: of whoever has the most, beginning where lists begin, and
    /// bounded like a page.
    pub(super) fn value(&self, number: usize, kind: &str, of: &Most) -> String {
        // What selects all where it is not given.
        let may_miss = [" is null", "::uuid is null", "::text is null"];
        if may_miss
            .iter()
            .any(|end| self.text.contains(&format!("${number}{end}")))
        {
            return "null".to_owned();
        }
        let before = self.before(number);
        let is_above = before.trim_end_matches(['(', ' ', '=']).ends_with('>');
        let value = match kind {
            "uuid" if is_above => "'00000000-0000-0000-0000-000000000000'",
            "uuid" => match (column(before), self.table()) {
                ("tenant_id", _) | ("id", "tenants") => &of.tenant,
                ("endpoint_id", _) | ("id", "endpoints") => &of.endpoint,
                ("event_id", _) | ("id", "events") => &of.event,
                ("replay_id", _) | ("id", "replays") => &of.replay,
                ("delivery_id" | "id", _) => &of.delivery,
                // The second of a pair that a page begins after.
                _ => "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
            },
            "uuid[]" => return format!("array[{}]", of.endpoint),
            "timestamp with time zone" | "date" if is_above => "'0001-01-01'",
            "timestamp with time zone" => "'9999-12-31'",
            "date" if column(before) == "day" && !before.trim_end().ends_with("<=") => &of.day,
            "date" => "current_date",
            "date[]" => "array[current_date]",
            "text" => match column(before) {
                "event_type" => "'shipment.created'",
                "state" => "'delivered'",
                _ => "null",
            },
            "bigint" | "integer" if before.ends_with("offset ") => "4999",
            "bigint" | "integer" => "51",
            _ => "null",
        };
        value.to_owned()
    }

    /// What stands before a parameter: where it is compared with something, or else where it is
    /// named first.
    fn before(&self, number: usize) -> &str {
        let name = format!("${number}");
        let places = self.text.match_indices(&name).map(|(at, _)| at);
        let places = places.filter(|at| {
            let next = self.text[at + name.len()..].chars().next();
            !next.is_some_and(|next| next.is_ascii_digit())
        });
        let all: Vec<&str> = places.map(|at| &self.text[..at]).collect();
        let compares = |before: &&&str| before.trim_end().ends_with(['<', '>', '=']);
        all.iter().find(compares).unwrap_or(&all[0])
    }

    /// The first table that is read.
    fn table(&self) -> &str {
        let (_, rest) = self.text.split_once("from ").unwrap_or_default();
        rest.split([' ', '\n']).next().unwrap_or_default()
    }
}

/// The column that is compared with what comes next.
fn column(before: &str) -> &str {
    let before = before
        .trim_end_matches("any(")
        .trim_end_matches(['(', ' ', '=', '<', '>']);
    let from = before.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    &before[from.map_or(0, |at| at + 1)..]
}
