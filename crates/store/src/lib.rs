//! Postgres: the record.
