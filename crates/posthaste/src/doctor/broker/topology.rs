//! The topology as it stands at the broker, held against the one that this program needs.

use broker::topology::arguments::ArgumentValue;
use broker::topology::{Lane, Topology, queue};
use regex::Regex;
use serde_json::{Map, Value};

use crate::doctor::finding::Finding;
use crate::doctor::management::{Binding, Exchange, Permission, Queue};

/// What a policy must not set on our queues. Of two numbers the broker takes the smaller one, so a
/// policy's would go before ours; and with a routing key of its own, nothing finds back from a tier.
const NOT_BY_POLICY: [&str; 5] = [
    "message-ttl",
    "expires",
    "delivery-limit",
    "dead-letter-exchange",
    "dead-letter-routing-key",
];

const DECLARE: &str = "restart a role, or run posthaste topology --declare";
const ANEW: &str =
    "arguments can't be changed: let its messages be worked off, delete it, and restart a role";

/// Every queue: its arguments, what policies change of it, its replicas.
pub(super) fn queues(needed: &Topology, found: &[Queue]) -> Vec<Finding> {
    let mut wrong = Vec::new();
    for queue in &needed.queues {
        let subject = format!("queue {}", queue.name);
        let Some(stands) = found.iter().find(|one| one.name == queue.name) else {
            wrong.push(Finding::wrong(subject, "it is missing", DECLARE));
            continue;
        };
        if !stands.durable {
            wrong.push(Finding::wrong(&subject, "it is not durable", ANEW));
        }
        for (name, value) in queue.arguments.iter() {
            if let Some(what) = differs(&stands.arguments, name, &wanted(value)) {
                wrong.push(Finding::wrong(&subject, what, ANEW));
            }
        }
        wrong.extend(by_policy(&subject, stands));
        wrong.extend(replicas(&subject, stands));
        wrong.extend(idle(&subject, stands));
    }
    wrong.extend(left_over(needed, found));
    let how = format!("{} with the arguments that they need", needed.queues.len());
    Finding::or_well(wrong, "queues", how)
}

fn by_policy(subject: &str, queue: &Queue) -> Option<Finding> {
    let policy = queue.policy.as_deref()?;
    let sets = |key: &&&str| queue.effective_policy_definition.get(**key).is_some();
    let set: Vec<&str> = NOT_BY_POLICY.iter().filter(sets).copied().collect();
    if set.is_empty() {
        return None;
    }
    let what = format!("the policy {policy} sets {} on it", set.join(" and "));
    let cure = format!("let the pattern of {policy} leave posthaste.* out");
    Some(Finding::wrong(subject, what, cure))
}

fn replicas(subject: &str, queue: &Queue) -> Option<Finding> {
    let (members, online) = (queue.members.len(), queue.online.len());
    (online < members).then(|| {
        let what = format!("{online} of its {members} replicas are online");
        Finding::wrong(subject, what, "start the nodes of the others")
    })
}

/// Messages that a role would take, if one were there.
fn idle(subject: &str, queue: &Queue) -> Option<Finding> {
    let role = worker(&queue.name)?;
    (queue.messages > 0 && queue.consumers == 0).then(|| {
        let what = format!("{} messages, and nobody takes them", queue.messages);
        Finding::wrong(subject, what, format!("start posthaste {role}"))
    })
}

/// The role that consumes a queue; none where messages only wait.
fn worker(queue: &str) -> Option<&'static str> {
    let quarantined = |lane: &Lane| queue::quarantine(*lane) == queue;
    let lane = Lane::of_queue(queue).or_else(|| Lane::ALL.into_iter().find(quarantined));
    match lane {
        Some(Lane::Inbox) => Some("ingest"),
        Some(Lane::Events) => Some("fanout"),
        Some(Lane::Dispatch) => Some("dispatcher"),
        Some(Lane::Results) => Some("recorder"),
        None if queue == queue::dead() || queue == queue::rejected() => Some("recorder"),
        None => None,
    }
}

/// Queues of ours that nothing works on: what is in them is never delivered.
fn left_over(needed: &Topology, found: &[Queue]) -> impl Iterator<Item = Finding> {
    let is_ours = |queue: &&Queue| queue.name.starts_with("posthaste.");
    let is_needed = |queue: &&Queue| needed.queues.iter().any(|one| one.name == queue.name);
    let left = found
        .iter()
        .filter(move |queue| is_ours(queue) && !is_needed(queue));
    left.map(|queue| {
        let what = format!("no role knows it, and it holds {} messages", queue.messages);
        let cure =
            "were there more shards? raise POSTHASTE_SHARDS until it is empty, then delete it";
        Finding::wrong(format!("queue {}", queue.name), what, cure)
    })
}

/// Every exchange: its kind, and where it sends what it can't route. Those that queues dead-letter
/// to are among them.
pub(super) fn exchanges(needed: &Topology, found: &[Exchange]) -> Vec<Finding> {
    let mut wrong = Vec::new();
    for exchange in &needed.exchanges {
        let subject = format!("exchange {}", exchange.name);
        let Some(stands) = found.iter().find(|one| one.name == exchange.name) else {
            let dead_letters = needed
                .queues
                .iter()
                .filter(|queue| queue.arguments.dead_letter_exchange() == Some(exchange.name));
            let what = match dead_letters.count() {
                0 => "it is missing".to_owned(),
                queues => format!("it is missing, and {queues} queues dead-letter to it"),
            };
            wrong.push(Finding::wrong(subject, what, DECLARE));
            continue;
        };
        let kind = exchange.kind.as_str();
        if stands.kind != kind {
            let what = format!("it is of the kind {}, not {kind}", stands.kind);
            wrong.push(Finding::wrong(&subject, what, ANEW));
        }
        if let Some(alternate) = exchange.alternate
            && let Some(what) = differs(&stands.arguments, "alternate-exchange", &alternate.into())
        {
            wrong.push(Finding::wrong(&subject, what, ANEW));
        }
    }
    let how = format!("{}, dead-letter targets among them", needed.exchanges.len());
    Finding::or_well(wrong, "exchanges", how)
}

/// Every way from an exchange to a queue.
pub(super) fn bindings(needed: &Topology, found: &[Binding]) -> Vec<Finding> {
    let stands = |exchange: &str, queue: &str, key: &str| {
        found.iter().any(|one| {
            (&*one.source, &*one.destination, &*one.routing_key) == (exchange, queue, key)
        })
    };
    let missing = needed
        .bindings
        .iter()
        .filter(|one| !stands(one.exchange, &one.queue, &one.key));
    let wrong = missing.map(|one| {
        let subject = format!("binding {}:{}", one.exchange, one.key);
        let what = format!("nothing leads from there to {}", one.queue);
        Finding::wrong(subject, what, DECLARE)
    });
    let how = format!("{}", needed.bindings.len());
    Finding::or_well(wrong.collect(), "bindings", how)
}

/// What the broker's user may do with each of our names.
pub(super) fn permissions(needed: &Topology, user: &str, found: &[Permission]) -> Vec<Finding> {
    let subject = format!("permissions of {user}");
    let Some(granted) = found.iter().find(|one| one.user == user) else {
        let cure = format!("rabbitmqctl set_permissions -p <virtual host> {user} '.*' '.*' '.*'");
        return vec![Finding::wrong(subject, "it has none", cure)];
    };
    let queues = needed.queues.iter().map(|queue| queue.name.as_str());
    let exchanges = needed.exchanges.iter().map(|exchange| exchange.name);
    let names: Vec<&str> = queues.chain(exchanges).collect();
    let wrong = [
        ("configure", &granted.configure),
        ("write", &granted.write),
        ("read", &granted.read),
    ];
    let wrong = wrong.into_iter().filter_map(|(right, pattern)| {
        let refused = names.iter().find(|name| !allows(pattern, name))?;
        let what = format!("{right} is {pattern:?}, which leaves out {refused}");
        let cure = format!("grant {right} on '^posthaste\\.'");
        Some(Finding::wrong(&subject, what, cure))
    });
    Finding::or_well(
        wrong.collect(),
        &subject,
        "enough for every queue and exchange",
    )
}

/// Whether a pattern of the broker's allows a name. An empty one allows nothing; one that only the
/// broker's own language of patterns knows is taken to.
/// Source: <https://www.rabbitmq.com/docs/access-control#authorisation>.
fn allows(pattern: &str, name: &str) -> bool {
    match Regex::new(pattern) {
        Ok(read) => !pattern.is_empty() && read.is_match(name),
        Err(_) => true,
    }
}

fn wanted(value: ArgumentValue) -> Value {
    match value {
        ArgumentValue::Text(text) => text.into(),
        ArgumentValue::Number(number) => number.into(),
    }
}

/// How an argument differs from the one that is needed.
fn differs(found: &Map<String, Value>, name: &str, needed: &Value) -> Option<String> {
    let plain = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    match found.get(name) {
        Some(value) if value == needed => None,
        Some(value) => Some(format!("{name} is {}, not {}", plain(value), plain(needed))),
        None => Some(format!("{name} is not set to {}", plain(needed))),
    }
}

#[cfg(test)]
mod tests {
    use domain::shard::Shards;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(".*", true)]
    #[case("^posthaste\\.", true)]
    #[case("^other", false)]
    #[case("", false)]
    #[case("(?<!x)posthaste", true)]
    fn patterns(#[case] pattern: &str, #[case] allowed: bool) {
        assert_eq!(allows(pattern, "posthaste.inbox"), allowed);
    }

    #[rstest]
    #[case("posthaste.inbox", Some("ingest"))]
    #[case("posthaste.fanout.bulk.00", Some("fanout"))]
    #[case("posthaste.dispatch.retry.00", Some("dispatcher"))]
    #[case("posthaste.quarantine.dispatch", Some("dispatcher"))]
    #[case("posthaste.dead", Some("recorder"))]
    #[case("posthaste.retry.1m", None)]
    fn queues_are_worked_on_by(#[case] queue: &str, #[case] role: Option<&str>) {
        assert_eq!(worker(queue), role);
    }

    #[test]
    fn messages_that_nobody_takes_are_told_of() {
        let needed = Topology::new(Shards::ONE);
        let mut found = standing(&needed);
        let inbox = found
            .iter_mut()
            .find(|queue| queue.name == "posthaste.inbox");
        inbox.unwrap().messages = 7;
        found.push(Queue {
            name: "posthaste.dispatch.fresh.01".to_owned(),
            messages: 9,
            ..Queue::default()
        });
        let said = wrong(&queues(&needed, &found)).join("\n");
        assert!(
            said.contains("7 messages, and nobody takes them; start posthaste ingest"),
            "{said}"
        );
        assert!(
            said.contains("fresh.01: no role knows it, and it holds 9 messages"),
            "{said}"
        );
    }

    fn standing(needed: &Topology) -> Vec<Queue> {
        let queue = |queue: &broker::topology::Queue| Queue {
            name: queue.name.clone(),
            durable: true,
            arguments: queue
                .arguments
                .iter()
                .map(|(name, value)| (name.to_owned(), wanted(value)))
                .collect(),
            ..Queue::default()
        };
        needed.queues.iter().map(queue).collect()
    }

    fn wrong(findings: &[Finding]) -> Vec<String> {
        let wrong = findings.iter().filter(|one| one.is_wrong());
        wrong.map(ToString::to_string).collect()
    }

    /// A list stands for no policy at all, as the broker writes it.
    #[test]
    fn a_policy_may_only_set_what_we_do_not_need() {
        let needed = Topology::new(Shards::ONE);
        let mut found = standing(&needed);
        found[0].effective_policy_definition = json!([]);
        assert_eq!(wrong(&queues(&needed, &found)), Vec::<String>::new());
        found[0].policy = Some("ours".to_owned());
        found[0].effective_policy_definition = json!({"max-length": 5});
        assert_eq!(wrong(&queues(&needed, &found)), Vec::<String>::new());
        found[0].effective_policy_definition = json!({"message-ttl": 5});
        let said = wrong(&queues(&needed, &found));
        assert!(
            said[0].contains("the policy ours sets message-ttl on it"),
            "{said:?}"
        );
    }

    #[test]
    fn a_queue_that_lost_a_replica_is_told_of() {
        let needed = Topology::new(Shards::ONE);
        let mut found = standing(&needed);
        found[0].members = vec!["a".into(), "b".into(), "c".into()];
        found[0].online = vec!["a".into(), "b".into()];
        let said = wrong(&queues(&needed, &found));
        assert!(
            said[0].contains("2 of its 3 replicas are online"),
            "{said:?}"
        );
    }
}
