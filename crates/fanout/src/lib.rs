//! Writes events to the record and turns each into deliveries.
