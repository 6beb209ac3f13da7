//! What a step is called and what is known of it when it begins.
//!
//! Names and attributes: <https://opentelemetry.io/docs/specs/semconv/messaging/rabbitmq/> and
//! <https://opentelemetry.io/docs/specs/semconv/http/http-spans/>. All that a sampler may ask for is
//! set before the span begins.

use std::fmt;

use domain::trace::SpanId;
use opentelemetry::trace::{Link, SpanBuilder, SpanContext, SpanKind, TraceFlags, TraceState};
use opentelemetry::{Key, KeyValue, Value, trace};

/// A span before it begins.
#[derive(Debug)]
pub struct Step {
    name: String,
    kind: SpanKind,
    facts: Vec<KeyValue>,
    after: Option<SpanId>,
}

impl Step {
    /// A request that is answered here, by its method and its route.
    #[must_use]
    pub fn answer(method: &'static str, route: &'static str) -> Self {
        Self::new(format!("{method} {route}"), SpanKind::Server)
            .with("http.request.method", method)
            .with("http.route", route)
            .with("url.path", route)
            .with("url.scheme", "http")
    }

    /// A request that is sent, by its method.
    #[must_use]
    pub fn request(method: &'static str) -> Self {
        Self::new(method.to_owned(), SpanKind::Client).with("http.request.method", method)
    }

    /// An item that is published, until the broker has confirmed it. `template` is the exchange and
    /// the routing key without shard and tier.
    #[must_use]
    pub fn publish(template: &'static str) -> Self {
        Self::new(format!("publish {template}"), SpanKind::Producer)
            .with("messaging.system", "rabbitmq")
            .with("messaging.operation.name", "publish")
            .with("messaging.operation.type", "send")
            .with("messaging.destination.template", template)
    }

    /// An item of a message that is worked on, until it stands confirmed elsewhere.
    #[must_use]
    pub fn process(exchange: &str, key: &str, queue: &str) -> Self {
        let template = template(queue);
        let destination = format!("{exchange}:{key}:{queue}");
        Self::new(format!("process {template}"), SpanKind::Consumer)
            .with("messaging.system", "rabbitmq")
            .with("messaging.operation.name", "process")
            .with("messaging.operation.type", "process")
            .with("messaging.destination.template", template)
            .with("messaging.destination.name", destination)
    }

    fn new(name: String, kind: SpanKind) -> Self {
        Self {
            name,
            kind,
            facts: Vec::with_capacity(8),
            after: None,
        }
    }

    /// The same, with this fact.
    #[must_use]
    pub fn with(mut self, key: impl Into<Key>, value: impl Into<Value>) -> Self {
        self.facts.push(KeyValue::new(key, value));
        self
    }

    /// The same, with this id.
    #[must_use]
    pub fn of(self, key: &'static str, id: impl fmt::Display) -> Self {
        self.with(key, id.to_string())
    }

    /// The same, as what follows this span of the same trace: the two are linked.
    #[must_use]
    pub fn after(mut self, span: Option<SpanId>) -> Self {
        self.after = span;
        self
    }

    /// The span, for this parent. What is consumed is linked to what was published, too: the
    /// conventions ask for it beside the parent.
    pub(super) fn within(self, parent: &SpanContext) -> SpanBuilder {
        let published =
            (self.kind == SpanKind::Consumer && parent.is_valid()).then(|| parent.clone());
        let before = self.after.map(|span| sibling(parent, span));
        let links = published.into_iter().chain(before).map(Link::with_context);
        SpanBuilder::from_name(self.name)
            .with_kind(self.kind)
            .with_attributes(self.facts)
            .with_links(links.collect())
    }
}

/// A queue's name without its shard, of which there may be many.
fn template(queue: &str) -> String {
    match queue.rsplit_once('.') {
        Some((name, shard)) if shard.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{name}.{{shard}}")
        }
        Some(_) | None => queue.to_owned(),
    }
}

fn sibling(of: &SpanContext, span: SpanId) -> SpanContext {
    SpanContext::new(
        of.trace_id(),
        trace::SpanId::from_bytes(span.get().to_be_bytes()),
        TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::template;

    #[rstest]
    #[case("posthaste.fanout.bulk.07", "posthaste.fanout.bulk.{shard}")]
    #[case("posthaste.results", "posthaste.results")]
    #[case("posthaste.quarantine.inbox", "posthaste.quarantine.inbox")]
    fn a_shard_is_no_part_of_a_spans_name(#[case] queue: &str, #[case] expected: &str) {
        assert_eq!(template(queue), expected);
    }
}
