//! axe-core finds no serious fault on any page, in any view.
//!
//! axe-core is installed with npm (MPL-2.0: it is used, and neither copied here nor shipped). Where
//! there is no npm, or no browser, the pages are not checked, and the test says so.

use std::fs;

use serde_json::{Value, json};
use testkit::{Browser, Scheme, View};

use crate::libraries::installed;
use crate::scene::Scene;

const NPM: [&str; 5] = ["install", "--silent", "--no-audit", "--no-fund", "--prefix"];

const DESKTOP: View = View {
    width: 1200,
    height: 900,
    scheme: Scheme::Light,
};

const VIEWS: [View; 3] = [
    DESKTOP,
    View {
        scheme: Scheme::Dark,
        ..DESKTOP
    },
    View {
        width: 390,
        height: 844,
        scheme: Scheme::Light,
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn no_page_has_a_serious_fault() {
    let Some(library) = installed("npm", &NPM, "axe-core@4.14.1") else {
        return;
    };
    let axe = fs::read_to_string(library.join("node_modules/axe-core/axe.min.js")).unwrap();
    let scene = Scene::start().await;
    let Some(browser) = scene.browser().await else {
        return;
    };
    let pages = scene.pages();
    let mut faults = Vec::new();
    for view in VIEWS {
        browser.view(view).await;
        for page in &pages {
            browser
                .open(&format!("{}{page}", scene.cluster.console_url()))
                .await;
            let found = found(&browser, &axe).await;
            faults.extend(
                found
                    .into_iter()
                    .map(|fault| format!("{page} {view:?}: {fault}")),
            );
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The serious faults of the page that is open, each with where it is.
async fn found(browser: &Browser, axe: &str) -> Vec<String> {
    let options = json!({"resultTypes": ["violations"]});
    let run = format!("{axe};\nreturn axe.run(document, {options});");
    let mut report = browser.run(&run).await;
    assert_eq!(report["testEngine"]["name"], "axe-core", "{report}");
    let Value::Array(violations) = report["violations"].take() else {
        panic!("axe reports no violations: {report}")
    };
    let serious = violations
        .iter()
        .filter(|one| one["impact"] == "serious" || one["impact"] == "critical");
    let told = serious.map(|one| {
        let nodes = one["nodes"].as_array().into_iter().flatten();
        let places: Vec<String> = nodes.map(|node| node["html"].to_string()).collect();
        format!("{}: {}", one["help"], places.join(", "))
    });
    told.collect()
}
