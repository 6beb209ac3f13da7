-- What Posthaste itself tells the platform: events like any other, of a tenant that is the
-- platform's own. Its id and external id are known to the program.
insert into tenants (id, external_id, name)
values ('00000000-0000-8000-8000-000000000000', 'posthaste:platform', 'The platform itself');

-- Written in the transaction that made the thing so, and published from here.
create table operational_events (
    key          text        primary key,
    event_type   text        not null,
    data         text        not null,
    occurred_at  timestamptz not null,
    written_at   timestamptz not null default now(),
    published_at timestamptz
);

comment on column operational_events.key is 'names what happened: it is told once, however often it is written or published';
comment on column operational_events.data is 'a JSON object';

create index operational_events_waiting on operational_events (written_at) where published_at is null;
create index operational_events_published on operational_events (published_at) where published_at is not null;

-- Whom a type of the catalogue is for: the platform's tenants, or the platform itself.
alter table event_types
    add column audience text not null default 'tenants' check (audience in ('tenants', 'platform'));

insert into event_types (name, description, example, audience) values
    ('endpoint.failing', 'An endpoint has given nothing but failures for a while.',
     '{"tenant":{"id":"ten_0193a5c8e0b87c3aa1f2c9d8e7f60512","external_id":"acme"},"endpoint":{"id":"ep_0193a5c8e0b87c3aa1f2c9d8e7f60513","host":"hooks.example.com"},"reason":"connection refused","since":"2026-03-02T10:15:00Z","failures":12,"last_success_at":"2026-03-02T10:14:41Z"}',
     'platform'),
    ('endpoint.recovered', 'An endpoint that was failing has taken a delivery again.',
     '{"tenant":{"id":"ten_0193a5c8e0b87c3aa1f2c9d8e7f60512","external_id":"acme"},"endpoint":{"id":"ep_0193a5c8e0b87c3aa1f2c9d8e7f60513","host":"hooks.example.com"},"since":"2026-03-02T10:15:00Z","recovered_at":"2026-03-02T11:40:07Z"}',
     'platform'),
    ('endpoint.disabled', 'Posthaste has stopped sending to an endpoint; its deliveries are held.',
     '{"tenant":{"id":"ten_0193a5c8e0b87c3aa1f2c9d8e7f60512","external_id":"acme"},"endpoint":{"id":"ep_0193a5c8e0b87c3aa1f2c9d8e7f60513","host":"hooks.example.com"},"reason":"nothing but failures, the last one: connection refused","cause":"failing","since":"2026-03-02T10:15:00Z","failures":412,"last_success_at":"2026-03-02T10:14:41Z"}',
     'platform'),
    ('delivery.exhausted', 'Every attempt of a delivery has failed; it is a dead letter.',
     '{"tenant":{"id":"ten_0193a5c8e0b87c3aa1f2c9d8e7f60512","external_id":"acme"},"endpoint":{"id":"ep_0193a5c8e0b87c3aa1f2c9d8e7f60513","host":"hooks.example.com"},"delivery":"dlv_0193a5c8e0b87c3aa1f2c9d8e7f60514","event":{"id":"evt_0193a5c8e0b87c3aa1f2c9d8e7f60515","type":"shipment.created"},"reason":"answered 503","attempts":10}',
     'platform'),
    ('replay.finished', 'A replay has come to its end.',
     '{"tenant":{"id":"ten_0193a5c8e0b87c3aa1f2c9d8e7f60512","external_id":"acme"},"replay":"rpl_0193a5c8e0b87c3aa1f2c9d8e7f60516","outcome":"finished","replayed":20000}',
     'platform')
on conflict (name) do update set
    description = excluded.description, example = excluded.example,
    audience = excluded.audience, archived_at = null;
