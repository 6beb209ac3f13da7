//! The pictures in docs/pictures, made anew:
//!
//! ```sh
//! cargo test --test program -p posthaste -- --ignored pictures
//! ```

use std::fs;
use std::path::Path;

use testkit::{Scheme, View};

use crate::scene::Scene;

const PAGES: [(&str, &str); 8] = [
    ("overview", "/overview"),
    ("webhooks", "/tenants/{tenant}/webhooks"),
    ("register", "/tenants/{tenant}/webhooks/new"),
    ("endpoint", "/tenants/{tenant}/webhooks/{endpoint}"),
    ("event", "/tenants/{tenant}/events/{event}"),
    ("delivery", "/tenants/{tenant}/deliveries/{delivery}"),
    ("dead-letters", "/tenants/{tenant}/dead-letters"),
    ("replay", "/tenants/{tenant}/replays/{replay}"),
];

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

/// Each of the main pages in light, in dark, and as wide as a phone.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it writes files: run it by its name"]
async fn pictures_of_the_main_pages() {
    let scene = Scene::start().await;
    let browser = scene.browser().await.expect("pictures need a browser");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/pictures");
    fs::create_dir_all(&folder).unwrap();
    for (view_name, view) in VIEWS {
        browser.view(view).await;
        for (page, template) in PAGES {
            let path = scene.path(template);
            browser
                .open(&format!("{}{path}", scene.cluster.console_url()))
                .await;
            let picture = browser.picture().await;
            fs::write(folder.join(format!("{page}-{view_name}.webp")), picture).unwrap();
        }
    }
}
