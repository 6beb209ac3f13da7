//! What deploy/ and the pages for operators tell the program is what it takes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::PROGRAM;

/// Every setting starts so; what follows is its own name.
const SETTING: &str = "POSTHASTE_";
/// Of the files that are read.
const ENDINGS: [&str; 5] = ["yml", "yaml", "tpl", "md", "Dockerfile"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The settings that a text names. A prefix such as `POSTHASTE_DISPATCHER_…` names none.
fn settings(text: &str) -> BTreeSet<String> {
    let named = text.match_indices(SETTING).map(|(at, _)| {
        let rest = &text[at..];
        let end = rest.find(|c: char| !c.is_ascii_uppercase() && c != '_');
        rest[..end.unwrap_or(rest.len())].to_owned()
    });
    named.filter(|name| !name.ends_with('_')).collect()
}

/// What the program answers on `--help`, and on that of each of its commands.
fn help() -> String {
    let ask = |arguments: &[&str]| {
        let asked = Command::new(PROGRAM).args(arguments).output().unwrap();
        String::from_utf8(asked.stdout).unwrap()
    };
    let whole = ask(&["--help"]);
    let (_, commands) = whole.split_once("Commands:").unwrap();
    let commands = commands.lines().skip(1).take_while(|line| !line.is_empty());
    let names = commands.filter_map(|line| {
        let is_command = line.starts_with("  ") && !line.starts_with("   ");
        is_command.then(|| line.split_whitespace().next()).flatten()
    });
    let each = names
        .filter(|name| *name != "help")
        .map(|name| {
            let of_command = ask(&[name, "--help"]);
            // Commands of commands have settings of their own.
            let inner = ["create", "list"].map(|inner| ask(&[name, inner, "--help"]));
            of_command + &inner.concat()
        })
        .collect::<String>();
    whole + &each
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // The chart's links lead to files that are found without them.
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            files(&path, found);
        } else if ENDINGS.iter().any(|ending| path.ends_with(ending))
            || path
                .extension()
                .is_some_and(|it| ENDINGS.iter().any(|ending| it == *ending))
        {
            found.push(path);
        }
    }
}

#[test]
fn every_setting_that_is_named_is_one() {
    let known = settings(&help());
    assert!(known.len() > 30, "{known:?}");
    let mut paths = vec![root().join("docker-compose.yml")];
    for folder in ["deploy", "docs/operators", "docs/runbooks"] {
        files(&root().join(folder), &mut paths);
    }
    let mut named = BTreeSet::new();
    for path in paths {
        let here = settings(&fs::read_to_string(&path).unwrap());
        let unknown: Vec<_> = here.difference(&known).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", path.display());
        named.extend(here);
    }
    assert!(
        named.contains("POSTHASTE_GRACE"),
        "the chart says how long a drain takes"
    );
}
