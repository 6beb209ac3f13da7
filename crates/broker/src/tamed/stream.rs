//! A stream from the broker, frame by frame.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::io::{AsyncRead, AsyncWrite};

use super::frame::{BODY, HEAD_BYTES, HEARTBEAT, METHOD, PROPERTIES, tame};

/// How much is read at once, in bytes.
const READ_BYTES: usize = 64 * 1024;

/// The largest frame that is waited for, in bytes. The broker's management API takes
/// requests of 20 MB; over AMQP a frame is never so large.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// A stream of which methods and properties are [tamed](tame) before anybody reads them. What is
/// written goes through as it is.
pub(super) struct Tamed<S> {
    inner: S,
    /// What was read and not passed on; what stands before `start` was.
    held: Vec<u8>,
    start: usize,
    /// How many of the bytes from `start` on may be passed on.
    clear: usize,
    /// How many bytes after those may be, when they come: the rest of a frame.
    passing: usize,
}

impl<S> Tamed<S> {
    pub(super) fn new(inner: S) -> Self {
        Self {
            inner,
            held: Vec::new(),
            start: 0,
            clear: 0,
            passing: 0,
        }
    }

    /// Clears what can be cleared of what is held.
    fn judge(&mut self) -> io::Result<()> {
        loop {
            let at = self.start + self.clear;
            let held = self.held.len() - at;
            let passed = self.passing.min(held);
            if passed > 0 {
                self.clear += passed;
                self.passing -= passed;
                continue;
            }
            let Some(head) = self.held[at..].first_chunk::<HEAD_BYTES>() else {
                return Ok(());
            };
            let &[kind, _, _, s0, s1, s2, s3] = head;
            let payload = usize::try_from(u32::from_be_bytes([s0, s1, s2, s3]));
            let payload = payload.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            let whole = HEAD_BYTES.saturating_add(payload).saturating_add(1);
            match kind {
                BODY | HEARTBEAT => self.passing = whole,
                METHOD | PROPERTIES if whole > MOST_BYTES => {
                    return Err(io::Error::other("a message's properties are too large"));
                }
                METHOD | PROPERTIES if whole > held => return Ok(()),
                METHOD | PROPERTIES => {
                    let frame = at..at + whole;
                    self.clear += match tame(&mut self.held[frame.clone()]) {
                        None => whole,
                        Some(changed) => {
                            let bytes = changed.len();
                            self.held.splice(frame, changed);
                            bytes
                        }
                    };
                }
                // No frame: the broker says which protocol it speaks, and nothing after it.
                _ => self.passing = usize::MAX,
            }
        }
    }

    /// Gives out what is clear.
    fn give(&mut self, to: &mut [u8]) -> usize {
        let given = self.clear.min(to.len());
        to[..given].copy_from_slice(&self.held[self.start..self.start + given]);
        self.start += given;
        self.clear -= given;
        if self.start == self.held.len() {
            self.held.clear();
            self.start = 0;
        }
        given
    }
}

impl<S: AsyncRead + Unpin> Tamed<S> {
    /// Reads more; 0 at the end of the stream.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.held.drain(..self.start);
        self.start = 0;
        let before = self.held.len();
        self.held.resize(before + READ_BYTES, 0);
        let read = Pin::new(&mut self.inner).poll_read(cx, &mut self.held[before..]);
        let bytes = match &read {
            Poll::Ready(Ok(bytes)) => *bytes,
            Poll::Ready(Err(_)) | Poll::Pending => 0,
        };
        self.held.truncate(before + bytes);
        read
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tamed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            if self.clear > 0 {
                return Poll::Ready(Ok(self.give(buf)));
            }
            // At the end, what is held is a part of a frame, and nobody can read it.
            if ready!(self.poll_more(cx))? == 0 {
                return Poll::Ready(Ok(0));
            }
            self.judge()?;
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tamed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
