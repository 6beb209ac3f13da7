//! The list of settings, as the command line defines them.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Arg, Command};

use super::{PREFIX, walk};

/// The roles, in the order of an event's way.
pub(crate) const ROLES: [&str; 5] = ["ingest", "fanout", "dispatcher", "recorder", "console"];

/// How alike two names are, 0 to 1, for one to be taken for a misspelling of the other.
const ALIKE: f64 = 0.8;

/// The key of a variable in the file: without our prefix, in lower case.
pub(crate) fn key(variable: &str) -> String {
    variable
        .strip_prefix(PREFIX)
        .unwrap_or(variable)
        .to_ascii_lowercase()
}

/// One setting.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// The argument that defines it.
    pub(crate) argument: Arg,
    /// The commands that it belongs to; the empty one for all of them.
    pub(crate) commands: BTreeSet<String>,
}

impl Setting {
    /// The argument by itself: without what ties it to others, and required by nobody.
    pub(crate) fn alone(&self) -> Arg {
        let argument = &self.argument;
        let mut alone = Arg::new(argument.get_id().clone())
            .action(argument.get_action().clone())
            .value_parser(argument.get_value_parser().clone())
            .default_values(argument.get_default_values().to_vec());
        if let Some(flag) = argument.get_long() {
            alone = alone.long(flag.to_owned());
        }
        if let Some(variable) = argument.get_env() {
            alone = alone.env(variable.to_owned());
        }
        if let Some(delimiter) = argument.get_value_delimiter() {
            alone = alone.value_delimiter(delimiter);
        }
        if let Some(count) = argument.get_num_args() {
            alone = alone.num_args(count);
        }
        alone
    }

    /// Whether its value is nobody else's business.
    pub(crate) fn is_secret(&self) -> bool {
        self.argument.is_hide_env_values_set()
    }

    /// Whether the command takes it.
    pub(crate) fn is_of(&self, command: &str) -> bool {
        self.commands.contains("") || self.commands.contains(command)
    }
}

/// Every setting, by its variable.
#[derive(Debug)]
pub(crate) struct Catalogue(BTreeMap<String, Setting>);

impl Catalogue {
    /// Of this command and all below it.
    pub(crate) fn of(command: &Command) -> Self {
        let mut settings: BTreeMap<String, Setting> = BTreeMap::new();
        walk(command, "", &mut |path, command| {
            for argument in command.get_arguments() {
                let Some(variable) = variable(argument) else {
                    continue;
                };
                let setting = settings.entry(variable).or_insert_with(|| Setting {
                    argument: argument.clone(),
                    commands: BTreeSet::new(),
                });
                setting.commands.insert(path.to_owned());
                // A role's word for it goes before that of a command which uses it, too.
                if ROLES.contains(&path) {
                    setting.argument = argument.clone();
                }
            }
        });
        Self(settings)
    }

    /// Whether there is a setting with this variable.
    pub(crate) fn has(&self, variable: &str) -> bool {
        self.0.contains_key(variable)
    }

    /// The setting with this key in the file.
    pub(crate) fn by_key(&self, wanted: &str) -> Option<&Setting> {
        self.iter()
            .find(|(variable, _)| key(variable) == wanted)
            .map(|(_, setting)| setting)
    }

    /// Every setting with its variable, in alphabetical order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Setting)> {
        self.0
            .iter()
            .map(|(variable, setting)| (variable.as_str(), setting))
    }

    /// The variable that was probably meant.
    pub(crate) fn nearest(&self, wrong: &str) -> Option<&str> {
        let alike = self.0.keys().map(|variable| {
            let (right, wrong) = (key(variable), key(wrong));
            (strsim::jaro_winkler(&right, &wrong), variable.as_str())
        });
        alike
            .filter(|(alike, _)| *alike > ALIKE)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, variable)| variable)
    }
}

/// The variable that an argument may be set by.
pub(crate) fn variable(argument: &Arg) -> Option<String> {
    Some(argument.get_env()?.to_str()?.to_owned())
}
