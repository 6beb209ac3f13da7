//! Several events in one request, each with a result of its own.

use serde_json::Value;

use crate::rig::{Rig, event, event_with};

const PATH: &str = "/v1/events/batch";
const NDJSON: [(&str, &str); 1] = [("content-type", "application/x-ndjson")];

#[tokio::test(flavor = "multi_thread")]
async fn results_come_in_the_order_of_the_events() {
    let rig = Rig::start().await;
    let bad = event_with(r#""secret":1"#);
    let keyed = |key: &str| event_with(&format!(r#""id":"{key}""#));
    let alone = [
        rig.accepted_id(&[], keyed("a")).await,
        rig.accepted_id(&[], keyed("b")).await,
    ];
    rig.events(2).await;
    let array = format!("[{}, {} ]", keyed("a"), keyed("b"));
    let lines = format!("{}\r\n\n {} ", keyed("a"), keyed("b"));
    for (headers, body) in [(&[][..], array), (&NDJSON[..], lines)] {
        let answer = rig.post(PATH, headers, body).await;
        let said = answer.json();
        assert_eq!(answer.status, 202, "{said}");
        for (n, id) in alone.iter().enumerate() {
            assert_eq!(said["results"][n]["status"], "accepted");
            assert_eq!(said["results"][n]["id"], **id, "{said}");
        }
        assert_eq!(rig.events(2).await.len(), 2);
    }
    let array = format!("[{},{bad},{}]", keyed("a"), keyed("b"));
    let lines = format!("{}\n{bad}\n{}\n", keyed("a"), keyed("b"));
    for (headers, body) in [(&[][..], array), (&NDJSON[..], lines)] {
        let answer = rig.post(PATH, headers, body).await;
        let said = answer.json();
        assert_eq!(answer.status, 207, "{said}");
        let told = [0, 1, 2].map(|n: usize| said["results"][n]["status"].clone());
        assert_eq!(told, ["accepted", "rejected", "accepted"]);
        assert_eq!(said["results"][2]["id"], *alone[1]);
        assert_eq!(said["results"][1]["problem"]["status"], 400);
        assert_eq!(said["results"][1]["id"], Value::Null);
        assert_eq!(rig.events(2).await.len(), 2);
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_bounds() {
    let rig = Rig::start().await;
    let many = vec![event("1"); 1_001];
    let array = format!("[{}]", many.join(","));
    assert_eq!(rig.post(PATH, &[], array).await.status, 413);
    let lines = rig.post(PATH, &NDJSON, many.join("\n")).await;
    assert_eq!(lines.status, 413);
    let most = rig.post(PATH, &NDJSON, many[1..].join("\n")).await;
    assert_eq!(most.status, 202);
    assert_eq!(rig.events(1_000).await.len(), 1_000, "none of the others");
    rig.stop().await;
}
