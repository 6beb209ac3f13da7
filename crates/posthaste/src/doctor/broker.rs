//! The broker: reachable, well, and holding exactly the topology that this program needs.

mod topology;

use anyhow::anyhow;
use broker::topology::Topology;
use secrecy::SecretString;
use time::OffsetDateTime;

use super::finding::Finding;
use super::management::{Kind, Management, Node, Unread};
use crate::connections::BrokerArgs;

/// The oldest RabbitMQ that this program was tested on.
const OLDEST: (u32, u32) = (3, 10);

/// What the management API's user needs.
const TAG: &str = "give the user of POSTHASTE_MANAGEMENT_URL the tag monitoring";

/// Looks at the broker.
pub(super) async fn examine(args: &BrokerArgs, given: Option<&SecretString>) -> Vec<Finding> {
    let mut findings = vec![connects(args).await];
    let management = match Management::of(&args.amqp_url, given) {
        Ok(management) => management,
        Err(error) => {
            let cure = "it is http://user:password@host:15672";
            findings.push(Finding::wrong("settings", format!("{error:#}"), cure));
            return findings;
        }
    };
    let asked = OffsetDateTime::now_utc();
    match management.overview().await {
        Ok((overview, date)) => {
            findings.push(version(&overview.rabbitmq_version));
            let clock = date.map(|date| Finding::of_clock("broker clock", date, asked));
            findings.extend(clock);
        }
        Err(unread) => {
            findings.push(unseen("management API", unread));
            return findings;
        }
    }
    match management.nodes().await {
        Ok(nodes) => findings.extend(nodes.iter().flat_map(node)),
        Err(unread) => findings.push(unseen("broker nodes", unread)),
    }
    let topology = Topology::new(args.shards.shards);
    match management.all(Kind::Queues).await {
        Ok(queues) => findings.extend(topology::queues(&topology, &queues)),
        Err(unread) => findings.push(unseen("queues", unread)),
    }
    match management.all(Kind::Exchanges).await {
        Ok(exchanges) => findings.extend(topology::exchanges(&topology, &exchanges)),
        Err(unread) => findings.push(unseen("exchanges", unread)),
    }
    match management.all(Kind::Bindings).await {
        Ok(bindings) => findings.extend(topology::bindings(&topology, &bindings)),
        Err(unread) => findings.push(unseen("bindings", unread)),
    }
    match management.all(Kind::Permissions).await {
        Ok(all) => findings.extend(topology::permissions(&topology, &management.user, &all)),
        Err(unread) => findings.push(unseen("permissions", unread)),
    }
    findings
}

/// Whether the roles' own way leads there: the host, the user, the virtual host.
async fn connects(args: &BrokerArgs) -> Finding {
    let config = broker::Config::new(args.amqp_url.clone(), "posthaste-doctor");
    // Of nothing: it connects, and changes nothing.
    let nothing = Topology {
        exchanges: Vec::new(),
        queues: Vec::new(),
        bindings: Vec::new(),
    };
    let connected = match broker::Broker::new(&config) {
        Ok(broker) => broker
            .declare(&nothing)
            .await
            .map_err(|error| anyhow!(error)),
        Err(error) => Err(anyhow!(error)),
    };
    match connected {
        Ok(()) => Finding::well("broker", "takes connections"),
        Err(error) => Finding::wrong(
            "broker",
            format!("{error:#}"),
            "is it up, and are host, user, password and virtual host of POSTHASTE_AMQP_URL right?",
        ),
    }
}

fn version(text: &str) -> Finding {
    let mut numbers = text.split('.').map_while(|part| part.parse::<u32>().ok());
    let found = (
        numbers.next().unwrap_or_default(),
        numbers.next().unwrap_or_default(),
    );
    if found < OLDEST {
        let cure = format!("upgrade to {}.{} or newer", OLDEST.0, OLDEST.1);
        Finding::wrong("broker version", format!("RabbitMQ {text}"), cure)
    } else {
        Finding::well("broker version", format!("RabbitMQ {text}"))
    }
}

fn node(node: &Node) -> Vec<Finding> {
    let subject = format!("broker node {}", node.name);
    let alarm = "publishers are blocked until it is over";
    let mut wrong = Vec::new();
    if !node.running {
        let cure = "start it, or take it out of the cluster";
        wrong.push(Finding::wrong(&subject, "it is down", cure));
    }
    if node.mem_alarm {
        let what = format!("memory alarm: {alarm}");
        wrong.push(Finding::wrong(&subject, what, "give it more memory"));
    }
    if node.disk_free_alarm {
        let what = format!("disk alarm: {alarm}");
        wrong.push(Finding::wrong(&subject, what, "free or enlarge its disk"));
    }
    if !node.partitions.is_empty() {
        let what = format!("it is cut off from {}", node.partitions.join(", "));
        let cure = "mend the network, then restart the smaller side";
        wrong.push(Finding::wrong(&subject, what, cure));
    }
    Finding::or_well(wrong, &subject, "runs, no alarm")
}

fn unseen(subject: &str, unread: Unread) -> Finding {
    match unread {
        Unread::Forbidden => Finding::unknown(subject, "this user may not see it", TAG),
        Unread::Failed(error) => Finding::unknown(
            subject,
            format!("{error:#}"),
            "enable rabbitmq_management, and say where by POSTHASTE_MANAGEMENT_URL",
        ),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("3.10.8", false)]
    #[case("4.1.0-rc.1", false)]
    #[case("3.9.27", true)]
    #[case("?", true)]
    fn versions(#[case] text: &str, #[case] wrong: bool) {
        assert_eq!(version(text).is_wrong(), wrong);
    }

    #[test]
    fn a_node_may_have_several_complaints() {
        let ill = Node {
            name: "rabbit@a".to_owned(),
            running: false,
            mem_alarm: true,
            disk_free_alarm: true,
            partitions: vec!["rabbit@b".to_owned()],
        };
        assert_eq!(node(&ill).iter().filter(|one| one.is_wrong()).count(), 4);
        let well = Node {
            running: true,
            mem_alarm: false,
            disk_free_alarm: false,
            partitions: Vec::new(),
            ..ill
        };
        assert_eq!(node(&well).iter().filter(|one| one.is_wrong()).count(), 0);
    }
}
