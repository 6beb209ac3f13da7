-- How much waits at the broker, as the recorder asked last: for pages, which ask no broker.

create table queue_depths (
    name      text        primary key,
    delay_ms  bigint,
    messages  bigint      not null,
    consumers bigint      not null,
    asked_at  timestamptz not null
);

comment on column queue_depths.name is 'a kind of queue, all its shards together, or a retry tier';
comment on column queue_depths.delay_ms is 'how long messages wait in a tier; null: it is none';
comment on column queue_depths.messages is 'those in a consumer''s hands apart';
