//! The roles of the program.

/// A role of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// `posthaste ingest`.
    Ingest,
    /// `posthaste fanout`.
    Fanout,
    /// `posthaste dispatcher`.
    Dispatcher,
    /// `posthaste recorder`.
    Recorder,
    /// `posthaste console`.
    Console,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [
        Self::Ingest,
        Self::Fanout,
        Self::Dispatcher,
        Self::Recorder,
        Self::Console,
    ];

    /// The subcommand.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Fanout => "fanout",
            Self::Dispatcher => "dispatcher",
            Self::Recorder => "recorder",
            Self::Console => "console",
        }
    }
}
