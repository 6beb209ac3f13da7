//! The configuration file: TOML, a key for each setting.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};
use clap::{Arg, Command};
use toml::Value;

use super::catalogue::{Catalogue, Setting, key, variable};

/// What the file sets, by key: each value as it would stand in the environment.
#[derive(Debug, Clone, Default)]
pub(crate) struct File(BTreeMap<String, String>);

impl File {
    /// Reads the file at this path.
    ///
    /// # Errors
    /// When it can't be read, sets what is no setting, or has a value that can't be used.
    pub(crate) fn read(path: &Path, known: &Catalogue) -> anyhow::Result<Self> {
        let name = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        Self::parse(&text, known).with_context(|| name.to_string())
    }

    /// Reads a file's text.
    pub(super) fn parse(text: &str, known: &Catalogue) -> anyhow::Result<Self> {
        let table: toml::Table = text.parse().context("it is no TOML")?;
        let mut values = BTreeMap::new();
        for (name, value) in table {
            let Some(setting) = known.by_key(&name) else {
                let meant = known
                    .nearest(&name)
                    .map(|near| format!("; {} is", key(near)));
                bail!("{name} is no setting{}", meant.unwrap_or_default());
            };
            let value = text_of(&value).with_context(|| {
                format!("{name} is neither a text, a number nor a list of them")
            })?;
            usable(setting, &value).with_context(|| format!("{name} can't be used"))?;
            values.insert(name, value);
        }
        Ok(Self(values))
    }

    /// Whether the file sets this variable.
    pub(crate) fn sets(&self, variable: &str) -> bool {
        self.0.contains_key(&key(variable))
    }

    /// The command with what the file says as its defaults, and all commands below it.
    pub(crate) fn beneath(&self, command: Command) -> Command {
        let command = command.mut_args(|argument| self.default_of(argument));
        command.mut_subcommands(|below| self.beneath(below))
    }

    fn default_of(&self, argument: Arg) -> Arg {
        let value = variable(&argument).and_then(|variable| self.0.get(&key(&variable)));
        match value {
            // Hidden, since help shows defaults and the file may hold secrets.
            Some(value) => argument
                .default_value(value.clone())
                .hide_default_value(true)
                .required(false),
            None => argument,
        }
    }
}

fn text_of(value: &Value) -> Option<String> {
    Some(match value {
        Value::String(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(true) => "on".to_owned(),
        Value::Boolean(false) => "off".to_owned(),
        Value::Array(values) => {
            let texts: Option<Vec<String>> = values.iter().map(text_of).collect();
            texts?.join(",")
        }
        Value::Datetime(_) | Value::Table(_) => return None,
    })
}

/// Whether the setting takes this value. What clap says of it quotes the value, so of a secret only
/// that it is wrong is told.
fn usable(setting: &Setting, value: &str) -> anyhow::Result<()> {
    let flag = setting.argument.get_long().unwrap_or_default();
    let bare = Command::new("file")
        .no_binary_name(true)
        .arg(setting.alone());
    let Err(error) = bare.try_get_matches_from([format!("--{flag}={value}")]) else {
        return Ok(());
    };
    if setting.is_secret() {
        bail!("its value is not one");
    }
    match std::error::Error::source(&error) {
        Some(source) => bail!("{source}"),
        None => bail!("{value:?} is not one of its values"),
    }
}
