//! The one function that says what exists.

use domain::limits;
use domain::shard::Shards;
use domain::tier::Tier;

use super::arguments::{Arguments, DeadLetter};
use super::{Binding, Exchange, ExchangeKind, Lane, Queue, Route, Topology, exchange, queue};

/// How often a quarantined item may come back. Lower than elsewhere: it has had its turns.
const QUARANTINE_RETURNS: u32 = 10;

pub(super) fn topology(shards: Shards) -> Topology {
    let mut plan = Plan::default();

    plan.queue(queue::inbox(), worked_on());
    plan.route(queue::inbox(), &Route::inbox());
    plan.queue(queue::results(), worked_on());
    plan.route(queue::results(), &Route::results());

    for shard in shards.all() {
        plan.queue(queue::fanout(shard), worked_on());
        plan.route(queue::fanout(shard), &Route::events(shard));
        plan.queue(queue::fanout_bulk(shard), worked_on());
        plan.route(queue::fanout_bulk(shard), &Route::events_bulk(shard));
        plan.queue(queue::dispatch_fresh(shard), worked_on());
        plan.route(queue::dispatch_fresh(shard), &Route::dispatch_now(shard));

        let retry = queue::dispatch_retry(shard);
        plan.queue(retry.clone(), worked_on());
        plan.route(retry.clone(), &Route::dispatch_slow(shard));
        let bulk = queue::dispatch_bulk(shard);
        plan.queue(bulk.clone(), worked_on());
        plan.route(bulk.clone(), &Route::dispatch_bulk(shard));
        for tier in Tier::all() {
            // What a tier lets go keeps its routing key and so finds its shard and lane.
            for (queue, parked) in [
                (&retry, Route::retry(tier, shard)),
                (&bulk, Route::retry_bulk(tier, shard)),
            ] {
                plan.bind(queue.clone(), exchange::DISPATCH, parked.key().to_owned());
            }
        }
    }

    for tier in Tier::all() {
        let arguments = Arguments::delay(tier.delay(), exchange::DISPATCH);
        plan.queue(queue::retry(tier), arguments);
        plan.bind(
            queue::retry(tier),
            exchange::RETRY,
            format!("{}.*", tier.name()),
        );
    }

    for lane in Lane::ALL {
        let then = DeadLetter::after_returns(exchange::DEAD, QUARANTINE_RETURNS);
        plan.queue(queue::quarantine(lane), Arguments::at_least_once(then));
        plan.route(queue::quarantine(lane), &Route::quarantine(lane));
    }

    plan.queue(queue::dead(), Arguments::keep());
    plan.route(queue::dead(), &Route::dead());
    plan.queue(queue::rejected(), Arguments::keep());
    plan.route(queue::rejected(), &Route::rejected());

    Topology {
        exchanges: exchanges(),
        queues: plan.queues,
        bindings: plan.bindings,
    }
}

/// A queue that a role works on: what comes back too often is a dead letter.
const fn worked_on() -> Arguments {
    let then = DeadLetter::after_returns(exchange::DEAD, limits::DELIVERY_LIMIT);
    Arguments::at_least_once(then)
}

/// The exchanges, an alternate before the one that names it.
fn exchanges() -> Vec<Exchange> {
    let exchange = |name, kind| Exchange {
        name,
        kind,
        alternate: None,
    };
    vec![
        exchange(exchange::DEAD, ExchangeKind::Fanout),
        exchange(exchange::REJECTED, ExchangeKind::Fanout),
        Exchange {
            // A platform's wrong routing key must not be a lost event.
            alternate: Some(exchange::REJECTED),
            ..exchange(exchange::INBOX, ExchangeKind::Direct)
        },
        exchange(exchange::EVENTS, ExchangeKind::Topic),
        exchange(exchange::DISPATCH, ExchangeKind::Topic),
        exchange(exchange::RETRY, ExchangeKind::Topic),
        exchange(exchange::RESULTS, ExchangeKind::Direct),
        exchange(exchange::QUARANTINE, ExchangeKind::Direct),
    ]
}

#[derive(Default)]
struct Plan {
    queues: Vec<Queue>,
    bindings: Vec<Binding>,
}

impl Plan {
    fn queue(&mut self, name: String, arguments: Arguments) {
        self.queues.push(Queue { name, arguments });
    }

    /// Binds the queue to exactly what this route publishes.
    fn route(&mut self, queue: String, route: &Route) {
        self.bind(queue, route.exchange(), route.key().to_owned());
    }

    fn bind(&mut self, queue: String, exchange: &'static str, key: String) {
        self.bindings.push(Binding {
            exchange,
            queue,
            key,
        });
    }
}
