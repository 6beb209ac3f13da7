//! What can be sent over a connection that is no request, or more than one: told so, or cut off, and
//! never an event that nobody meant. Others are served all the while.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::rig::{PATIENCE, Rig, event};

/// Who ends a connection when all is sent.
#[derive(Clone, Copy)]
enum End {
    /// We say that nothing more comes.
    Ours,
    /// The server, since we asked for that.
    Theirs,
}

/// What is answered to these bytes, up to the end of the connection.
async fn exchange(rig: &Rig, sent: &[u8], end: End) -> String {
    let stream = TcpStream::connect(rig.address).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let sent = sent.to_vec();
    let writing = tokio::spawn(async move {
        // The server may be through with us before we are.
        let _cut_off = writer.write_all(&sent).await;
        if matches!(end, End::Ours) {
            let _cut_off = writer.shutdown().await;
        }
        writer
    });
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, reader.read_to_end(&mut answer)).await;
    let _cut_off = read.expect("an end in time");
    drop(writing.await.unwrap());
    String::from_utf8_lossy(&answer).into_owned()
}

fn statuses(answer: &str) -> Vec<u16> {
    let lines = answer.split("HTTP/1.1 ").skip(1);
    lines.map(|line| line[..3].parse().unwrap()).collect()
}

/// The next event is this one: none came before.
async fn nothing_came_through(rig: &Rig) {
    let id = rig.accepted_id(&[], event("1")).await;
    assert_eq!(rig.event().await.id.to_string(), id);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_may_follow_one_another_without_waiting() {
    let rig = Rig::start().await;
    let last = |data: &str| {
        let body = event(data);
        rig.head(&format!("content-length: {}", body.len())) + &body
    };
    let request = |data: &str| last(data).replace("connection: close\r\n", "");
    let all = ["1", "nonsense", "2"].map(request).concat() + &last("3");
    let answer = exchange(&rig, all.as_bytes(), End::Theirs).await;
    assert_eq!(statuses(&answer), [202, 400, 202, 202], "{answer}");
    let mut data: Vec<_> = rig
        .events(3)
        .await
        .into_iter()
        .map(|event| event.data)
        .collect();
    data.sort();
    assert_eq!(data, ["1", "2", "3"]);
    rig.stop().await;
}

/// Where two readers could see two different bodies, no second request is seen in the first.
#[tokio::test(flavor = "multi_thread")]
async fn a_length_that_lies_hides_no_second_request() {
    let rig = Rig::start().await;
    let body = event("1");
    let hidden = rig.head("content-length: 2") + "{}";
    let open = |more: &str| rig.head(more).replace("connection: close\r\n", "");
    let short = open(&format!("content-length: {}", body.len() - 1)) + &body + &hidden;
    let both = |length: usize| {
        let lengths = format!("content-length: {length}\r\ntransfer-encoding: chunked");
        open(&lengths) + "0\r\n\r\n" + &hidden
    };
    for sent in [
        short,
        both(5),
        both(5 + hidden.len()),
        open("content-length: 5\r\ncontent-length: 6") + &hidden,
        open("content-length: +5") + &hidden,
        open("transfer-encoding: chunked, identity") + &hidden,
        open("transfer-encoding: xchunked") + &hidden,
        open("transfer-encoding : chunked") + "0\r\n\r\n" + &hidden,
        open("content-length: 0\r\n transfer-encoding: chunked") + &hidden,
    ] {
        let answer = exchange(&rig, sent.as_bytes(), End::Ours).await;
        let told = statuses(&answer);
        let refused = told.iter().all(|status| (400..500).contains(status));
        assert!(refused, "{sent}\n{answer}");
    }
    nothing_came_through(&rig).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_are_read_within_bounds() {
    let rig = Rig::start().await;
    let chunked = |rest: &str| rig.head("transfer-encoding: chunked") + rest;
    let many = "1;".to_owned() + &"x".repeat(1_000_000) + "\r\n{\r\n";
    for sent in [
        chunked("ffffffffffffffffff\r\n{"),
        chunked("-1\r\n{"),
        chunked("0x1\r\n{\r\n0\r\n\r\n"),
        chunked("1\r\n{}\r\n0\r\n\r\n"),
        chunked(" 1\r\n{\r\n0\r\n\r\n"),
        chunked("1\n{\n0\n\n"),
        chunked(&many),
        chunked(&"1;a=b\r\n{\r\n".repeat(100_000)),
        chunked(&("1\r\n{\r\n0\r\n".to_owned() + &"a: b\r\n".repeat(200_000))),
        chunked("1\r\n{"),
        chunked(""),
    ] {
        let answer = exchange(&rig, sent.as_bytes(), End::Ours).await;
        let told = statuses(&answer);
        let refused = told.iter().all(|status| (400..500).contains(status));
        assert!(refused, "{sent:.300}\n{answer}");
    }
    nothing_came_through(&rig).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_are_read_within_bounds() {
    let rig = Rig::start().await;
    let good = rig.head("content-length: 2") + "{}";
    let with = |line: &str| good.replace("\r\n\r\n", &format!("\r\n{line}\r\n\r\n"));
    let numbered: Vec<_> = (0..10_000).map(|n| format!("x-{n}: 1")).collect();
    let of_path = |path: &str| good.replacen("/v1/events", path, 1);
    let of_method = |method: &str| good.replacen("POST", method, 1);
    for sent in [
        with(&numbered.join("\r\n")).into_bytes(),
        with(&format!("x: {}", "1".repeat(10_000_000))).into_bytes(),
        of_path(&format!("/{}", "a".repeat(1_000_000))).into_bytes(),
        of_path("/v1/events HTTP/1.1\r\nx:").into_bytes(),
        of_path("/v1/../v1/events%00").into_bytes(),
        of_method(&"A".repeat(1_000_000)).into_bytes(),
        of_method("PO ST").into_bytes(),
        of_method("\0").into_bytes(),
        with("x: a\0b").into_bytes(),
        with("x: a\rb").into_bytes(),
        with(": empty").into_bytes(),
        with("no colon").into_bytes(),
        good.replace("HTTP/1.1", "HTTP/9.9").into_bytes(),
        b"GET /\r\n\r\n".to_vec(),
        b"\r\n\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
        vec![0; 100_000],
        vec![b'\n'; 1_000_000],
    ] {
        let answer = exchange(&rig, &sent, End::Ours).await;
        let told = statuses(&answer);
        let refused = told
            .iter()
            .all(|status| (400..=505).contains(status) && *status != 500);
        let sent = String::from_utf8_lossy(&sent[..sent.len().min(200)]).into_owned();
        assert!(refused, "{sent}\n{answer}");
    }
    nothing_came_through(&rig).await;
    rig.stop().await;
}

/// Nobody's connections are in the way of others', however many are left hanging.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_hang_hold_nobody_up() {
    let rig = Rig::start().await;
    let mut hanging = Vec::new();
    for n in 0..200 {
        let mut stream = TcpStream::connect(rig.address).await.unwrap();
        let started = match n % 4 {
            0 => String::new(),
            1 => "POST /v1/ev".to_owned(),
            2 => rig.head("content-length: 100000"),
            _ => rig.head("transfer-encoding: chunked") + "5\r\n{",
        };
        stream.write_all(started.as_bytes()).await.unwrap();
        hanging.push(stream);
    }
    nothing_came_through(&rig).await;
    drop(hanging);
    rig.stop().await;
}
