//! Standard output, which may end before we do.

use std::fmt;
use std::io::{Write, stdout};

/// Writes a line. A reader that has seen enough (`posthaste topology | head`) is no error, and
/// nobody is left to be told of any other.
pub(crate) fn line(text: impl fmt::Display) {
    let _closed = writeln!(stdout().lock(), "{text}");
}
