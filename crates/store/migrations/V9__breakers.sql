-- How the circuit breakers of endpoints stand, as each dispatcher has said last. Apart from the
-- endpoints: breakers change often, and no snapshot of the directory needs to know.

create table breakers (
    endpoint_id   uuid        not null,
    dispatcher_id uuid        not null,
    state         text        not null check (state in ('closed', 'half_open', 'open')),
    since         timestamptz not null,
    retry_at      timestamptz,
    primary key (endpoint_id, dispatcher_id),
    check ((state = 'open') = (retry_at is not null))
);

comment on column breakers.dispatcher_id is 'a new one at each start: what one said that has ended counts for a while only';

create index breakers_since on breakers (since);
