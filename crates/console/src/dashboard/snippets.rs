//! Receivers in several languages, filled in with where the reader's endpoint is.
//!
//! **Invariant:** a snippet reads its secret from the environment; none is ever filled in.

use super::own_endpoint::{Known, Place};

/// A receiver in one language.
pub(super) struct Snippet {
    pub(super) language: &'static str,
    /// What the page names it by.
    pub(super) name: &'static str,
    pub(super) code: String,
}

/// Each is a file of its language, with `/webhooks` and `YOUR-ENDPOINT` to be filled in.
const ALL: [(&str, &str, &str); 6] = [
    (
        "Python",
        "python",
        include_str!("../../snippets/receive.py"),
    ),
    (
        "JavaScript",
        "javascript",
        include_str!("../../snippets/receive.mjs"),
    ),
    ("Go", "go", include_str!("../../snippets/receive.go")),
    ("Ruby", "ruby", include_str!("../../snippets/receive.rb")),
    ("PHP", "php", include_str!("../../snippets/receive.php")),
    ("Java", "java", include_str!("../../snippets/Receive.java")),
];

/// All of them, for an endpoint; where there is none, for an example.
pub(super) fn of(endpoint: Option<&Known>) -> Vec<Snippet> {
    let place = Place::of(endpoint);
    let url = format!("{}{}", place.origin, place.path);
    let served = match endpoint {
        Some(endpoint) => format!("{url} ({})", endpoint.id),
        None => url,
    };
    let filled = ALL.into_iter().map(|(language, name, code)| Snippet {
        language,
        name,
        code: code
            .replace("\"/webhooks\"", &format!("\"{}\"", place.path))
            .replace("YOUR-ENDPOINT", &served),
    });
    filled.collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    fn known() -> Known {
        Known {
            id: "ep_1".to_owned(),
            url: "https://hooks.acme.example/in/orders?token=t0ken".to_owned(),
            headers: Vec::new(),
        }
    }

    #[test]
    fn snippets_name_the_endpoint_and_no_secret() {
        for snippet in of(Some(&known())) {
            let code = &snippet.code;
            assert!(code.contains("https://hooks.acme.example/in/orders (ep_1)"));
            assert!(code.contains("WEBHOOK_SECRET") && !code.contains("whsec_"));
            assert!(
                !code.contains("t0ken") && !code.contains("/webhooks\""),
                "{code}"
            );
            // PHP is served by the file's own path.
            assert!(code.contains("\"/in/orders\"") || snippet.name == "php");
        }
    }

    /// Says whether a language takes a program as one; none where it is not installed.
    fn is_program(checker: &[&str], code: &str) -> Option<bool> {
        let mut command = Command::new(checker[0]);
        let silent = command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = silent
            .args(&checker[1..])
            .stdin(Stdio::piped())
            .spawn()
            .ok()?;
        let mut input = child.stdin.take()?;
        input.write_all(code.as_bytes()).ok()?;
        drop(input);
        Some(child.wait().ok()?.success())
    }

    #[test]
    fn each_language_takes_its_snippet() {
        let python = "import ast, sys; ast.parse(sys.stdin.read())";
        for snippet in of(Some(&known())) {
            let checker: &[&str] = match snippet.name {
                "python" => &["python3", "-c", python],
                "javascript" => &["node", "--input-type=module", "--check", "-"],
                "go" => &["gofmt", "-e"],
                "ruby" => &["ruby", "-c"],
                "php" => &["php", "-l"],
                // No part of the JDK reads without resolving what is imported.
                _ => continue,
            };
            let taken = is_program(checker, &snippet.code);
            assert_ne!(taken, Some(false), "{}: {}", snippet.language, snippet.code);
            let broken = is_program(checker, &format!("{}\n(", snippet.code));
            assert_ne!(broken, Some(true), "{} takes anything", snippet.language);
        }
    }
}
