-- What was published. `day` is the UTC day of acceptance and the partition of everything that
-- comes of the event; partitions are made and dropped by the running system.

create table events (
    day         date        not null,
    id          uuid        not null,
    ingest_id   uuid        not null,
    tenant_id   uuid        not null,
    event_type  text        not null,
    data        bytea       not null,
    occurred_at timestamptz not null,
    accepted_at timestamptz not null,
    channels    text[]      not null,
    keyed       boolean     not null,
    endpoints   uuid[]      not null,
    traceparent text        not null,
    tracestate  text        not null,
    primary key (id, day)
) partition by range (day);

comment on column events.data is 'JSON text byte for byte; no text or jsonb column could hold all of it';
comment on column events.endpoints is 'the endpoints that fan-out matched';

create index events_page on events (tenant_id, accepted_at desc, id desc);
create index events_type_page on events (tenant_id, event_type, accepted_at desc, id desc);

-- A unique index can't span partitions, so the keys that publishers give are kept here for their
-- window.
create table idempotency_keys (
    event_id    uuid        primary key,
    tenant_id   uuid        not null,
    ingest_id   uuid        not null,
    fingerprint bytea       not null check (length(fingerprint) = 32),
    day         date        not null,
    expires_at  timestamptz not null,
    conflicts   integer     not null default 0
);

comment on column idempotency_keys.conflicts is 'how often the key came again with another type or payload';

create index idempotency_keys_expiry on idempotency_keys (expires_at);
