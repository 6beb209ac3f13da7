//! The topology as RabbitMQ's definitions file.

use serde_json::{Map, Value, json};

use super::arguments::ArgumentValue;
use super::{Arguments, Topology};

pub(super) fn json(topology: &Topology, vhost: &str) -> String {
    let exchanges = topology.exchanges.iter().map(|exchange| {
        let mut arguments = Map::new();
        if let Some(alternate) = exchange.alternate {
            arguments.insert("alternate-exchange".into(), alternate.into());
        }
        json!({
            "name": exchange.name,
            "vhost": vhost,
            "type": exchange.kind.as_str(),
            "durable": true,
            "auto_delete": false,
            "internal": false,
            "arguments": arguments,
        })
    });
    let queues = topology.queues.iter().map(|queue| {
        json!({
            "name": queue.name,
            "vhost": vhost,
            "durable": true,
            "auto_delete": false,
            "arguments": arguments(&queue.arguments),
        })
    });
    let bindings = topology.bindings.iter().map(|binding| {
        json!({
            "source": binding.exchange,
            "vhost": vhost,
            "destination": binding.queue,
            "destination_type": "queue",
            "routing_key": binding.key,
            "arguments": {},
        })
    });
    let definitions = json!({
        "exchanges": exchanges.collect::<Vec<_>>(),
        "queues": queues.collect::<Vec<_>>(),
        "bindings": bindings.collect::<Vec<_>>(),
    });
    format!("{definitions:#}")
}

fn arguments(arguments: &Arguments) -> Map<String, Value> {
    arguments
        .iter()
        .map(|(name, value)| {
            let value = match value {
                ArgumentValue::Text(text) => text.into(),
                ArgumentValue::Number(number) => number.into(),
            };
            (name.to_owned(), value)
        })
        .collect()
}
