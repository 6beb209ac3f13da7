//! Identifiers: a UUID with the kind of thing it names in its type and in its text.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A kind of thing that has identifiers.
pub trait Kind {
    /// What stands before the underscore in the identifier's text.
    const PREFIX: &'static str;
    /// What an error message calls the identifier.
    const NAME: &'static str;
}

/// Marks identifiers of tenants.
#[derive(Debug)]
pub enum Tenant {}
/// Marks identifiers of events.
#[derive(Debug)]
pub enum Event {}
/// Marks identifiers of acceptances by ingest.
#[derive(Debug)]
pub enum Ingest {}
/// Marks identifiers of endpoints.
#[derive(Debug)]
pub enum Endpoint {}
/// Marks identifiers of deliveries.
#[derive(Debug)]
pub enum Delivery {}
/// Marks identifiers of API keys.
#[derive(Debug)]
pub enum ApiKey {}
/// Marks identifiers of dead letters.
#[derive(Debug)]
pub enum DeadLetter {}
/// Marks identifiers of replays.
#[derive(Debug)]
pub enum Replay {}
/// Marks identifiers of entries in the audit.
#[derive(Debug)]
pub enum Audit {}
/// Marks identifiers of sessions in the dashboard.
#[derive(Debug)]
pub enum Session {}
/// Marks identifiers of people who sign in by the identity provider.
#[derive(Debug)]
pub enum Person {}
/// Marks identifiers of running dispatchers.
#[derive(Debug)]
pub enum Dispatcher {}

impl Kind for Tenant {
    const PREFIX: &'static str = "ten";
    const NAME: &'static str = "tenant id";
}
impl Kind for Event {
    const PREFIX: &'static str = "evt";
    const NAME: &'static str = "event id";
}
impl Kind for Ingest {
    const PREFIX: &'static str = "ing";
    const NAME: &'static str = "ingest id";
}
impl Kind for Endpoint {
    const PREFIX: &'static str = "ep";
    const NAME: &'static str = "endpoint id";
}
impl Kind for Delivery {
    const PREFIX: &'static str = "dlv";
    const NAME: &'static str = "delivery id";
}
impl Kind for ApiKey {
    const PREFIX: &'static str = "key";
    const NAME: &'static str = "API key id";
}
impl Kind for DeadLetter {
    const PREFIX: &'static str = "dead";
    const NAME: &'static str = "dead letter id";
}
impl Kind for Replay {
    const PREFIX: &'static str = "rpl";
    const NAME: &'static str = "replay id";
}
impl Kind for Audit {
    const PREFIX: &'static str = "aud";
    const NAME: &'static str = "audit id";
}
impl Kind for Session {
    const PREFIX: &'static str = "ses";
    const NAME: &'static str = "session id";
}
impl Kind for Person {
    const PREFIX: &'static str = "per";
    const NAME: &'static str = "person id";
}
impl Kind for Dispatcher {
    const PREFIX: &'static str = "dsp";
    const NAME: &'static str = "dispatcher id";
}

/// Names one tenant.
pub type TenantId = Id<Tenant>;
/// Names one event; it is also the `webhook-id` that every endpoint receives.
pub type EventId = Id<Event>;
/// Names one acceptance: it tells fan-out's own redelivery from a publisher's repeat.
pub type IngestId = Id<Ingest>;
/// Names one endpoint.
pub type EndpointId = Id<Endpoint>;
/// Names one delivery: one event on its way to one endpoint, over all its attempts.
pub type DeliveryId = Id<Delivery>;
/// Names one API key.
pub type ApiKeyId = Id<ApiKey>;
/// Names one dead letter.
pub type DeadLetterId = Id<DeadLetter>;
/// Names one replay of many deliveries.
pub type ReplayId = Id<Replay>;
/// Names one entry in the audit.
pub type AuditId = Id<Audit>;
/// Names one session in the dashboard.
pub type SessionId = Id<Session>;
/// Names one person who signs in by the identity provider.
pub type PersonId = Id<Person>;
/// Names one dispatcher, from its start to its end.
pub type DispatcherId = Id<Dispatcher>;

/// A UUID that names a `K`; its text is the kind's prefix, an underscore and 32 hex digits.
pub struct Id<K> {
    uuid: Uuid,
    kind: PhantomData<fn() -> K>,
}

impl<K> Id<K> {
    /// Takes a UUID that was minted for this kind of thing.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self {
            uuid,
            kind: PhantomData,
        }
    }

    /// The UUID alone, as Postgres and the messages hold it.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.uuid
    }
}

impl TenantId {
    /// The platform itself, to which Posthaste tells what happens to its tenants' endpoints. Made
    /// with the schema; only Posthaste publishes to it.
    pub const PLATFORM: Self =
        Self::from_uuid(Uuid::from_u128(0x0000_0000_0000_8000_8000_0000_0000_0000));

    /// What the external ids begin with that no tenant can be given.
    pub const RESERVED_PREFIX: &'static str = "posthaste:";

    /// The external id of [`Self::PLATFORM`].
    pub const PLATFORM_EXTERNAL_ID: &'static str = "posthaste:platform";
}

impl EventId {
    /// The id of an event that its publisher named: a UUIDv8 from a hash of tenant and key, so
    /// that a repeat gets the same id without a look-up.
    #[must_use]
    pub fn keyed(tenant: TenantId, key: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"posthaste.event.v1");
        hash.update(tenant.uuid.as_bytes());
        hash.update(key.as_bytes());
        let digest = hash.finalize();
        let mut first = [0; 16];
        first.copy_from_slice(&digest[..16]);
        Self::from_uuid(Uuid::new_v8(first))
    }
}

impl DeliveryId {
    /// The id of an event's first delivery to an endpoint, so that a fan-out that is repeated names
    /// the same delivery.
    #[must_use]
    pub fn first(event: EventId, endpoint: EndpointId) -> Self {
        Self::from_uuid(near(event.uuid, endpoint.uuid))
    }

    /// The id of the delivery that repeats `original` because of `cause`, a replay or a dead
    /// letter, so that work repeated after a crash names the same delivery.
    #[must_use]
    pub fn repeated<K>(cause: Id<K>, original: Self) -> Self {
        Self::from_uuid(near(cause.uuid, original.uuid))
    }
}

/// A `UUIDv8` that `cause` and `of` determine. It begins with the first 48 bits of `cause`, which
/// are the time of a `UUIDv7`: what is made in one moment stands in one place of an index, however
/// large the index has become. The rest is of their `UUIDv5`.
fn near(cause: Uuid, of: Uuid) -> Uuid {
    let mut bytes = Uuid::new_v5(&cause, of.as_bytes()).into_bytes();
    bytes[..6].copy_from_slice(&cause.as_bytes()[..6]);
    Uuid::new_v8(bytes)
}

/// A text that isn't an identifier of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {name}: expected {prefix}_ and 32 lower-case hex digits")]
pub struct ParseIdError {
    name: &'static str,
    prefix: &'static str,
}

impl<K: Kind> FromStr for Id<K> {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = ParseIdError {
            name: K::NAME,
            prefix: K::PREFIX,
        };
        let digits = text
            .strip_prefix(K::PREFIX)
            .and_then(|rest| rest.strip_prefix('_'))
            .filter(|digits| digits.len() == 32)
            .filter(|digits| {
                digits
                    .bytes()
                    .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
            })
            .ok_or_else(|| error.clone())?;
        Uuid::try_parse(digits)
            .map(Self::from_uuid)
            .map_err(|_| error)
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", K::PREFIX, self.uuid.simple())
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

// Derived implementations would ask them of the marker too.
impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.uuid.cmp(&other.uuid)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    proptest! {
        #[test]
        fn text_and_back(bits: u128) {
            let id = EventId::from_uuid(Uuid::from_u128(bits));
            prop_assert_eq!(id.to_string().parse::<EventId>(), Ok(id));
        }

        #[test]
        fn deliveries_of_one_moment_stand_together(bits: u128, a: u128, b: u128) {
            prop_assume!(a != b);
            let event = EventId::from_uuid(Uuid::from_u128(bits));
            let to = |endpoint| {
                let endpoint = EndpointId::from_uuid(Uuid::from_u128(endpoint));
                DeliveryId::first(event, endpoint)
            };
            prop_assert_eq!(to(a), to(a));
            prop_assert_ne!(to(a), to(b));
            for uuid in [to(a), to(b)].map(Id::uuid) {
                prop_assert_eq!(uuid.get_version_num(), 8);
                prop_assert!(uuid.as_bytes().starts_with(&bits.to_be_bytes()[..6]));
            }
        }

        #[test]
        fn the_same_key_names_the_same_event_of_one_tenant_only(key in ".{0,40}", a: u128, b: u128) {
            prop_assume!(a != b);
            let [a, b] = [a, b].map(|bits| TenantId::from_uuid(Uuid::from_u128(bits)));
            prop_assert_eq!(EventId::keyed(a, &key), EventId::keyed(a, &key));
            prop_assert_ne!(EventId::keyed(a, &key), EventId::keyed(b, &key));
        }
    }

    #[rstest]
    #[case("")]
    #[case("evt_")]
    #[case("ten_00000000000000000000000000000000")]
    #[case("evt_0000000000000000000000000000000")]
    #[case("evt_000000000000000000000000000000000")]
    #[case("evt_0000000000000000000000000000000A")]
    #[case("evt_00000000-0000-0000-0000-0000000000")]
    #[case("evt_../../../../../../../../../../etc/")]
    #[case("evt_0000000000000000000000000000000\0")]
    fn other_texts_are_refused(#[case] text: &str) {
        assert!(text.parse::<EventId>().is_err());
    }

    #[test]
    fn a_keyed_id_says_that_it_was_derived() {
        let tenant = TenantId::from_uuid(Uuid::nil());
        assert_eq!(
            EventId::keyed(tenant, "order-1").uuid().get_version_num(),
            8
        );
    }
}
