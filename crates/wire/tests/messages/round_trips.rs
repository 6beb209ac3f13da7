//! What is encoded is decoded again, whatever its values.

use domain::dispatch::Dispatch;
use proptest::prelude::*;
use wire::dispatch::Target;

use crate::strategies;

fn target(dispatch: &Dispatch) -> Target {
    Target {
        due: dispatch.due,
        wait: dispatch.wait,
        custody: dispatch.custody,
        overflows: dispatch.overflows,
        attempt_before: dispatch.attempt_before,
    }
}

proptest! {
    #[test]
    fn accepted(event in strategies::event()) {
        prop_assert_eq!(wire::accepted::decode(wire::accepted::encode(&event)), Ok(event));
    }

    #[test]
    fn dispatch((content, dispatches) in strategies::dispatches()) {
        let targets: Vec<_> = dispatches.iter().map(target).collect();
        let item = wire::dispatch::encode(&content, &targets);
        prop_assert_eq!(wire::dispatch::decode(item), Ok(dispatches));
    }

    #[test]
    fn dispatch_alone((_, dispatches) in strategies::dispatches()) {
        for dispatch in dispatches {
            let items = wire::batch::split(wire::dispatch::encode_alone(&dispatch)).unwrap();
            let decoded: Vec<_> = items.into_iter().map(wire::dispatch::decode).collect();
            prop_assert_eq!(decoded, [Ok(vec![dispatch])]);
        }
    }

    #[test]
    fn report(report in strategies::report()) {
        prop_assert_eq!(wire::report::decode(wire::report::encode(&report)), Ok(report));
    }

    #[test]
    fn watermark(watermark in strategies::watermark()) {
        let item = wire::watermark::encode(&watermark);
        prop_assert_eq!(wire::watermark::decode(item), Ok(watermark));
    }

    #[test]
    fn breaker(notice in strategies::breaker()) {
        prop_assert_eq!(wire::breaker::decode(wire::breaker::encode(&notice)), Ok(notice));
    }

    #[test]
    fn inbox(event in strategies::inbox_event()) {
        prop_assert_eq!(wire::inbox::decode(wire::inbox::encode(&event)), Ok(event));
    }

    #[test]
    fn inbox_batch(events in proptest::collection::vec(strategies::inbox_event(), 0..5)) {
        let split = wire::inbox::split_batch(wire::inbox::encode_batch(&events)).unwrap();
        let decoded: Vec<_> = split.into_iter().map(|event| wire::inbox::decode(event).unwrap()).collect();
        prop_assert_eq!(decoded, events);
    }
}
