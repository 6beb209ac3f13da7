//! The management API, and the room for the dashboard.
