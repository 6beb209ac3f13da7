-- Replays of many deliveries, as jobs that any console can go on with.
--
-- `in_hand` are the deliveries that are on record and whose publishing is not known to be
-- confirmed: whoever takes the job over publishes them first. The cursor moves in the transaction
-- that writes them.

create table replays (
    id           uuid        primary key,
    tenant_id    uuid        not null references tenants,
    selector     text        not null
                             check (selector in ('named', 'everything', 'failed', 'missed')),
    deliveries   uuid[]      not null,
    endpoint_id  uuid,
    reason       text,
    event_type   text,
    since        timestamptz not null,
    until        timestamptz not null,
    rate         integer     not null check (rate > 0),
    state        text        not null default 'running'
                             check (state in ('running', 'paused', 'cancelled', 'finished')),
    expected     bigint,
    selected     bigint      not null default 0,
    published    bigint      not null default 0,
    skipped      bigint      not null default 0,
    cursor_at    timestamptz not null,
    cursor_id    uuid        not null,
    in_hand      uuid[]      not null default '{}',
    leased_by    uuid,
    leased_until timestamptz,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    finished_at  timestamptz,
    check ((finished_at is not null) = (state in ('cancelled', 'finished')))
);

comment on column replays.rate is 'deliveries a second';
comment on column replays.expected is 'counted when it was made; null: too many to count in time';
comment on column replays.skipped is 'selected, and no longer on record when their turn came';
comment on column replays.leased_by is 'the run of a console that works on it, until leased_until';

create index replays_page on replays (tenant_id, created_at desc, id desc);
create index replays_open on replays (tenant_id) where state in ('running', 'paused');
create index replays_work on replays (created_at)
    where state = 'running' or cardinality(in_hand) > 0;

alter table deliveries add column replay_id uuid;

comment on column deliveries.replay_id is 'the replay that made it';

create index deliveries_replay on deliveries (replay_id, state) where replay_id is not null;
