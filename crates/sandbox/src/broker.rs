//! RabbitMQ: its configuration, its environment, and whether it answers.
//!
//! It brings its own epmd, Erlang cookie and node name, so that it neither meets nor disturbs
//! another node on the machine.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::access::{Identity, USER};
use crate::account::Account;
use crate::directory::{Directory, write_private};
use crate::error::StartError;
use crate::options::Options;

/// Unique within its own epmd, which is enough; and the same at each start, since the database
/// belongs to the node's name.
pub(crate) const NODE: &str = "posthaste@localhost";

/// Where its database is, in the sandbox's directory.
pub(crate) const DATA: &str = "broker/mnesia";

/// More schedulers than this only cost start time and memory.
const MOST_SCHEDULERS: usize = 4;

/// Writes what the broker reads at its start, and makes its directories.
pub(crate) fn prepare(
    account: &Account,
    directory: &Directory,
    identity: &Identity,
    options: &Options,
) -> Result<(), StartError> {
    let home = directory.server_directory("broker", account)?;
    directory.server_directory(DATA, account)?;
    directory.server_directory("broker/log", account)?;
    write_private(&home.join(".erlang.cookie"), &identity.cookie, account)?;
    write_private(
        &home.join("enabled_plugins"),
        "[rabbitmq_management].\n",
        account,
    )?;
    write_private(
        &home.join("rabbitmq.conf"),
        &configuration(identity, options),
        account,
    )?;
    write_private(&home.join("advanced.config"), &terms(options), account)?;
    // Erlang refuses a cookie that others may read or that is writable by more than its owner.
    let cookie = home.join(".erlang.cookie");
    let mut permissions = fs::metadata(&cookie)
        .map_err(StartError::io("looking at", &cookie))?
        .permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&cookie, permissions).map_err(StartError::io("closing", &cookie))
}

/// The environment of the broker, and of rabbitmqctl when it talks to it.
pub(crate) fn environment(
    directory: &Directory,
    identity: &Identity,
) -> Vec<(&'static str, OsString)> {
    let home = directory.file("broker");
    let file = |name: &str| home.join(name).into_os_string();
    let schedulers = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(MOST_SCHEDULERS);
    vec![
        ("HOME", home.clone().into_os_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".into()),
        ("ERL_EPMD_PORT", identity.ports.epmd.to_string().into()),
        ("RABBITMQ_NODENAME", NODE.into()),
        ("RABBITMQ_DIST_PORT", identity.ports.distribution.to_string().into()),
        ("RABBITMQ_MNESIA_BASE", file("mnesia")),
        ("RABBITMQ_LOG_BASE", file("log")),
        // To standard output, so that one file tells all about a failed start.
        ("RABBITMQ_LOGS", "-".into()),
        ("RABBITMQ_PID_FILE", file("rabbitmq.pid")),
        ("RABBITMQ_CONFIG_FILE", file("rabbitmq.conf")),
        ("RABBITMQ_ADVANCED_CONFIG_FILE", file("advanced.config")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", file("enabled_plugins")),
        // Not there: the machine's /etc/rabbitmq/rabbitmq-env.conf is not for us.
        ("RABBITMQ_CONF_ENV_FILE", file("rabbitmq-env.conf")),
        // The script then becomes the server, instead of waiting for it as its parent.
        ("RABBITMQ_ALLOW_INPUT", "true".into()),
        (
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            format!(
                "-noinput +S {schedulers}:{schedulers} -kernel inet_dist_use_interface {{127,0,0,1}}"
            )
            .into(),
        ),
    ]
}

fn configuration(identity: &Identity, options: &Options) -> String {
    let amqp = format!("127.0.0.1:{}", identity.ports.amqp);
    let management = identity.ports.management.to_string();
    let ours = [
        ("listeners.tcp.1", amqp.as_str()),
        ("management.tcp.ip", "127.0.0.1"),
        ("management.tcp.port", &management),
        // Made when the database is new, in place of `guest`.
        ("default_user", USER),
        ("default_pass", &identity.broker_password),
        ("heartbeat", "15"),
        ("disk_free_limit.absolute", "64MB"),
        ("vm_memory_high_watermark.absolute", "1GB"),
    ];
    let mut text = String::from("# Written by the sandbox at each start.\n");
    for (name, value) in ours.iter().chain(&options.broker_settings) {
        // Writing to a String does not fail.
        let _infallible = writeln!(text, "{name} = {value}");
    }
    text
}

/// `dead_letter_worker_consumer_prefetch` has no name in rabbitmq.conf. At its default of 32 the
/// hop through a retry queue is a good third slower.
fn terms(options: &Options) -> String {
    let terms: Vec<String> = [("dead_letter_worker_consumer_prefetch", "1024")]
        .iter()
        .chain(&options.broker_terms)
        .map(|(key, term)| format!("{{{key}, {term}}}"))
        .collect();
    format!("[{{rabbit, [{}]}}].\n", terms.join(", "))
}

/// Whether the broker takes AMQP connections and its management API answers.
pub(crate) async fn answers(amqp: u16, management: u16) -> std::io::Result<bool> {
    Ok(greets(amqp).await? && serves(management).await?)
}

/// A broker answers the protocol header with `connection.start`: a method frame (type 1).
async fn greets(port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(b"AMQP\x00\x00\x09\x01").await?;
    Ok(stream.read_u8().await? == 1)
}

async fn serves(port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
    let mut status = [0; 12];
    stream.read_exact(&mut status).await?;
    Ok(status.starts_with(b"HTTP/1.") && status.ends_with(b" 200"))
}
