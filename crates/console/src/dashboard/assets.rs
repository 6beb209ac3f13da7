//! Style and modules, embedded in the program.

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::problem;

const CSS: &str = "text/css; charset=utf-8";
const MODULE: &str = "text/javascript; charset=utf-8";

/// For as long as a browser likes: the address changes with the content.
pub(super) const KEPT: &str = "public, max-age=31536000, immutable";

struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static str,
}

const ASSETS: [Asset; 16] = [
    Asset {
        name: "layout.css",
        kind: CSS,
        content: include_str!("../../assets/layout.css"),
    },
    Asset {
        name: "parts.css",
        kind: CSS,
        content: include_str!("../../assets/parts.css"),
    },
    Asset {
        name: "figures.css",
        kind: CSS,
        content: include_str!("../../assets/figures.css"),
    },
    Asset {
        name: "forms.css",
        kind: CSS,
        content: include_str!("../../assets/forms.css"),
    },
    Asset {
        name: "fields.css",
        kind: CSS,
        content: include_str!("../../assets/fields.css"),
    },
    Asset {
        name: "log.css",
        kind: CSS,
        content: include_str!("../../assets/log.css"),
    },
    Asset {
        name: "reference.css",
        kind: CSS,
        content: include_str!("../../assets/reference.css"),
    },
    Asset {
        name: "phone.css",
        kind: CSS,
        content: include_str!("../../assets/phone.css"),
    },
    Asset {
        name: "times.js",
        kind: MODULE,
        content: include_str!("../../assets/times.js"),
    },
    Asset {
        name: "here.js",
        kind: MODULE,
        content: include_str!("../../assets/here.js"),
    },
    Asset {
        name: "copy.js",
        kind: MODULE,
        content: include_str!("../../assets/copy.js"),
    },
    Asset {
        name: "choice.js",
        kind: MODULE,
        content: include_str!("../../assets/choice.js"),
    },
    Asset {
        name: "trial.js",
        kind: MODULE,
        content: include_str!("../../assets/trial.js"),
    },
    Asset {
        name: "live.js",
        kind: MODULE,
        content: include_str!("../../assets/live.js"),
    },
    Asset {
        name: "zone.js",
        kind: MODULE,
        content: include_str!("../../assets/zone.js"),
    },
    Asset {
        name: "follow.js",
        kind: MODULE,
        content: include_str!("../../assets/follow.js"),
    },
];

/// What the addresses of all assets end with: another one as soon as any of them changes.
pub(super) const VERSION: u64 = version();

/// FNV-1a over everything: it tells versions apart and guards nothing.
const fn version() -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut asset = 0;
    while asset < ASSETS.len() {
        let bytes = ASSETS[asset].content.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
            at += 1;
        }
        asset += 1;
    }
    hash
}

/// Serves one.
pub(super) async fn serve(Path(name): Path<String>) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return problem::not_found().into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, asset.kind),
        (header::CACHE_CONTROL, KEPT),
    ];
    (headers, asset.content).into_response()
}
