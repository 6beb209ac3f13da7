-- What could not be processed, kept for a person.

create table dead_letters (
    id           uuid        primary key,
    kind         text        not null check (kind in ('delivery', 'poison', 'rejected')),
    reason       text        not null,
    detail       text        not null,
    origin       text        not null,
    tenant_id    uuid,
    event_id     uuid,
    delivery_id  uuid,
    endpoint_id  uuid,
    content_type text,
    message_kind text,
    body         bytea       not null,
    headers      text        not null,
    created_at   timestamptz not null default now(),
    resolved_at  timestamptz,
    resolution   text,
    check ((resolved_at is null) = (resolution is null))
);

comment on column dead_letters.origin is 'the queue that the message came from';
comment on column dead_letters.headers is 'a JSON object of the message''s headers';

create index dead_letters_open on dead_letters (created_at desc, id desc) where resolved_at is null;
create index dead_letters_page on dead_letters (created_at desc, id desc);
