//! The catalogue of what Posthaste must stand names tests, and each of them exists.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The sources in a folder, with their paths.
fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path.to_str().unwrap().to_owned(), text));
        }
    }
    found
}

/// The names of modules with tests of the code that they are beside.
const BESIDE: [&str; 2] = ["tests", "fuzz"];

/// Whether there is a test `crate::module::name`.
fn exists(test: &str) -> bool {
    let mut parts: Vec<&str> = test.split("::").collect();
    let (crate_name, name) = (parts.remove(0), parts.pop().unwrap());
    let folder = root().join("crates").join(crate_name);
    // Tests beside the code are a module of their own, in the same file or in one beside it.
    parts.retain(|part| !BESIDE.contains(part));
    let is_module = |path: &str, module: &str| {
        let path = Path::new(path).with_extension("");
        let beside = BESIDE.map(|kind| format!("{module}_{kind}"));
        path.iter()
            .any(|part| part == module || beside.iter().any(|beside| part == beside.as_str()))
    };
    folder.is_dir()
        && sources(&folder).iter().any(|(path, text)| {
            text.contains(&format!("fn {name}(")) && parts.iter().all(|part| is_module(path, part))
        })
}

#[test]
fn every_test_that_the_catalogue_names_exists() {
    let catalogue = fs::read_to_string(root().join("docs/hostility.md")).unwrap();
    let quoted = catalogue.split('`').skip(1).step_by(2);
    let named: Vec<&str> = quoted
        .filter(|code| code.contains("::") && !code.contains(' '))
        .collect();
    assert!(named.len() > 50, "the catalogue names tests");
    let missing: Vec<_> = named.into_iter().filter(|test| !exists(test)).collect();
    assert_eq!(missing, [""; 0]);

    // A row that names nothing would be a promise.
    let rows = catalogue.lines().filter(|line| line.starts_with("| "));
    let is_head = |row: &str| row.ends_with("| test |");
    let names = |row: &str| {
        row.rsplit(" | ")
            .next()
            .is_some_and(|cell| cell.contains('`'))
    };
    let without = rows.filter(|row| !is_head(row) && !names(row));
    assert_eq!(without.collect::<Vec<_>>(), [""; 0]);
}
