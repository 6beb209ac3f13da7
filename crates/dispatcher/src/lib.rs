//! Sends deliveries to endpoints, and decides what follows each attempt.
