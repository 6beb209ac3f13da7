use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use rstest::rstest;

use super::*;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn carrying(traceparent: &str) -> TraceContext {
    TraceContext {
        traceparent: traceparent.to_owned(),
        tracestate: "vendor=1".to_owned(),
    }
}

fn tracer(share: f64) -> SdkTracer {
    let share = Sampler::TraceIdRatioBased(share);
    let sampler = Sampler::ParentBased(Box::new(share));
    let provider = SdkTracerProvider::builder().with_sampler(sampler).build();
    provider.tracer("test")
}

fn step() -> Step {
    Step::process("exchange", "key", "queue.00").after(SpanId::new(7))
}

#[test]
fn an_item_goes_on_within_its_trace() {
    let came_with = carrying(PARENT);
    let hop = Hop::begin(&tracer(0.0), &parent(&came_with), step());
    let carried = hop.context().expect("it has one");
    assert_eq!(carried.trace_id(), came_with.trace_id());
    assert_ne!(
        carried.traceparent, came_with.traceparent,
        "a span of its own"
    );
    assert_eq!(carried.tracestate, "vendor=1");
    assert!(
        carried.is_sampled(),
        "the publisher's word goes before the share"
    );
    let id = hop.id().expect("it is recorded");
    assert!(carried.traceparent.contains(&id.to_string()));
}

#[test]
fn what_is_consumed_is_linked_to_what_was_published_and_to_what_went_before() {
    let parent = parent(&carrying(PARENT));
    let parent = parent.span().span_context().clone();
    let links = step().within(&parent).links.expect("it has links");
    let spans: Vec<String> = links
        .iter()
        .map(|link| link.span_context.span_id().to_string())
        .collect();
    assert_eq!(spans, ["b7ad6b7169203331", "0000000000000007"]);
    let traces = links.iter().map(|link| link.span_context.trace_id());
    assert!(traces.into_iter().all(|trace| trace == parent.trace_id()));
}

/// Whoever comes later must not decide again: the item carries that its trace is not recorded.
#[rstest]
#[case(0.0, false)]
#[case(1.0, true)]
fn a_trace_that_begins_here_is_recorded_by_the_share(#[case] share: f64, #[case] recorded: bool) {
    let hop = Hop::begin(&tracer(share), &Context::new(), step());
    let carried = hop.context().expect("it has one");
    assert!(carried.trace_id().is_some());
    assert_eq!(carried.is_sampled(), recorded);
    assert_eq!(hop.id().is_some(), recorded);
}

/// No tracer is set in this process.
#[test]
fn without_an_exporter_an_item_goes_on_with_what_it_came_with() {
    for came_with in [carrying(PARENT), TraceContext::default()] {
        for hop in [Hop::within(&came_with, step), Hop::first(&came_with, step)] {
            assert_eq!(hop.context(), None);
            assert_eq!(hop.id(), None);
            assert_eq!(hop.child(step).context(), None);
        }
    }
}
