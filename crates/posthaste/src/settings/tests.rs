use std::collections::BTreeSet;

use clap::error::ErrorKind;
use rstest::rstest;

use super::catalogue::key;
use super::*;

fn known() -> Catalogue {
    Catalogue::of(&Cli::command())
}

fn file(text: &str) -> anyhow::Result<File> {
    File::parse(text, &known())
}

/// What the command would be told under this key.
fn told(text: &str, arguments: &[&str], id: &str) -> Vec<String> {
    let command = file(text).unwrap().beneath(Cli::command());
    let matches = command.get_matches_from([&["posthaste"], arguments].concat());
    let (_, matches) = matches.subcommand().unwrap();
    raw(matches, id)
        .map(|value| value.into_string().unwrap())
        .collect()
}

const SERVERS: &str = "
    amqp_url = 'amqp://localhost'
    postgres_url = 'postgres://localhost'
    secret_keys = '1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='
";

#[test]
fn a_file_stands_above_defaults_and_below_flags() {
    let text = format!("{SERVERS}\nfanout_prefetch = 7");
    assert_eq!(told(&text, &["fanout"], "fanout_prefetch"), ["7"]);
    assert_eq!(
        told(
            &text,
            &["fanout", "--fanout-prefetch", "9"],
            "fanout_prefetch"
        ),
        ["9"]
    );
    assert_ne!(told(SERVERS, &["fanout"], "fanout_prefetch"), ["7"]);
    assert_eq!(
        told(SERVERS, &["fanout"], "amqp_url"),
        ["amqp://localhost"],
        "what is required may stand in the file"
    );
}

#[test]
fn values_are_texts_numbers_switches_and_lists() {
    let text = format!(
        "{SERVERS}\nallow_network = ['10.0.0.0/8', '127.0.0.0/8']\nallow_http = true\ntrace_share = 0.5"
    );
    assert_eq!(
        told(&text, &["dispatcher"], "allow_network"),
        ["10.0.0.0/8", "127.0.0.0/8"]
    );
    assert_eq!(told(&text, &["dispatcher"], "allow_http"), ["on"]);
    assert_eq!(told(&text, &["dispatcher"], "trace_share"), ["0.5"]);
}

#[rstest]
#[case(
    "fanout_prefech = 7",
    "fanout_prefech is no setting; fanout_prefetch is"
)]
#[case("zzz = 7", "zzz is no setting")]
#[case("[fanout]\nprefetch = 7", "fanout is no setting; fanout_")]
#[case("grace = 'soon'", "grace can't be used: ")]
#[case(
    "log_format = 'xml'",
    "log_format can't be used: \"xml\" is not one of its values"
)]
#[case(
    "grace = 1979-05-27",
    "grace is neither a text, a number nor a list of them"
)]
#[case("grace", "it is no TOML: ")]
fn what_means_nothing_in_a_file_is_refused(#[case] text: &str, #[case] expected: &str) {
    let error = file(text).unwrap_err();
    let said = format!("{error:#}");
    assert!(said.starts_with(expected), "{said}");
}

#[rstest]
#[case("POSTHASTE_GRACE", None)]
#[case("PATH", None)]
#[case("POSTHASTE_CONSOLE_SERVICE_HOST", None)]
#[case("POSTHASTE_CONSOLE_SERVICE_PORT_HTTP", None)]
#[case("POSTHASTE_CONSOLE_PORT", None)]
#[case("POSTHASTE_CONSOLE_PORT_8081_TCP_ADDR", None)]
#[case(
    "POSTHASTE_FANOUT_PREFECH",
    Some("POSTHASTE_FANOUT_PREFECH is no setting; POSTHASTE_FANOUT_PREFETCH is")
)]
#[case("POSTHASTE_", Some("POSTHASTE_ is no setting"))]
fn variables_that_mean_nothing_are_refused(#[case] name: &str, #[case] expected: Option<&str>) {
    let refused = refuse_unknown([OsString::from(name)].into_iter(), &known());
    let said = refused.err().map(|error| error.to_string());
    assert_eq!(said.as_deref(), expected);
}

#[test]
fn the_file_is_found_before_anything_else_is_known() {
    let path = |arguments: &[&str]| {
        let arguments = arguments.iter().map(OsString::from).collect::<Vec<_>>();
        path_of_file(&arguments)
    };
    let given = Some(OsString::from("a.toml"));
    assert_eq!(path(&["posthaste", "--config", "a.toml", "fanout"]), given);
    assert_eq!(path(&["posthaste", "fanout", "--config=a.toml"]), given);
    assert_eq!(path(&["posthaste", "fanout"]), None);
    assert_eq!(path(&["posthaste", "--help"]), None);
}

#[test]
fn no_two_settings_have_one_key() {
    let known = known();
    let keys: BTreeSet<String> = known.iter().map(|(variable, _)| key(variable)).collect();
    assert_eq!(keys.len(), known.iter().count());
}

#[test]
fn the_reference_is_of_this_version() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/operators/configuration.md"
    );
    let written = std::fs::read_to_string(path).unwrap();
    assert!(
        written == reference(&known()),
        "write it anew: cargo run -- config --reference > docs/operators/configuration.md"
    );
}

#[test]
fn help_is_shown_before_anything_is_refused() {
    let command = file("grace = '7s'").unwrap().beneath(Cli::command());
    let help = command.try_get_matches_from(["posthaste", "fanout", "--help"]);
    assert_eq!(help.unwrap_err().kind(), ErrorKind::DisplayHelp);
}
