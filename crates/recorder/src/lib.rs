//! Writes attempts and dead letters to the record, and keeps its partitions.
