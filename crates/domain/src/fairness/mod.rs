//! Fair shares between tenants: whose work goes first where there is more than can be done at once.
//!
//! Work travels on one of two lanes. The normal lane is for whoever keeps within its share, and is
//! never long. What is above a tenant's share goes by the bulk lane, which gives way to the normal
//! one: a tenant with a million waiting events delays its own, and nobody else's.
//!
//! A [`Meter`] says which lane a tenant's work goes by; [`Company`] whether there is anybody for
//! bulk work to give way to; a [`Share`] how much of the time it takes then.

mod company;
mod meter;
mod share;

pub use company::Company;
pub use meter::Meter;
pub use share::Share;

/// The lane that work goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Within its tenant's share.
    Normal,
    /// Above it: gives way to the rest.
    Bulk,
}

impl Class {
    /// The name in metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Bulk => "bulk",
        }
    }
}
