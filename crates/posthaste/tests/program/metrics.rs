//! What is documented of metrics is what the roles show, and what alerts and dashboards ask for is
//! there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use testkit::cluster::Role;
use testkit::receiver::{Receiver, Respond};
use testkit::{Cluster, Collector, Metric, Stack, eventually};

use crate::exposition::{Family, Labels, families, pairs};
use crate::support::PROGRAM;

/// The ledger is taken every five seconds, and balances once the lanes have told where they are.
const DEADLINE: Duration = Duration::from_secs(90);
const EVENT: &str = r#"{"tenant":"acme","event":"shipment.created","data":{}}"#;
/// Labels that Prometheus gives, and functions make.
const GIVEN: [&str; 6] = ["job", "instance", "le", "namespace", "pod", "container"];

/// A metric as the reference has it.
#[derive(Debug)]
struct Documented {
    kind: String,
    labels: Labels,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What stands between backticks.
fn quoted(text: &str) -> Vec<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// The rows of the reference: a metric, its kind, and its labels as `` `label`: `value`, `value` ``
/// with semicolons between them.
fn reference() -> BTreeMap<String, Documented> {
    let text = fs::read_to_string(root().join("docs/operators/metrics.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let documented = rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let labels = cells[2].split(';').filter_map(|label| {
            let mut names = quoted(label).into_iter();
            Some((names.next()?, names.collect()))
        });
        let metric = Documented {
            kind: cells[1].to_owned(),
            labels: labels.collect(),
        };
        (quoted(cells[0])[0].clone(), metric)
    });
    documented.collect()
}

/// What all roles show together.
async fn shown(cluster: &Cluster) -> BTreeMap<String, Family> {
    let mut all: BTreeMap<String, Family> = BTreeMap::new();
    for role in Role::ALL {
        for (name, family) in families(&cluster.metrics(role).await) {
            let known = all.entry(name).or_default();
            known.kind = family.kind;
            for (label, values) in family.labels {
                known.labels.entry(label).or_default().extend(values);
            }
        }
    }
    all
}

/// What keeps the reference from being true of a live system; empty when it is.
fn differences(
    documented: &BTreeMap<String, Documented>,
    live: &BTreeMap<String, Family>,
) -> Vec<String> {
    let mut differences = Vec::new();
    for name in live.keys().filter(|name| !documented.contains_key(*name)) {
        differences.push(format!("{name} is not documented"));
    }
    for (name, metric) in documented {
        let Some(family) = live.get(name) else {
            differences.push(format!("{name} is not shown"));
            continue;
        };
        if family.kind != metric.kind {
            differences.push(format!("{name} is a {}", family.kind));
        }
        let names = |labels: &Labels| labels.keys().cloned().collect::<BTreeSet<_>>();
        if names(&family.labels) != names(&metric.labels) {
            differences.push(format!("{name} has the labels {:?}", family.labels));
            continue;
        }
        for (label, values) in &metric.labels {
            // One without values has those of a fixed set that the reference tells in words.
            let others: Vec<_> = family.labels[label].difference(values).collect();
            if !values.is_empty() && !others.is_empty() {
                differences.push(format!("{name} has {label} of {others:?}"));
            }
        }
    }
    differences
}

/// Something of everything: an event that arrives, one that fails and is retried, one that is
/// refused.
async fn exercise(cluster: &Cluster, good: &Receiver, bad: &Receiver) {
    let tenant = json!({"name": "acme", "external_id": "acme"});
    cluster.make("/v1/tenants", &tenant).await;
    for url in [good.url(), bad.url()] {
        let endpoint = json!({"url": url, "retry_waits_s": [1]});
        cluster.make("/v1/tenants/acme/endpoints", &endpoint).await;
    }
    for _ in 0..6 {
        assert_eq!(cluster.publish(EVENT).await.unwrap().status, 202);
    }
    assert_eq!(cluster.publish("{}").await.unwrap().status, 400);
    eventually(DEADLINE, "the events to arrive", async || {
        let arrived = good.requests().len();
        if arrived >= 6 { Ok(()) } else { Err(arrived) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_is_documented_and_what_alerts_and_dashboards_ask_for_is_shown() {
    let stack = Stack::new().await;
    let collector = Collector::start().await;
    let cluster = exporting(&stack, &collector).await;
    let good = Receiver::start([Respond::ok()]).await;
    let bad = Receiver::start([Respond::status(500)]).await;
    exercise(&cluster, &good, &bad).await;

    let documented = reference();
    let live = eventually(DEADLINE, "the metrics to be as documented", async || {
        let live = shown(&cluster).await;
        let differences = differences(&documented, &live);
        if differences.is_empty() {
            Ok(live)
        } else {
            Err(differences.join("\n"))
        }
    })
    .await;

    let told = "the collector to have every metric";
    eventually(DEADLINE, told, async || {
        let missing = not_exported(&collector.metrics(), &documented);
        if missing.is_empty() {
            Ok(())
        } else {
            Err(missing)
        }
    })
    .await;

    assert_watched(&cluster).await;
    for file in asking() {
        let text = fs::read_to_string(&file).unwrap();
        let missing = missing(&text, &documented, &live);
        assert!(missing.is_empty(), "{}: {missing:#?}", file.display());
    }
}

/// Every role, which also sends its metrics there, twice a second.
async fn exporting(stack: &Stack, collector: &Collector) -> Cluster {
    let mut cluster = Cluster::prepare(Path::new(PROGRAM), stack).await;
    cluster.environment("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint());
    cluster.environment("OTEL_METRICS_EXPORTER", "otlp");
    cluster.environment("OTEL_METRIC_EXPORT_INTERVAL", "500");
    for role in Role::ALL {
        cluster.launch(role);
    }
    for role in Role::ALL {
        cluster.ready(role).await;
    }
    cluster
}

/// `posthaste top` sees all roles, by their metrics and by the console.
async fn assert_watched(cluster: &Cluster) {
    let ops = Role::ALL.map(|role| cluster.ops_address(role)).join(",");
    let console = cluster.console_url();
    let told = [
        "top",
        "--once",
        "--every",
        "500ms",
        "--ops",
        &ops,
        "--console-url",
        &console,
        "--key",
        cluster.key(),
    ];
    let parts = [
        "5 of 5 answer  all parts ready",
        "fanout_bulk",
        "10h 0",
        "missing 0",
        "acme",
    ];
    // What is on record is counted from time to time.
    eventually(DEADLINE, "top to show everything", async || {
        let seen = cluster.run(&told).await;
        let is_recorded = !seen.contains("on record   cancelled 0  dead 0  delivered 0");
        if is_recorded && parts.iter().all(|part| seen.contains(part)) {
            Ok(())
        } else {
            Err(seen)
        }
    })
    .await;
    let said = cluster
        .try_run(&["top", "--once", "--ops", "127.0.0.1:1"])
        .await;
    let said = said.expect_err("nobody is there");
    assert!(said.ends_with("no role answers at 127.0.0.1:1"), "{said}");
}

/// What is documented and did not leave by OTLP, where names have dots and the unit stands beside
/// them.
fn not_exported(
    exported: &BTreeSet<Metric>,
    documented: &BTreeMap<String, Documented>,
) -> Vec<String> {
    let in_prometheus: BTreeSet<String> = exported
        .iter()
        .flat_map(|metric| {
            let name = metric.name.replace('.', "_");
            let unit = if metric.unit == "s" { "_seconds" } else { "" };
            ["", "_total"].map(|kind| format!("{name}{unit}{kind}"))
        })
        .collect();
    // It is the resource, which every export has.
    let documented = documented.keys().filter(|name| *name != "target_info");
    documented
        .filter(|name| !in_prometheus.contains(*name))
        .cloned()
        .collect()
}

/// What a text of queries asks for that is not there.
fn missing(
    text: &str,
    documented: &BTreeMap<String, Documented>,
    live: &BTreeMap<String, Family>,
) -> Vec<String> {
    let asked = asked(text);
    let mut missing = Vec::new();
    if asked.is_empty() {
        missing.push("it asks for nothing".to_owned());
    }
    for (name, matchers) in asked {
        let Some(metric) = name_of(&name, live) else {
            missing.push(format!("no role shows {name}"));
            continue;
        };
        let (shown, known) = (&live[metric].labels, &documented[metric].labels);
        let ours = matchers.iter();
        for (label, value) in ours.filter(|(label, _)| !GIVEN.contains(&label.as_str())) {
            if !shown.contains_key(label) {
                missing.push(format!("{name} has no label {label}"));
                continue;
            }
            let is_known = |one: &&str| known[label].is_empty() || known[label].contains(*one);
            for one in value.split('|').filter(|one| !is_known(one)) {
                missing.push(format!("{name} has no {label} of {one}"));
            }
        }
    }
    let is_a_label = |label: &String| {
        let mut families = live.values();
        GIVEN.contains(&label.as_str()) || families.any(|it| it.labels.contains_key(label))
    };
    let grouped = grouped(text).into_iter();
    let unknown = grouped.filter(|label| !is_a_label(label));
    missing.extend(unknown.map(|label| format!("nothing has the label {label}")));
    missing
}

/// The metric that a name belongs to: a histogram's buckets are its own.
fn name_of<'a>(name: &'a str, live: &BTreeMap<String, Family>) -> Option<&'a str> {
    let parts = ["_bucket", "_sum", "_count"].iter();
    let histogram = parts.filter_map(|part| name.strip_suffix(part));
    histogram
        .chain([name])
        .find(|name| live.contains_key(*name))
}

/// The files that ask for metrics of ours.
fn asking() -> Vec<PathBuf> {
    let folders = ["deploy/prometheus", "deploy/grafana/dashboards"];
    let files = folders.iter().flat_map(|folder| {
        let files = fs::read_dir(root().join(folder)).unwrap();
        files.map(|file| file.unwrap().path())
    });
    let mut files: Vec<PathBuf> = files
        .filter(|file| {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            name.ends_with(".json") || name.ends_with("rules.yml")
        })
        .collect();
    files.push(root().join("crates/posthaste/src/top/figures.rs"));
    files.sort();
    files
}

/// Every metric of ours that a text of queries names, with its matchers.
fn asked(text: &str) -> Vec<(String, Vec<(String, String)>)> {
    // In JSON the quotes are escaped.
    let text = text.replace("\\\"", "\"").replace("=~", "=");
    let found = text.match_indices("posthaste_").map(|(at, _)| {
        let rest = &text[at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (name, rest) = rest.split_at(end.unwrap_or(rest.len()));
        let matchers = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        (name.to_owned(), pairs(matchers.map_or("", |it| it.0)))
    });
    found.collect()
}

/// Every label that a text of queries groups by.
fn grouped(text: &str) -> BTreeSet<String> {
    let lists = [" by (", " without (", " on ("]
        .iter()
        .flat_map(|clause| text.split(clause).skip(1));
    let labels = lists.filter_map(|rest| rest.split_once(')'));
    labels
        .flat_map(|(list, _)| list.split(','))
        .map(|label| label.trim().to_owned())
        .filter(|label| !label.is_empty())
        .collect()
}

/// Whoever is woken by an alert finds what to do, and each alert was seen to fire.
#[test]
fn every_alert_has_a_runbook_and_a_test() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let rules = read("deploy/prometheus/posthaste.rules.yml");
    let tests = read("deploy/prometheus/tests/posthaste.rules.test.yml");
    let alerts: Vec<&str> = rules.split("- alert: ").skip(1).collect();
    assert!(!alerts.is_empty());
    for alert in alerts {
        let name = alert.lines().next().unwrap();
        let (_, url) = alert.split_once("runbook_url: ").unwrap();
        let (page, anchor) = url.lines().next().unwrap().split_once('#').unwrap();
        assert_eq!(anchor, name.to_lowercase());
        let page = read(page);
        let section = page.split("## ").find(|section| section.starts_with(name));
        let section = section.unwrap_or_else(|| panic!("{name} has no section"));
        for part in ["**Means.**", "**Look at", "**Do"] {
            assert!(section.contains(part), "{name} has no {part}");
        }
        let tested = format!("alertname: {name}\n");
        let fired = tests.split(&tested).skip(1);
        let fired = fired.filter(|rest| rest.trim_start().starts_with("exp_alerts:\n"));
        assert_eq!(fired.count(), 1, "{name} has no test in which it fires");
    }
}

/// The check itself: what it lets through is there.
#[test]
fn a_query_for_what_is_not_there_is_found() {
    let live = families("# TYPE posthaste_a_total counter\nposthaste_a_total{lane=\"bulk\"} 1\n");
    let lanes = ["bulk", "normal"].map(str::to_owned).into();
    let documented = Documented {
        kind: "counter".to_owned(),
        labels: Labels::from([("lane".to_owned(), lanes)]),
    };
    let documented = BTreeMap::from([("posthaste_a_total".to_owned(), documented)]);
    let missing = |query: &str| missing(query, &documented, &live);
    assert_eq!(differences(&documented, &live), Vec::<String>::new());
    for fine in [
        "sum(posthaste_a_total{lane=\"normal\"}) by (lane, job)",
        "posthaste_a_total{lane=~\"normal|bulk\"}",
        "\"expr\": \"posthaste_a_total{lane=\\\"bulk\\\"}\"",
    ] {
        assert_eq!(missing(fine), Vec::<String>::new(), "{fine}");
    }
    for wrong in [
        "vector(1)",
        "posthaste_b_total",
        "posthaste_a_total{way=\"bulk\"}",
        "posthaste_a_total{lane=\"slow\"}",
        "sum(posthaste_a_total) by (way)",
    ] {
        assert_eq!(missing(wrong).len(), 1, "{wrong}");
    }
}
