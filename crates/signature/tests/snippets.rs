//! The programs of docs/receiving.md, run against genuine and forged requests.
//!
//! Each language is tested where it is installed; the others are reported on stdout as skipped.

mod program;
mod requests;

#[path = "../examples/verify.rs"]
#[expect(
    dead_code,
    reason = "an example's `main` is not called when it is a module"
)]
mod rust_example;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rstest::rstest;
use signature::{Secret, guide, standard};

use crate::requests::{Verdict, requests};

const GUIDE: &str = include_str!("../../../docs/receiving.md");

/// Compiling Go's standard library for the first time is what takes longest.
const LIMIT: Duration = Duration::from_secs(180);

/// How a program is made and run. A command that begins with `./` is in the program's directory.
struct Toolchain {
    file: &'static str,
    probe: [&'static str; 2],
    compile: Option<&'static [&'static str]>,
    run: &'static [&'static str],
}

const PYTHON: Toolchain = Toolchain {
    file: "verify.py",
    probe: ["python3", "--version"],
    compile: None,
    run: &["python3", "verify.py"],
};
const NODE: Toolchain = Toolchain {
    file: "verify.cjs",
    probe: ["node", "--version"],
    compile: None,
    run: &["node", "verify.cjs"],
};
const GO: Toolchain = Toolchain {
    file: "verify.go",
    probe: ["go", "version"],
    compile: Some(&["go", "build", "-o", "verify", "verify.go"]),
    run: &["./verify"],
};
const JAVA: Toolchain = Toolchain {
    file: "Verify.java",
    probe: ["javac", "-version"],
    compile: Some(&["javac", "Verify.java"]),
    run: &["java", "-XX:TieredStopAtLevel=1", "Verify"],
};
const RUBY: Toolchain = Toolchain {
    file: "verify.rb",
    probe: ["ruby", "--version"],
    compile: None,
    run: &["ruby", "verify.rb"],
};
const PHP: Toolchain = Toolchain {
    file: "verify.php",
    probe: ["php", "--version"],
    compile: None,
    run: &["php", "verify.php"],
};

#[rstest]
#[case::python("python", PYTHON)]
#[case::node("js", NODE)]
#[case::go("go", GO)]
#[case::java("java", JAVA)]
#[case::ruby("ruby", RUBY)]
#[case::php("php", PHP)]
fn the_program_tells_genuine_from_forged(#[case] language: &str, #[case] toolchain: Toolchain) {
    let source = block(language);
    let [tool, version_argument] = toolchain.probe;
    if !program::exists(tool, &[version_argument]) {
        program::report_skipped(&format!("the example in {language}"), "not on this machine");
        return;
    }
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    std::fs::write(directory.path().join(toolchain.file), source).unwrap();
    if let Some(compile) = toolchain.compile {
        let output = program::run(&mut command(compile, directory.path()), b"", LIMIT).unwrap();
        assert!(output.status.success(), "{}", program::describe(&output));
    }
    for request in requests() {
        let mut command = command(toolchain.run, directory.path());
        let output = program::run(command.args(&request.arguments), &request.body, LIMIT).unwrap();
        let expected = match request.verdict {
            Verdict::Genuine => output.status.code() == Some(0),
            Verdict::Forged => output.status.code() == Some(1),
            // A program may fail here in whichever way its language has.
            Verdict::Misconfigured => output.status.code().is_some_and(|code| code != 0),
        };
        assert!(expected, "{}: {}", request.name, program::describe(&output));
    }
}

#[test]
fn the_program_in_rust_is_our_example_and_tells_genuine_from_forged() {
    assert_eq!(block("rust"), include_str!("../examples/verify.rs"));
    for request in requests() {
        let verified = rust_example::verify(&request.arguments, &request.body);
        let expected = matches!(request.verdict, Verdict::Genuine);
        assert_eq!(verified.is_ok(), expected, "{}: {verified:?}", request.name);
    }
}

#[test]
fn the_request_that_the_guide_shows_verifies() {
    let request = block("http").trim_end();
    let (head, body) = request.split_once("\n\n").unwrap();
    let header = |name: &str| {
        let line = head
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("the request has no {name}"))
    };
    let secret = GUIDE.split("the secret is `").nth(1).unwrap();
    let secret = Secret::parse(secret.split('`').next().unwrap()).unwrap();
    let timestamp = header(standard::WEBHOOK_TIMESTAMP);

    assert_eq!(guide::verify([&secret], body.as_bytes()), Ok(()));
    let verdict = standard::verify(
        [&secret],
        Some(header(standard::WEBHOOK_ID)),
        Some(timestamp),
        Some(header(standard::WEBHOOK_SIGNATURE)),
        body.as_bytes(),
        timestamp.parse().unwrap(),
        standard::TOLERANCE,
    );
    assert_eq!(verdict, Ok(()));
}

/// The one code block of the guide in this language.
fn block(language: &str) -> &'static str {
    let fence = format!("```{language}\n");
    let blocks: Vec<_> = GUIDE.split(&fence).skip(1).collect();
    let [block] = blocks[..] else {
        panic!(
            "the guide has {} blocks in {language}, not one",
            blocks.len()
        );
    };
    block
        .split("```\n")
        .next()
        .expect("splitting gives at least one piece")
}

fn command(words: &[&str], directory: &Path) -> Command {
    let (program, arguments) = words.split_first().expect("a command has a program");
    let mut command = match program.strip_prefix("./") {
        Some(own) => Command::new(directory.join(own)),
        None => Command::new(program),
    };
    command.args(arguments).current_dir(directory);
    command
}
