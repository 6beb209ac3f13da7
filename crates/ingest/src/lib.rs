//! Accepts events over HTTP and AMQP.
