//! The pictures in docs/pictures, made anew:
//!
//! ```sh
//! cargo test --test program -p posthaste -- --ignored pictures
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use testkit::{Scheme, View};

use crate::scene::{Scene, templates};

const VIEWS: [(&str, View); 3] = [
    (
        "light",
        View {
            width: 1000,
            height: 700,
            scheme: Scheme::Light,
        },
    ),
    (
        "dark",
        View {
            width: 1000,
            height: 700,
            scheme: Scheme::Dark,
        },
    ),
    (
        "phone",
        View {
            width: 390,
            height: 700,
            scheme: Scheme::Light,
        },
    ),
];

/// Every page in light, in dark, and as wide as a phone.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it writes files: run it by its name"]
async fn pictures_of_every_page() {
    let scene = Scene::start().await;
    let browser = scene.browser().await.expect("pictures need a browser");
    fs::create_dir_all(docs().join("pictures")).unwrap();
    for (view, look) in VIEWS {
        browser.view(look).await;
        for template in templates() {
            let path = scene.path(template);
            browser
                .open(&format!("{}{path}", scene.cluster.console_url()))
                .await;
            let picture = browser.picture().await;
            fs::write(docs().join(file(template, view)), picture).unwrap();
        }
    }
}

#[test]
fn the_docs_show_every_page() {
    let told = fs::read_to_string(docs().join("pages.md")).unwrap();
    for template in templates() {
        assert!(told.contains(&format!("`{template}`")), "{template}");
        for (view, _) in VIEWS {
            let file = file(template, view);
            assert!(told.contains(&format!("({file})")), "{file} of {template}");
            assert!(docs().join(&file).exists(), "{file} of {template}");
        }
    }
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// Where a page's picture is, within the docs.
fn file(template: &str, view: &str) -> String {
    let page = match template.strip_prefix("/tenants/{tenant}/") {
        Some(of_tenant) => of_tenant.to_owned(),
        None => format!("platform{template}"),
    };
    let page = page.replace('/', "-").replace(['{', '}'], "");
    format!("pictures/{page}-{view}.webp")
}
