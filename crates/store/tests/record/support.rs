//! A migrated database of a test's own, and things to put into it.

use std::time::Duration;

use bytes::Bytes;
use domain::attempt::{AttemptNumber, Trigger};
use domain::delivery::Delivery;
use domain::endpoint::BodyFormat;
use domain::event::{Event, Identity};
use domain::id::{DeliveryId, EndpointId, EventId, IngestId, TenantId};
use domain::outcome::Observed;
use domain::report::{AttemptReport, Extent, Report, Standing};
use domain::trace::TraceContext;
use secrecy::{ExposeSecret, SecretString};
use signature::Secret;
use store::endpoints::{EndpointRecord, Settings};
use store::events::NewEvent;
use store::tenants::NewTenant;
use store::{Config, Keyring, Store};
use testkit::Stack;
use time::OffsetDateTime;
use tokio_postgres::{NoTls, SimpleQueryMessage, SimpleQueryRow};
use uuid::Uuid;

/// How long a test waits for what should come soon.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct Db {
    pub(crate) stack: Stack,
    pub(crate) store: Store,
}

impl Db {
    pub(crate) async fn new() -> Self {
        let stack = Stack::new().await;
        store::migrate(&url(&stack)).await.unwrap();
        let store = connect(&stack, keyring("k1"));
        Self { stack, store }
    }

    /// What a statement gives, as text.
    pub(crate) async fn query(&self, statement: &str) -> Vec<SimpleQueryRow> {
        let (client, connection) = tokio_postgres::connect(&self.stack.postgres_url(), NoTls)
            .await
            .unwrap();
        let connection = tokio::spawn(connection);
        let messages = client.simple_query(statement).await.unwrap();
        connection.abort();
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        rows.collect()
    }

    /// The first column of a statement's only row.
    pub(crate) async fn value(&self, statement: &str) -> String {
        let rows = self.query(statement).await;
        assert_eq!(rows.len(), 1, "{statement}");
        rows[0].get(0).unwrap().to_owned()
    }

    pub(crate) async fn tenant(&self) -> TenantId {
        let new = NewTenant {
            external_id: None,
            name: "Acme".into(),
        };
        self.store.create_tenant(&new).await.unwrap().id
    }

    pub(crate) async fn endpoint(&self, tenant: TenantId, pattern: &str) -> EndpointRecord {
        let settings = settings(pattern);
        let endpoint = self
            .store
            .create_endpoint(tenant, &settings, &secret(1))
            .await;
        endpoint.unwrap()
    }

    /// Records events and gives them.
    pub(crate) async fn events(&self, tenant: TenantId, count: usize) -> Vec<Event> {
        let new: Vec<_> = (0..count).map(|_| matched(minted(tenant), &[])).collect();
        self.store.record(&new).await.unwrap();
        new.into_iter().map(|new| new.event).collect()
    }
}

pub(crate) fn url(stack: &Stack) -> SecretString {
    SecretString::from(stack.postgres_url())
}

pub(crate) fn connect(stack: &Stack, keyring: Keyring) -> Store {
    Store::connect(Config::new(url(stack), keyring)).unwrap()
}

pub(crate) fn keyring(name: &str) -> Keyring {
    Keyring::generate(name)
        .unwrap()
        .expose_secret()
        .parse()
        .unwrap()
}

pub(crate) fn secret(byte: u8) -> Secret {
    Secret::from_bytes(vec![byte; 32]).unwrap()
}

pub(crate) fn settings(pattern: &str) -> Settings {
    Settings {
        url: "https://hooks.example.com/in?token=1".parse().unwrap(),
        description: String::new(),
        event_types: vec![pattern.parse().unwrap()],
        channels: Vec::new(),
        format: BodyFormat::Guide,
        headers: Vec::new(),
        timeout: Duration::from_secs(15),
        retry: None,
        filter: None,
        rate_limit: None,
    }
}

/// The present, as exactly as Postgres keeps it.
pub(crate) fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(now.nanosecond() / 1000 * 1000)
        .unwrap()
}

pub(crate) fn minted(tenant: TenantId) -> Event {
    Event {
        id: EventId::from_uuid(Uuid::now_v7()),
        ingest_id: IngestId::from_uuid(Uuid::new_v4()),
        tenant,
        event_type: "shipment.created".parse().unwrap(),
        data: Bytes::from_static(b"{\"id\":1.10, \"id\":1e400}"),
        timestamp: now(),
        accepted_at: now(),
        channels: Vec::new(),
        identity: Identity::Minted,
        violations: Vec::new(),
        trace: TraceContext::default(),
    }
}

/// An acceptance of the event with this key.
pub(crate) fn keyed(tenant: TenantId, key: &str, fingerprint: u8) -> Event {
    Event {
        id: EventId::keyed(tenant, key),
        identity: Identity::Keyed {
            fingerprint: [fingerprint; 32],
        },
        ..minted(tenant)
    }
}

pub(crate) fn matched(event: Event, endpoints: &[EndpointId]) -> NewEvent {
    NewEvent {
        event,
        endpoints: endpoints.to_vec(),
    }
}

pub(crate) fn endpoint_id() -> EndpointId {
    EndpointId::from_uuid(Uuid::new_v4())
}

pub(crate) fn number(number: u32) -> AttemptNumber {
    AttemptNumber::new(number).unwrap()
}

/// A report of the event's first delivery to the endpoint.
pub(crate) fn report(event: &Event, endpoint: EndpointId, standing: Standing) -> Report {
    Report {
        delivery: Delivery {
            id: DeliveryId::first(event.id, endpoint),
            endpoint,
            trigger: Trigger::Automatic,
            replay_of: None,
        },
        event: event.id,
        event_type: event.event_type.clone(),
        tenant: event.tenant,
        accepted_at: event.accepted_at,
        standing,
        attempt: None,
        at: now(),
        trace: TraceContext::default(),
    }
}

/// An attempt that was answered so.
pub(crate) fn answered(attempt: u32, status: u16) -> AttemptReport {
    AttemptReport {
        number: number(attempt),
        started_at: now(),
        duration: Duration::from_millis(12),
        observed: Observed::Answered {
            status,
            retry_after: None,
        },
        answer: Bytes::from_static(b"\0\xff<script>"),
        extent: Extent::Truncated,
    }
}
