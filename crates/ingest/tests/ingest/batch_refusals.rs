//! What is refused of a batch: all of it, where it is none, and else each bad event by itself.

use axum::http::Request;
use domain::limits;
use http_body_util::Full;
use testkit::fetch;

use crate::bounds::{of_size, status_of};
use crate::rig::{Rig, event, event_with};

const PATH: &str = "/v1/events/batch";
const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_batch_is_refused() {
    let rig = Rig::start().await;
    let good = format!("[{}]", event("1"));
    for (header, body, status) in [
        (None, "", 400),
        (None, "null", 400),
        (None, "{}", 400),
        (None, "[]", 400),
        (None, "[1,", 400),
        (None, "[NaN]", 400),
        (None, &(good.clone() + "]"), 400),
        (Some(NDJSON), "", 400),
        (Some(NDJSON), "\n \r\n", 400),
        (Some(("content-type", "text/plain")), &good, 415),
        (Some(("content-encoding", "gzip")), &good, 415),
        (Some(("idempotency-key", "order-1")), &good, 400),
        (Some(("authorization", "Bearer nonsense")), &good, 401),
    ] {
        let headers: Vec<_> = header.into_iter().collect();
        let answer = rig.post(PATH, &headers, body.to_owned()).await;
        let said = answer.json();
        assert_eq!(answer.status, status, "{header:?}: {said}");
        assert_eq!(said["status"], status, "{header:?}: {said}");
    }
    let get = Request::get(format!("http://{}{PATH}", rig.address));
    let answer = fetch(get.body(Full::default()).unwrap()).await;
    assert_eq!(answer.unwrap().status, 405);
    let head = rig.head(&format!("content-length: {}", limits::BATCH_BODY_BYTES + 1));
    let head = head.replace("/v1/events ", &format!("{PATH} "));
    assert_eq!(status_of(&rig, &head).await, 413, "not even waited for");

    // None of it came through: the next event is the first.
    let id = rig.accepted_id(&[], event("1")).await;
    assert_eq!(rig.event().await.id.to_string(), id);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_is_judged_by_itself() {
    let rig = Rig::start().await;
    let keyed = event_with(r#""id":"order-1""#);
    rig.accepted_id(&[], keyed.clone()).await;
    rig.event().await;
    let nested = |depth| event(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
    let lines = [
        (event("1"), None),
        (of_size(limits::EVENT_BODY_BYTES + 1), Some((413, None))),
        (nested(limits::NESTING), None),
        (nested(limits::NESTING + 1), Some((400, Some("#/data")))),
        (event("NaN"), Some((400, None))),
        ("1".to_owned(), Some((400, Some("#")))),
        (
            r#"{"tenant":"nobody","event":"a","data":1}"#.to_owned(),
            Some((404, Some("#/tenant"))),
        ),
        (
            keyed.replace(r#""data":1"#, r#""data":2"#),
            Some((409, Some("#/id"))),
        ),
        (keyed, None),
    ];
    let body: Vec<_> = lines.iter().map(|(line, _)| line.as_str()).collect();
    let answer = rig.post(PATH, &[NDJSON], body.join("\n")).await;
    let said = answer.json();
    assert_eq!(answer.status, 207, "{said}");
    for ((line, refused), result) in lines.iter().zip(said["results"].as_array().unwrap()) {
        let line: String = line.chars().take(100).collect();
        let Some((status, pointer)) = refused else {
            assert_eq!(result["status"], "accepted", "{line}: {result}");
            continue;
        };
        assert_eq!(result["status"], "rejected", "{line}: {result}");
        assert_eq!(result["problem"]["status"], *status, "{line}: {result}");
        let named = result["problem"]["errors"][0]["pointer"].as_str();
        assert_eq!(named, *pointer, "{line}: {result}");
    }
    assert_eq!(said["results"].as_array().unwrap().len(), lines.len());
    assert_eq!(rig.events(3).await.len(), 3);
    rig.stop().await;
}
