//! Postgres: its data directory, its configuration, and whether it answers.
//!
//! Durability is Postgres' default (`fsync` and `synchronous_commit` on) unless the caller's
//! settings say otherwise.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::access::{Identity, USER};
use crate::account::Account;
use crate::command::{run_as, succeed};
use crate::directory::{Directory, write_private};
use crate::error::StartError;
use crate::options::{Options, Place};
use crate::packages::Programs;

const INIT_LIMIT: Duration = Duration::from_mins(2);

/// Chooses the Postgres to run: the newest, or the one that wrote the data that is there.
pub(crate) fn choose(programs: &Programs, directory: &Directory) -> Result<PathBuf, StartError> {
    let version = fs::read_to_string(directory.file("postgres/data/PG_VERSION")).ok();
    let version = version.as_deref().map(str::trim);
    programs
        .postgres_for(version)
        .map(Path::to_owned)
        .ok_or_else(|| StartError::OtherVersion {
            directory: directory.root().to_owned(),
            version: version.unwrap_or_default().to_owned(),
        })
}

/// Makes the data directory when there is none, and writes the configuration.
pub(crate) async fn prepare(
    bin: &Path,
    account: &Account,
    directory: &Directory,
    identity: &Identity,
    options: &Options,
) -> Result<(), StartError> {
    let home = directory.server_directory("postgres", account)?;
    let data = home.join("data");
    if !data.exists() {
        // Under another name until it is complete: a start that was cut off leaves no half of it.
        let new = home.join("data.new");
        if new.exists() {
            fs::remove_dir_all(&new).map_err(StartError::io("removing", &new))?;
        }
        initialise(bin, account, &home, &new, identity, &options.place).await?;
        fs::rename(&new, &data).map_err(StartError::io("renaming", &new))?;
    }
    write_private(
        &data.join("sandbox.conf"),
        &configuration(identity, options),
        account,
    )
}

async fn initialise(
    bin: &Path,
    account: &Account,
    home: &Path,
    data: &Path,
    identity: &Identity,
    place: &Place,
) -> Result<(), StartError> {
    let password = home.join("password");
    write_private(&password, &identity.postgres_password, account)?;
    let mut initdb = run_as(account, &bin.join("initdb"));
    initdb.current_dir(home);
    initdb.args([
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--no-locale",
        "--username",
        USER,
    ]);
    initdb
        .arg("--pwfile")
        .arg(&password)
        .arg("--pgdata")
        .arg(data);
    if matches!(place, Place::Ephemeral) {
        initdb.arg("--no-sync");
    }
    let made = succeed(initdb, "", INIT_LIMIT).await;
    fs::remove_file(&password).map_err(StartError::io("removing", &password))?;
    made?;

    let mut single = run_as(account, &bin.join("postgres"));
    single
        .current_dir(home)
        .arg("--single")
        .arg("-D")
        .arg(data)
        .arg("postgres");
    succeed(single, &format!("CREATE DATABASE {USER}\n"), INIT_LIMIT).await?;

    let main = data.join("postgresql.conf");
    OpenOptions::new()
        .append(true)
        .open(&main)
        .and_then(|mut file| file.write_all(b"\ninclude 'sandbox.conf'\n"))
        .map_err(StartError::io("writing", &main))
}

fn configuration(identity: &Identity, options: &Options) -> String {
    let port = identity.ports.postgres.to_string();
    let ours = [
        ("listen_addresses", "127.0.0.1"),
        ("port", &port),
        // Nobody uses the socket, and the directory's path may be too long for one.
        ("unix_socket_directories", ""),
        ("max_connections", "200"),
        ("log_timezone", "UTC"),
        ("timezone", "UTC"),
    ];
    let mut text = String::from("# Written by the sandbox at each start.\n");
    for (name, value) in ours.iter().chain(&options.postgres_settings) {
        // Writing to a String does not fail.
        let _infallible = writeln!(text, "{name} = '{}'", value.replace('\'', "''"));
    }
    text
}

/// Whether Postgres lets clients log in: it answers a startup message by asking for the password,
/// where one that still starts or recovers answers with an error (57P03). See "Message Flow" in
/// <https://www.postgresql.org/docs/current/protocol-flow.html>.
pub(crate) async fn answers(port: u16) -> std::io::Result<bool> {
    const PROTOCOL_3_0: u32 = 196_608;
    let parameters = format!("user\0{USER}\0database\0{USER}\0\0");
    let length = u32::try_from(8 + parameters.len()).unwrap_or(u32::MAX);
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_u32(length).await?;
    stream.write_u32(PROTOCOL_3_0).await?;
    stream.write_all(parameters.as_bytes()).await?;
    Ok(stream.read_u8().await? == b'R')
}
