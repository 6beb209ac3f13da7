//! Prometheus' text form, as our own roles write it: no label's value has a quote in it.
//! Source: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::collections::BTreeMap;

/// One series and its value.
#[derive(Debug, Clone, PartialEq)]
struct Sample {
    name: String,
    /// What stands between the braces.
    labels: String,
    value: f64,
}

/// What a role shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Samples(Vec<Sample>);

impl Samples {
    /// Reads what a role shows, or several one after the other. A line that is none is left out.
    pub(super) fn read(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self(lines.filter_map(sample).collect())
    }

    /// The sum of the series of a metric that have all of these labels.
    pub(super) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.of(name, labels).map(|sample| sample.value).sum()
    }

    /// The largest of a metric by the values of a label. Every recorder shows the same of queues.
    pub(super) fn most_by(&self, name: &str, label: &str) -> BTreeMap<&str, f64> {
        self.chosen_by(name, label, f64::max)
    }

    /// The smallest of a metric by the values of a label.
    pub(super) fn least_by(&self, name: &str, label: &str) -> BTreeMap<&str, f64> {
        self.chosen_by(name, label, f64::min)
    }

    fn chosen_by(
        &self,
        name: &str,
        label: &str,
        choose: fn(f64, f64) -> f64,
    ) -> BTreeMap<&str, f64> {
        let mut chosen = BTreeMap::new();
        for sample in self.0.iter().filter(|sample| sample.name == name) {
            if let Some(value) = sample.label(label) {
                let known: &mut f64 = chosen.entry(value).or_insert(sample.value);
                *known = choose(*known, sample.value);
            }
        }
        chosen
    }

    /// A histogram's counts by their upper bounds, added up.
    pub(super) fn buckets(&self, name: &str, labels: &[(&str, &str)]) -> Vec<(f64, f64)> {
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        for sample in self.of(&format!("{name}_bucket"), labels) {
            let bound = sample.label("le").and_then(|le| match le {
                "+Inf" => Some(f64::INFINITY),
                bound => bound.parse().ok(),
            });
            let Some(bound) = bound else { continue };
            match buckets
                .iter_mut()
                .find(|(known, _)| known.total_cmp(&bound).is_eq())
            {
                Some((_, count)) => *count += sample.value,
                None => buckets.push((bound, sample.value)),
            }
        }
        buckets.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        buckets
    }

    fn of<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a Sample> {
        let has = |sample: &Sample| {
            let mut labels = labels.iter();
            labels.all(|(label, value)| sample.label(label) == Some(value))
        };
        let named = self.0.iter().filter(move |sample| sample.name == name);
        named.filter(move |sample| has(sample))
    }
}

impl Sample {
    fn label(&self, label: &str) -> Option<&str> {
        self.labels.split("\",").find_map(|pair| {
            let (name, value) = pair.split_once("=\"")?;
            (name == label).then(|| value.trim_end_matches('"'))
        })
    }
}

/// `name{label="value",…} 1` or `name 1`.
fn sample(line: &str) -> Option<Sample> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = match series.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}')?),
        None => (series, ""),
    };
    Some(Sample {
        name: name.to_owned(),
        labels: labels.to_owned(),
        value: value.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOWN: &str = r#"# HELP a_total What it is.
# TYPE a_total counter
a_total{lane="normal",way="http"} 3
a_total{lane="bulk",way="http"} 4
queues{queue="fresh"} 5
queues{queue="fresh"} 6
plain 7
wait_seconds_bucket{lane="fresh",le="0.5"} 1
wait_seconds_bucket{lane="fresh",le="+Inf"} 2
wait_seconds_bucket{lane="retry",le="0.5"} 10
"#;

    #[test]
    fn series_are_found_by_their_labels() {
        let shown = Samples::read(SHOWN);
        assert_eq!(shown.sum("a_total", &[]), 7.0);
        assert_eq!(shown.sum("a_total", &[("lane", "bulk")]), 4.0);
        assert_eq!(shown.sum("plain", &[]), 7.0);
        assert_eq!(shown.sum("absent", &[]), 0.0);
        assert_eq!(shown.most_by("queues", "queue"), [("fresh", 6.0)].into());
        let buckets = shown.buckets("wait_seconds", &[("lane", "fresh")]);
        assert_eq!(buckets, [(0.5, 1.0), (f64::INFINITY, 2.0)]);
    }
}
