//! The messages between services, as bytes.
