//! `posthaste config`: the settings in effect, and the reference of all.

use clap::parser::ValueSource;
use clap::{Args, Command, CommandFactory};
use url::Url;

use crate::cli::Cli;
use crate::out;
use crate::settings::{self, Catalogue, File, ROLES, Setting};

/// Show the settings in effect, as a configuration file with its secrets left out.
#[derive(Debug, Args)]
pub(crate) struct Config {
    /// The role whose settings are shown; those of all roles without it.
    #[arg(value_parser = ROLES)]
    role: Option<String>,
    /// Print the reference of all settings instead, in Markdown.
    #[arg(long, conflicts_with = "role")]
    reference: bool,
}

/// Runs the command.
pub(crate) fn run(command: &Config, file: &File) {
    let known = Catalogue::of(&Cli::command());
    if command.reference {
        out::line(settings::reference(&known).trim_end());
        return;
    }
    let roles = command.role.as_deref();
    let roles = roles.map_or(ROLES.to_vec(), |role| vec![role]);
    let shown = known
        .iter()
        .filter(|(_, setting)| roles.iter().any(|role| setting.is_of(role)));
    for (variable, setting) in shown {
        out::line(effective(variable, setting, file));
    }
}

/// The setting's line: its value, and where that comes from.
fn effective(variable: &str, setting: &Setting, file: &File) -> String {
    let id = setting.argument.get_id().to_string();
    let command = file.beneath(Command::new("config").arg(setting.alone()));
    let matches = match command.try_get_matches_from(["config"]) {
        Ok(matches) => matches,
        Err(_) if setting.is_secret() => return settings::line(variable, None, "can't be used"),
        Err(error) => return settings::line(variable, None, &one_line(&error)),
    };
    let from = match matches.value_source(&id) {
        Some(ValueSource::EnvVariable) => "environment",
        _ if file.sets(variable) => "file",
        Some(_) => "default",
        None => "not set",
    };
    let values = settings::raw(&matches, &id);
    let values: Vec<String> = values
        .map(|value| value.to_string_lossy().into_owned())
        .collect();
    let value = (!values.is_empty()).then(|| values.join(","));
    let value = match value {
        Some(value) if setting.is_secret() => Some(redacted(&value)),
        value => value,
    };
    settings::line(variable, value.as_deref(), from)
}

/// A URL without its password and query; of any other secret nothing.
fn redacted(secret: &str) -> String {
    let Ok(mut url) = Url::parse(secret) else {
        return "(secret)".to_owned();
    };
    if !url.has_host() {
        return "(secret)".to_owned();
    }
    url.set_query(None);
    if url.password().is_some() && url.set_password(Some("***")).is_err() {
        return "(secret)".to_owned();
    }
    url.to_string()
}

fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}
