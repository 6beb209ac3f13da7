//! Tests of a stream that comes in pieces.

use futures::io::{AsyncReadExt, Cursor};
use proptest::prelude::*;

use super::super::frame::tests::{frame, nested};
use super::*;

/// Gives out so many bytes at a time, as a socket may.
struct Pieces(Cursor<Vec<u8>>, usize);

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let bytes = buf.len().min(self.1);
        Pin::new(&mut self.0).poll_read(cx, &mut buf[..bytes])
    }
}

fn read(sent: Vec<u8>, piece: usize) -> Vec<u8> {
    let mut stream = Tamed::new(Pieces(Cursor::new(sent), piece));
    let mut got = Vec::new();
    futures::executor::block_on(stream.read_to_end(&mut got)).unwrap();
    got
}

fn other(kind: u8, payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&[kind, 0, 1][..], &size, payload, &[0xce]].concat()
}

proptest! {
    #[test]
    fn frames_come_through_however_they_are_cut(piece in 1usize..200, body: Vec<u8>) {
        let plain = frame(b"\x01at\x01");
        let mut deep = frame(&nested(30));
        let sent = [other(1, b"deliver"), plain.clone(), other(3, &body), deep.clone(), other(8, b"")];
        prop_assert!(tame(&mut deep).is_none(), "it stays as long as it is");
        let expected = [other(1, b"deliver"), plain, other(3, &body), deep, other(8, b"")];
        prop_assert_eq!(read(sent.concat(), piece), expected.concat());
    }
}

#[test]
fn a_frame_may_become_shorter() {
    let body = other(3, b"body");
    let got = read([frame(&nested(26_000)), body.clone()].concat(), 1_000);
    assert_eq!(got, [frame(b""), body].concat());
}

#[test]
fn what_is_no_frame_comes_through() {
    let sent = [b"AMQP\0\0\x09\x01".as_slice(), &[2; 100]].concat();
    assert_eq!(read(sent.clone(), 7), sent);
}

#[test]
fn properties_without_end_are_not_waited_for() {
    let head = [2, 0, 1, 0xff, 0xff, 0xff, 0xff, 0];
    let mut stream = Tamed::new(Cursor::new(head.to_vec()));
    let read = futures::executor::block_on(stream.read_to_end(&mut Vec::new()));
    assert!(read.is_err());
}
