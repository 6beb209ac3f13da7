//! What every role needs to live in production: boot, signals, drain, health, telemetry.
