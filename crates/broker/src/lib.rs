//! RabbitMQ: topology, publishing with confirms, consuming that survives reconnects.
