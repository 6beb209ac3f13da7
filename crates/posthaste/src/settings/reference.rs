//! The reference of all settings, for the documentation.

use std::fmt::Write as _;

use super::catalogue::{Catalogue, ROLES, Setting, key};

const INTRODUCTION: &str = "\
# Configuration

<!-- Made from the program: cargo run -- config --reference > docs/operators/configuration.md -->

Every setting is a flag, an environment variable, and a key in a file; a flag goes before the environment, the environment before the file, the file before the default. The file is TOML and named by `--config` or `POSTHASTE_CONFIG`; a setting's key is its variable without `POSTHASTE_`, in lower case:

```toml
amqp_url = \"amqp://posthaste:secret@rabbitmq:5672/posthaste\"
grace = \"60s\"
allow_network = [\"10.20.0.0/16\", \"10.30.0.0/16\"]
```

Durations are written like `90s`, `5min` or `30days`. All roles can share one file: each takes what is its own. What is no setting is refused, in the file and in the environment; only what Kubernetes sets for services is passed over. `posthaste config` prints what is in effect as such a file, with secrets left out, and `posthaste config dispatcher` the same for one role.
";

/// The document.
pub(crate) fn reference(known: &Catalogue) -> String {
    let mut text = INTRODUCTION.to_owned();
    let of_all = |setting: &Setting| ROLES.iter().all(|role| setting.is_of(role));
    section(&mut text, known, "Every role", of_all);
    for role in ROLES {
        let own = |setting: &Setting| setting.is_of(role) && !of_all(setting);
        section(&mut text, known, &format!("`posthaste {role}`"), own);
    }
    let of_some = |setting: &Setting| ROLES.iter().any(|role| setting.is_of(role));
    let up = |setting: &Setting| setting.is_of("up") && !of_some(setting);
    section(&mut text, known, "`posthaste up`", up);
    let others = |setting: &Setting| !setting.is_of("up") && !of_some(setting);
    section(&mut text, known, "Commands for people", others);
    text
}

fn section(text: &mut String, known: &Catalogue, title: &str, of: impl Fn(&Setting) -> bool) {
    let rows = known.iter().filter(|(_, setting)| of(setting));
    let rows: Vec<String> = rows
        .map(|(variable, setting)| row(variable, setting))
        .collect();
    // Writing to a text can't fail.
    let _ = write!(
        text,
        "\n## {title}\n\n| variable | flag | default | what it says |\n|---|---|---|---|\n{}\n",
        rows.join("\n")
    );
}

fn row(variable: &str, setting: &Setting) -> String {
    let argument = &setting.argument;
    let flag = argument.get_long().unwrap_or_default();
    let defaults: Vec<_> = argument
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy())
        .collect();
    let default = match (defaults.as_slice(), argument.is_required_set()) {
        ([], true) => "(required)".to_owned(),
        ([], false) => String::new(),
        (values, _) => format!("`{}`", values.join(",")),
    };
    let help = argument.get_long_help().or(argument.get_help());
    let help = help.map(ToString::to_string).unwrap_or_default();
    let mut says = help.split_whitespace().collect::<Vec<_>>().join(" ");
    if !says.is_empty() && !says.ends_with('.') {
        // clap takes the last full stop away.
        says.push('.');
    }
    let values = argument.get_possible_values();
    let values: Vec<String> = values
        .iter()
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !values.is_empty() {
        let _ = write!(says, " One of {}.", values.join(", "));
    }
    let says = says.replace('|', "\\|");
    format!("| `{variable}` | `--{flag}` | {default} | {says} |")
}

/// A setting's line in a file: commented out where there is no value to show.
pub(crate) fn line(variable: &str, value: Option<&str>, from: &str) -> String {
    let key = key(variable);
    match value {
        Some(value) => format!("{key} = {} # {from}", toml::Value::from(value)),
        None => format!("# {key} = # {from}"),
    }
}
