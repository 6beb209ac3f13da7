//! Prometheus' text form, as far as tests and measurements count by it.

/// The sum of a metric's series; 0 where there are none.
#[must_use]
pub fn total(text: &str, metric: &str) -> f64 {
    let of_metric = text.lines().filter(|line| {
        let rest = line.strip_prefix(metric);
        rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
    });
    let values = of_metric.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.sum()
}
