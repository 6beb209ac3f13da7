//! Ports for processes that are told theirs.

use std::net::TcpListener;

/// A port that nobody listens on now. Somebody else may take it before we do; then the process
/// fails to start, and says so.
///
/// # Panics
/// When loopback has none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    listener
        .local_addr()
        .expect("a bound listener has an address")
        .port()
}
