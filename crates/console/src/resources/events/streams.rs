//! The places for streams. Each asks the record two questions a second, so a console has so many,
//! and no tenant may have all of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::id::TenantId;
use tokio_util::sync::CancellationToken;

/// The most streams of a console at once.
const STREAMS: usize = 128;

/// The most of them that one tenant has, whoever looks.
const OF_TENANT: usize = 16;

/// The places for streams, and when all of them end.
#[derive(Clone)]
pub(crate) struct Streams {
    taken: Arc<Mutex<Taken>>,
    stop: CancellationToken,
}

/// How many are open.
#[derive(Default)]
struct Taken {
    all: usize,
    /// Of the tenants that have any.
    tenants: HashMap<TenantId, usize>,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    Console,
    Tenant,
}

/// A place, until it is dropped.
pub(super) struct Place {
    taken: Arc<Mutex<Taken>>,
    tenant: TenantId,
}

impl Streams {
    /// Places for streams until `stop`.
    pub(crate) fn new(stop: CancellationToken) -> Self {
        Self {
            taken: Arc::default(),
            stop,
        }
    }

    /// When all of them end.
    pub(super) fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// A place for a stream of this tenant's.
    pub(super) fn take(&self, tenant: TenantId) -> Result<Place, Full> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.tenants.get(&tenant).copied().unwrap_or_default();
        if own >= OF_TENANT {
            return Err(Full::Tenant);
        }
        if taken.all >= STREAMS {
            return Err(Full::Console);
        }
        taken.all += 1;
        taken.tenants.insert(tenant, own + 1);
        let taken = Arc::clone(&self.taken);
        Ok(Place { taken, tenant })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        if let Some(own) = taken.tenants.get_mut(&self.tenant) {
            *own -= 1;
            if *own == 0 {
                taken.tenants.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn tenant(number: u128) -> TenantId {
        TenantId::from_uuid(Uuid::from_u128(number))
    }

    #[test]
    fn no_tenant_takes_all_places_and_each_comes_back() {
        let streams = Streams::new(CancellationToken::new());
        let mut places: Vec<Place> = Vec::new();
        let tenants = STREAMS / OF_TENANT;
        for number in 0..u128::try_from(tenants).unwrap() {
            let taken = (0..OF_TENANT).map(|_| streams.take(tenant(number)).ok().unwrap());
            places.extend(taken.collect::<Vec<_>>());
            assert_eq!(streams.take(tenant(number)).err(), Some(Full::Tenant));
        }
        let late = tenant(1_000);
        assert_eq!(streams.take(late).err(), Some(Full::Console));
        places.pop();
        let place = streams.take(late).ok().unwrap();
        drop((place, places));
        let taken = streams.taken.lock().unwrap();
        assert!(taken.all == 0 && taken.tenants.is_empty());
    }
}
