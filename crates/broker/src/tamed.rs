//! What the broker sends, before the library reads it: within bounds.
//!
//! Whoever may publish may put tables within tables beside a message, and the library reads them
//! by recursion: ten kilobytes of headers overflow its stack, which ends the process, and the
//! message comes back to the next one. It also gives up a connection for a frame that is larger
//! than agreed, and for a name that is not UTF-8, which publishers' headers can be. So every
//! connection is read through here: see [`frame::tame`].

mod frame;
mod runtime;
mod stream;

use std::io;
use std::time::Duration;

use async_rs::Runtime;
use lapin::tcp::AMQPUriTcpExt;
use lapin::uri::AMQPUri;
use lapin::{AsyncTcpStream, Connection, ConnectionProperties};
use tokio::time::timeout;

use runtime::Taming;
use stream::Tamed;

/// Connects; the stream, or the TLS in it, is made within `limit`.
pub(crate) async fn connect(
    uri: AMQPUri,
    properties: ConnectionProperties,
    limit: Duration,
) -> lapin::Result<Connection> {
    let plain = lapin::runtime::default_runtime()?;
    let open = async move |uri: AMQPUri, _| {
        let stream = timeout(limit, uri.connect_async(&plain))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(lapin::Error::from)?;
        Ok(AsyncTcpStream::Plain(Tamed::new(stream)))
    };
    Connection::connector(uri, Runtime::new(Taming::current()), open, properties).await
}
