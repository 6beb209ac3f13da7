//! The topology without a broker: its exchanges' routing, played.

use std::collections::HashSet;

use domain::shard::{Shard, Shards};
use domain::tier::Tier;
use proptest::prelude::*;

use super::arguments::ArgumentValue;
use super::*;

fn any_topology() -> impl Strategy<Value = (Topology, Vec<Shard>)> {
    (1u8..=99).prop_map(|count| {
        let shards = Shards::new(count).unwrap();
        (Topology::new(shards), shards.all().collect())
    })
}

fn one_shard() -> (Topology, Shard) {
    let shard = Shards::ONE.all().next().unwrap();
    (Topology::new(Shards::ONE), shard)
}

/// The queues that a message for this exchange with this routing key gets into.
fn routed<'a>(topology: &'a Topology, exchange: &str, key: &str) -> Vec<&'a str> {
    let found = |one: &&Exchange| one.name == exchange;
    let exchange = topology.exchanges.iter().find(found).unwrap();
    let bound = topology
        .bindings
        .iter()
        .filter(|binding| binding.exchange == exchange.name)
        .filter(|binding| match exchange.kind {
            ExchangeKind::Direct => binding.key == key,
            ExchangeKind::Fanout => true,
            ExchangeKind::Topic => matches(&binding.key, key),
        });
    let queues: Vec<&str> = bound.map(|binding| binding.queue.as_str()).collect();
    match exchange.alternate {
        Some(alternate) if queues.is_empty() => routed(topology, alternate, key),
        _ => queues,
    }
}

/// Topic matching with `*`; our topology has no `#`.
fn matches(pattern: &str, key: &str) -> bool {
    let (pattern, key) = (pattern.split('.'), key.split('.'));
    pattern.clone().count() == key.clone().count()
        && pattern
            .zip(key)
            .all(|(word, this)| word == "*" || word == this)
}

fn reached(topology: &Topology, route: &Route) -> Vec<String> {
    let queues = routed(topology, route.exchange(), route.key());
    queues.into_iter().map(str::to_owned).collect()
}

fn argument(arguments: &Arguments, name: &str) -> Option<ArgumentValue> {
    arguments
        .iter()
        .find_map(|(this, value)| (this == name).then_some(value))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn names_are_unique((topology, _) in any_topology()) {
        let exchanges: HashSet<_> = topology.exchanges.iter().map(|one| one.name).collect();
        prop_assert_eq!(exchanges.len(), topology.exchanges.len());
        let queues: HashSet<_> = topology.queues.iter().map(|one| &one.name).collect();
        prop_assert_eq!(queues.len(), topology.queues.len());
    }

    #[test]
    fn everything_that_is_named_exists((topology, _) in any_topology()) {
        let exchanges: HashSet<_> = topology.exchanges.iter().map(|one| one.name).collect();
        let queues: HashSet<_> = topology.queues.iter().map(|one| one.name.as_str()).collect();
        for binding in &topology.bindings {
            prop_assert!(exchanges.contains(binding.exchange));
            prop_assert!(queues.contains(binding.queue.as_str()));
        }
        for to in topology.queues.iter().filter_map(|one| one.arguments.dead_letter_exchange()) {
            prop_assert!(exchanges.contains(to));
        }
        for to in topology.exchanges.iter().filter_map(|one| one.alternate) {
            prop_assert!(exchanges.contains(to));
        }
    }

    /// Each route leads to one queue and no other: nothing is lost, nothing doubled.
    #[test]
    fn every_route_reaches_its_queue((topology, shards) in any_topology()) {
        let mut expected = vec![
            (Route::inbox(), queue::inbox()),
            (Route::results(), queue::results()),
            (Route::dead(), queue::dead()),
            (Route::rejected(), queue::rejected()),
        ];
        for lane in Lane::ALL {
            expected.push((Route::quarantine(lane), queue::quarantine(lane)));
        }
        for shard in shards {
            expected.push((Route::events(shard), queue::fanout(shard)));
            expected.push((Route::events_bulk(shard), queue::fanout_bulk(shard)));
            expected.push((Route::dispatch_now(shard), queue::dispatch_fresh(shard)));
            expected.push((Route::dispatch_bulk(shard), queue::dispatch_bulk(shard)));
            expected.push((Route::dispatch_slow(shard), queue::dispatch_retry(shard)));
            for tier in Tier::all() {
                expected.push((Route::retry(tier, shard), queue::retry(tier)));
                expected.push((Route::retry_bulk(tier, shard), queue::retry(tier)));
            }
        }
        for (route, queue) in expected {
            prop_assert_eq!(reached(&topology, &route), [queue], "{}", route);
        }
    }

    /// What a tier lets go keeps its routing key and comes to its own shard, on the lane that it
    /// was parked from.
    #[test]
    fn every_tier_leads_back((topology, shards) in any_topology()) {
        for tier in Tier::all() {
            let name = queue::retry(tier);
            let waiting = topology.queues.iter().find(|one| one.name == name).unwrap();
            prop_assert_eq!(waiting.arguments.ttl(), Some(tier.delay()));
            let then = waiting.arguments.dead_letter_exchange().unwrap();
            for shard in &shards {
                let key = Route::retry(tier, *shard).key().to_owned();
                prop_assert_eq!(routed(&topology, then, &key), [queue::dispatch_retry(*shard)]);
                let key = Route::retry_bulk(tier, *shard).key().to_owned();
                prop_assert_eq!(routed(&topology, then, &key), [queue::dispatch_bulk(*shard)]);
            }
        }
    }
}

#[test]
fn every_queue_is_a_quorum_queue_that_rejects_when_full() {
    let (topology, _) = one_shard();
    for queue in &topology.queues {
        let argument = |name| argument(&queue.arguments, name);
        assert_eq!(
            argument("x-queue-type"),
            Some(ArgumentValue::Text("quorum"))
        );
        assert_eq!(
            argument("x-overflow"),
            Some(ArgumentValue::Text("reject-publish"))
        );
        assert_eq!(
            argument("x-dead-letter-exchange").is_some(),
            argument("x-dead-letter-strategy") == Some(ArgumentValue::Text("at-least-once")),
        );
        // The routing key that a delivery was parked with names its shard.
        assert_eq!(argument("x-dead-letter-routing-key"), None);
    }
}

#[test]
fn what_a_role_works_on_ends_in_the_dead_letters() {
    let (topology, shard) = one_shard();
    let limits = [
        (queue::inbox(), 20),
        (queue::fanout(shard), 20),
        (queue::fanout_bulk(shard), 20),
        (queue::dispatch_fresh(shard), 20),
        (queue::dispatch_retry(shard), 20),
        (queue::dispatch_bulk(shard), 20),
        (queue::results(), 20),
        (queue::quarantine(Lane::Dispatch), 10),
    ];
    for (name, limit) in limits {
        let queue = topology.queues.iter().find(|one| one.name == name).unwrap();
        assert_eq!(queue.arguments.dead_letter_exchange(), Some(exchange::DEAD));
        assert_eq!(
            argument(&queue.arguments, "x-delivery-limit"),
            Some(ArgumentValue::Number(limit)),
        );
    }
}

#[test]
fn a_publishers_wrong_routing_key_is_kept() {
    let (topology, _) = one_shard();
    assert_eq!(
        routed(&topology, exchange::INBOX, "evnet"),
        [queue::rejected()]
    );
}

#[test]
fn an_alternate_is_declared_before_the_exchange_that_names_it() {
    let (topology, _) = one_shard();
    let at = |name| topology.exchanges.iter().position(|one| one.name == name);
    for exchange in &topology.exchanges {
        if let Some(alternate) = exchange.alternate {
            assert!(at(alternate) < at(exchange.name));
        }
    }
}

#[test]
fn a_queue_knows_whose_work_it_holds() {
    let (_, shard) = one_shard();
    let lanes = [
        (queue::inbox(), Some(Lane::Inbox)),
        (queue::fanout(shard), Some(Lane::Events)),
        (queue::fanout_bulk(shard), Some(Lane::Events)),
        (queue::dispatch_fresh(shard), Some(Lane::Dispatch)),
        (queue::dispatch_retry(shard), Some(Lane::Dispatch)),
        (queue::dispatch_bulk(shard), Some(Lane::Dispatch)),
        (queue::results(), Some(Lane::Results)),
        (queue::dead(), None),
        (queue::quarantine(Lane::Events), None),
    ];
    for (queue, lane) in lanes {
        assert_eq!(Lane::of_queue(&queue), lane, "{queue}");
    }
}

#[test]
fn the_definitions_hold_everything() {
    let (topology, _) = one_shard();
    let topology = topology.with_max_length(7);
    let json: serde_json::Value = serde_json::from_str(&topology.definitions_json("ours")).unwrap();
    let count = |name: &str| json[name].as_array().unwrap().len();
    assert_eq!(count("exchanges"), topology.exchanges.len());
    assert_eq!(count("queues"), topology.queues.len());
    assert_eq!(count("bindings"), topology.bindings.len());
    let queues = json["queues"].as_array().unwrap();
    let tier = queues
        .iter()
        .find(|one| one["name"] == "posthaste.retry.5s")
        .unwrap();
    let expected = serde_json::json!({
        "name": "posthaste.retry.5s",
        "vhost": "ours",
        "durable": true,
        "auto_delete": false,
        "arguments": {
            "x-queue-type": "quorum",
            "x-overflow": "reject-publish",
            "x-dead-letter-strategy": "at-least-once",
            "x-dead-letter-exchange": "posthaste.dispatch",
            "x-message-ttl": 5_000,
            "x-max-length": 7,
        },
    });
    assert_eq!(tier, &expected);
}

#[test]
fn the_table_names_every_queue_with_its_arguments() {
    let (topology, _) = one_shard();
    let table = topology.to_string();
    for queue in &topology.queues {
        assert!(table.contains(&queue.name));
    }
    assert!(table.contains("posthaste.inbox  ") && table.contains("alternate posthaste.rejected"));
    assert!(table.contains("x-message-ttl=36000000"));
}

proptest! {
    /// A queue that is missing from these lists would make what waits in it count as lost.
    #[test]
    fn every_queue_of_events_and_of_deliveries_is_one_of_the_lanes((topology, shards) in any_topology()) {
        let shards = Shards::new(u8::try_from(shards.len()).unwrap()).unwrap();
        let bound = |to: &'static str| -> HashSet<String> {
            let bindings = topology.bindings.iter().filter(|one| one.exchange == to);
            bindings.map(|one| one.queue.clone()).collect()
        };
        let events: HashSet<_> = queue::event_lanes(shards).into_iter().collect();
        prop_assert_eq!(events, bound(exchange::EVENTS));

        let first: HashSet<_> = queue::first_lanes(shards).into_iter().collect();
        let later: HashSet<_> = queue::later_lanes(shards).into_iter().collect();
        let mut dispatch = bound(exchange::DISPATCH);
        dispatch.insert(queue::quarantine(Lane::Dispatch));
        let lanes: HashSet<_> = first.union(&later).cloned().collect();
        prop_assert_eq!(lanes, dispatch);
        // What comes out of a tier is a later attempt.
        let tiers = topology.bindings.iter().filter(|one| {
            one.exchange == exchange::DISPATCH && Tier::all().any(|tier| one.key.starts_with(tier.name()))
        });
        for binding in tiers {
            prop_assert!(later.contains(&binding.queue), "{}", binding.queue);
        }
    }
}

#[test]
fn a_tier_is_known_by_its_queue() {
    for tier in Tier::all() {
        assert_eq!(queue::tier_of(&queue::retry(tier)), Some(tier));
    }
    let (_, shard) = one_shard();
    assert_eq!(queue::tier_of(&queue::dispatch_retry(shard)), None);
    assert_eq!(queue::tier_of("posthaste.retry.3s"), None);
}

#[test]
fn every_queue_has_a_kind_or_a_tier() {
    let kind = |queue: String| queue::kind_of(&queue);
    let (topology, shard) = one_shard();
    for queue in &topology.queues {
        let (kind, tier) = (queue::kind_of(&queue.name), queue::tier_of(&queue.name));
        assert!(kind.is_some() != tier.is_some(), "{}", queue.name);
    }
    assert_eq!(kind(queue::fanout(shard)), Some("fanout"));
    assert_eq!(kind(queue::fanout_bulk(shard)), Some("fanout_bulk"));
    assert_eq!(kind(queue::dispatch_retry(shard)), Some("retry"));
    assert_eq!(kind("orders".to_owned()), None);
}
