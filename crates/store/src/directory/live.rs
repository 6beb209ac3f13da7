//! A snapshot and how it is kept fresh.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use deadpool_postgres::{GenericClient, Transaction};
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_postgres::IsolationLevel;

use crate::error::StoreError;
use crate::keyring::Keyring;
use crate::pool::Store;
use crate::sql::{get, row};

/// How far apart the record is asked on behalf of those who are not known.
const LATEST_APART: Duration = Duration::from_millis(50);
/// How long they wait for it.
const LATEST_LIMIT: Duration = Duration::from_secs(2);

/// A state of a part of the directory. Only this crate makes them.
pub trait Snapshot: load::Load {}

impl<T: load::Load> Snapshot for T {}

pub(super) mod load {
    use super::{Future, Keyring, StoreError, Transaction};

    /// How a snapshot takes changes in.
    pub trait Load: Default + Send + Sync + 'static {
        /// The state with all rows whose epoch is above `known`; with `known` 0, all rows.
        fn load(
            &self,
            transaction: &Transaction<'_>,
            keyring: &Keyring,
            known: i64,
        ) -> impl Future<Output = Result<Self, StoreError>> + Send;
    }
}

/// A part of the directory that is kept fresh. Cheap to clone; all clones are one.
pub struct Live<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    store: Store,
    state: ArcSwap<State<T>>,
    /// One refresh at a time: each begins where the one before ended.
    turn: Mutex<()>,
    /// When the record was last asked on behalf of [`Live::latest`].
    asked: Mutex<Option<Instant>>,
    loaded: watch::Sender<Loaded>,
}

struct State<T> {
    epoch: i64,
    snapshot: Arc<T>,
}

/// Which state of the directory a snapshot shows. It is of one database, and says nothing about
/// another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch(i64);

impl Epoch {
    pub(crate) const fn column(self) -> i64 {
        self.0
    }
}

/// Whether there is anything to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loaded {
    NotYet,
    Once,
}

impl<T: Snapshot> Live<T> {
    /// An empty snapshot that nothing keeps fresh yet: spawn [`Live::run`], and wait with
    /// [`Live::loaded`] before serving from it.
    #[must_use]
    pub fn new(store: &Store) -> Self {
        let empty = State {
            epoch: 0,
            snapshot: Arc::new(T::default()),
        };
        Self {
            shared: Arc::new(Shared {
                store: store.clone(),
                state: ArcSwap::from_pointee(empty),
                turn: Mutex::new(()),
                asked: Mutex::new(None),
                loaded: watch::Sender::new(Loaded::NotYet),
            }),
        }
    }

    /// The last good state; empty before the first load.
    #[must_use]
    pub fn current(&self) -> Arc<T> {
        Arc::clone(&self.shared.state.load().snapshot)
    }

    /// The last good state and its epoch; none before the first load.
    #[must_use]
    pub fn known(&self) -> Option<(Epoch, Arc<T>)> {
        self.is_loaded().then(|| self.stamped())
    }

    fn stamped(&self) -> (Epoch, Arc<T>) {
        let state = self.shared.state.load();
        (Epoch(state.epoch), Arc::clone(&state.snapshot))
    }

    /// The state with every change that was committed before this was called.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is; the last good state goes on serving.
    pub async fn refresh(&self) -> Result<Arc<T>, StoreError> {
        let (_, snapshot) = self.newest().await?;
        Ok(snapshot)
    }

    /// The state with every change that was committed before this was called, and its epoch.
    ///
    /// # Errors
    /// As of [`Live::refresh`].
    pub async fn newest(&self) -> Result<(Epoch, Arc<T>), StoreError> {
        let store = &self.shared.store;
        let refreshed = store.bounded(async {
            let _turn = self.shared.turn.lock().await;
            let mut client = store.client().await?;
            let state = self.shared.state.load_full();
            if self.is_loaded() && epoch(&client).await? == state.epoch {
                return Ok(());
            }
            // The epoch and the rows of all tables must be of one instant.
            let transaction = client
                .build_transaction()
                .isolation_level(IsolationLevel::RepeatableRead)
                .read_only(true)
                .start()
                .await?;
            let next = self.advance(&transaction, &state).await?;
            transaction.commit().await?;
            self.shared.state.store(Arc::new(next));
            self.shared.loaded.send_replace(Loaded::Once);
            Ok(())
        });
        refreshed.await?;
        Ok(self.stamped())
    }

    /// The state after this one.
    async fn advance(
        &self,
        transaction: &Transaction<'_>,
        state: &State<T>,
    ) -> Result<State<T>, StoreError> {
        let keyring = self.shared.store.keyring();
        let epoch = epoch(transaction).await?;
        // An epoch that went back is of another database, or of a restored one: begin anew.
        let snapshot = if epoch < state.epoch {
            T::default().load(transaction, keyring, 0).await?
        } else {
            state
                .snapshot
                .load(transaction, keyring, state.epoch)
                .await?
        };
        Ok(State {
            epoch,
            snapshot: Arc::new(snapshot),
        })
    }

    /// The state for somebody whom the current one does not know, and who may have come into it
    /// just now: with every change that was committed before this was called, if the record
    /// answers within 2 s, else the last good one.
    ///
    /// However many ask, the record is asked once for all of them, and at most every 50 ms: who
    /// is not known must not be able to wear it out. Cancel safe.
    pub async fn latest(&self) -> Arc<T> {
        let called = Instant::now();
        let mut asked = self.shared.asked.lock().await;
        if asked.is_none_or(|last| last < called) {
            if let Some(last) = *asked {
                sleep_until(last + LATEST_APART).await;
            }
            // Whoever called before this instant is answered by this refresh.
            *asked = Some(Instant::now());
            if let Ok(Err(error)) = timeout(LATEST_LIMIT, self.refresh()).await {
                tracing::debug!(%error, "the last good state serves");
            }
        }
        drop(asked);
        self.current()
    }

    /// Waits until there is a first state; cancel safe.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when there is none within `limit`. [`Live::run`] goes on
    /// trying.
    pub async fn loaded(&self, limit: Duration) -> Result<Arc<T>, StoreError> {
        let mut loaded = self.shared.loaded.subscribe();
        let first = loaded.wait_for(|loaded| *loaded == Loaded::Once);
        // The sender lives as long as `self`, so the wait can only end well or not at all.
        let _first = tokio::time::timeout(limit, first)
            .await
            .map_err(StoreError::elapsed)?;
        Ok(self.current())
    }

    /// Whether there is a state to serve.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        *self.shared.loaded.borrow() == Loaded::Once
    }

    /// The record that it is a snapshot of.
    pub(crate) fn store(&self) -> &Store {
        &self.shared.store
    }
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("epoch", &self.shared.state.load().epoch)
            .finish_non_exhaustive()
    }
}

/// The epoch of the directory.
async fn epoch<C: GenericClient>(client: &C) -> Result<i64, StoreError> {
    const EPOCH: &str = "-- directory_epoch
        select epoch from directory_epoch";
    let found = row(client, EPOCH, &[]).await?;
    found.map_or(Ok(0), |row| get(&row, "epoch"))
}
