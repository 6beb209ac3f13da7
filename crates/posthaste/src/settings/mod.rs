//! Settings: what may be set, and where a value comes from.
//!
//! A flag goes before the environment, the environment before the file, the file before the
//! default. There is one list of settings, the command line's own definition: the file's keys, the
//! variables that are known, and the reference in the documentation all follow from it.
//!
//! **Invariant:** what is set and means nothing is refused. A misspelt setting would else be a
//! default that nobody chose.

mod catalogue;
mod file;
mod reference;

use std::ffi::OsString;
use std::path::Path;

use anyhow::bail;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};

use crate::cli::Cli;
pub(crate) use catalogue::{Catalogue, ROLES, Setting};
pub(crate) use file::File;
pub(crate) use reference::{line, reference};

/// What all variables of ours begin with.
const PREFIX: &str = "POSTHASTE_";

/// The command line as it stands after the environment and the file. Ends the process where clap
/// would: for help, and for flags that can't be used.
///
/// # Errors
/// When the file or the environment sets what is no setting, or a file's value can't be used.
pub(crate) fn read(
    arguments: Vec<OsString>,
    variables: impl Iterator<Item = OsString>,
) -> anyhow::Result<Cli> {
    let known = Catalogue::of(&Cli::command());
    let file = match path_of_file(&arguments) {
        Some(path) => File::read(Path::new(&path), &known)?,
        None => File::default(),
    };
    let matches = file.beneath(Cli::command()).get_matches_from(arguments);
    refuse_unknown(variables, &known)?;
    let mut cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    cli.file = file;
    Ok(cli)
}

/// Where the file is, by flag or by environment: looked for before anything else can be known.
fn path_of_file(arguments: &[OsString]) -> Option<OsString> {
    let lenient = Cli::command().ignore_errors(true);
    let matches = lenient.try_get_matches_from(arguments).ok()?;
    let path = raw(&matches, "config").next()?;
    Some(path)
}

/// The values of an argument as they were written.
pub(crate) fn raw<'a>(
    matches: &'a ArgMatches,
    id: &str,
) -> impl Iterator<Item = OsString> + use<'a> {
    let values = matches.try_get_raw(id).ok().flatten();
    values.into_iter().flatten().map(OsString::from)
}

/// Every command below this one, and itself, with the words that lead to it.
pub(crate) fn walk<'a>(
    command: &'a Command,
    path: &str,
    visit: &mut impl FnMut(&str, &'a Command),
) {
    visit(path, command);
    for below in command.get_subcommands() {
        let path = match path {
            "" => below.get_name().to_owned(),
            above => format!("{above} {}", below.get_name()),
        };
        walk(below, &path, visit);
    }
}

fn refuse_unknown(
    variables: impl Iterator<Item = OsString>,
    known: &Catalogue,
) -> anyhow::Result<()> {
    for name in variables.filter_map(|name| name.into_string().ok()) {
        if name.starts_with(PREFIX) && !known.has(&name) && !is_service_link(&name) {
            let meant = known.nearest(&name).map(|near| format!("; {near} is"));
            bail!("{name} is no setting{}", meant.unwrap_or_default());
        }
    }
    Ok(())
}

/// Whether Kubernetes may have set it, for a service that is called posthaste-something.
/// Source: <https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables>.
fn is_service_link(name: &str) -> bool {
    let port = |rest: &str| {
        let digits = rest.split('_').next().unwrap_or_default();
        !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
    };
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.ends_with("_PORT")
        || name.split("_PORT_").skip(1).any(port)
}

#[cfg(test)]
mod tests;
