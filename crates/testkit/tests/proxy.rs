//! The proxy's faults happen when it says so.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use testkit::{Proxy, raw};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(10);
/// How long silence has to last to be believed.
const SILENCE: Duration = Duration::from_millis(150);

async fn echo() -> raw::Receiver {
    raw::Receiver::start(async |mut stream| {
        let (mut from, mut to) = stream.split();
        let _closed = tokio::io::copy(&mut from, &mut to).await;
    })
    .await
}

async fn exchange(stream: &mut TcpStream) -> std::io::Result<u8> {
    stream.write_u8(7).await?;
    stream.read_u8().await
}

#[tokio::test]
async fn a_cut_resets_what_is_open_and_what_comes_next_works() {
    let server = echo().await;
    let proxy = Proxy::to(server.address()).await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(exchange(&mut stream).await.unwrap(), 7);
    assert_eq!(proxy.cut().await, 1);
    let error = timeout(SOON, stream.read_u8()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(exchange(&mut stream).await.unwrap(), 7);
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn connections_are_refused_until_they_are_accepted_again() {
    let server = echo().await;
    let proxy = Proxy::to(server.address()).await;
    let mut open = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(exchange(&mut open).await.unwrap(), 7);
    proxy.refuse().await;
    let refused = TcpStream::connect(proxy.address()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(exchange(&mut open).await.unwrap(), 7);
    proxy.accept().await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(exchange(&mut stream).await.unwrap(), 7);
}

#[tokio::test]
async fn bytes_can_be_held_back_and_delayed() {
    let server = echo().await;
    let proxy = Proxy::to(server.address()).await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(exchange(&mut stream).await.unwrap(), 7);
    proxy.stall();
    stream.write_u8(8).await.unwrap();
    timeout(SILENCE, stream.read_u8()).await.unwrap_err();
    proxy.resume();
    assert_eq!(timeout(SOON, stream.read_u8()).await.unwrap().unwrap(), 8);

    proxy.delay(Duration::from_millis(40));
    let began = Instant::now();
    assert_eq!(exchange(&mut stream).await.unwrap(), 7);
    assert!(
        began.elapsed() >= Duration::from_millis(80),
        "there and back"
    );
}

#[tokio::test]
async fn a_url_is_led_through_the_proxy() {
    let server = echo().await;
    let proxy = Proxy::to(server.address()).await;
    let port = proxy.address().port();
    assert_eq!(
        proxy.url("amqp://user:word@localhost:5672/%2f"),
        format!("amqp://user:word@127.0.0.1:{port}/%2f")
    );
}
