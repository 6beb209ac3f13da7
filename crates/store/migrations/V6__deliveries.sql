-- What became of an event at each of its endpoints. A delivery's row appears with its first report.

create table deliveries (
    day             date        not null,
    id              uuid        not null,
    tenant_id       uuid        not null,
    event_id        uuid        not null,
    endpoint_id     uuid        not null,
    event_type      text        not null,
    state           text        not null
                                check (state in ('waiting', 'delivered', 'dead', 'held', 'cancelled')),
    attempt         integer     not null,
    next_attempt_at timestamptz,
    dead_reason     text,
    rank            bigint      not null,
    trigger         text        not null check (trigger in ('automatic', 'replay')),
    replay_of       uuid,
    updated_at      timestamptz not null,
    primary key (id, day),
    check ((state = 'waiting') = (next_attempt_at is not null)),
    check ((state = 'dead') = (dead_reason is not null))
) partition by range (day);

comment on column deliveries.attempt is 'the attempt that the state speaks of: the next one when waiting or held, the last one when settled';
comment on column deliveries.rank is 'how far the delivery has come: reports may arrive out of order, and a lower rank never replaces a higher one';

create index deliveries_event on deliveries (event_id, id);
create index deliveries_endpoint on deliveries (endpoint_id, updated_at desc, id desc);
create index deliveries_state on deliveries (tenant_id, state, updated_at desc, id desc);
create index deliveries_held on deliveries (endpoint_id, updated_at) where state = 'held';

create table attempts (
    day              date        not null,
    delivery_id      uuid        not null,
    attempt          integer     not null,
    event_id         uuid        not null,
    endpoint_id      uuid        not null,
    tenant_id        uuid        not null,
    started_at       timestamptz not null,
    duration_ms      bigint      not null,
    status           integer,
    outcome          text        not null,
    answer           bytea       not null,
    answer_truncated boolean     not null,
    primary key (delivery_id, attempt, day)
) partition by range (day);

comment on column attempts.outcome is 'delivered, http_error, or why there was no answer';

create index attempts_endpoint on attempts (endpoint_id, started_at desc, delivery_id desc);
