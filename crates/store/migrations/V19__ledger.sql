-- The ledger: how many deliveries were recorded, and where they stand. Nobody could count ten
-- million rows at each look, so every statement that moves deliveries writes down what it moved,
-- in its own transaction; from time to time what was written down is posted to sums.
--
-- What events matched is written down where events are recorded; where deliveries stand, by the
-- triggers here, whoever changes them. So the two sides are counted apart from one another.

alter table deliveries add column accepted_at timestamptz;

comment on column deliveries.accepted_at is 'when the event was accepted; null where nobody said';

-- Waiting deliveries in the order in which they are due: what is overdue is the head of it.
create index deliveries_due on deliveries (next_attempt_at, id) include (tenant_id)
    where state = 'waiting';

create table ledger_moves (
    id        bigint generated always as identity primary key,
    moved_at  timestamptz not null default now(),
    tenant_id uuid        not null,
    day       date        not null,
    minute    timestamptz,
    matched   bigint      not null default 0,
    reported  bigint      not null default 0,
    replayed  bigint      not null default 0,
    delivered bigint      not null default 0,
    waiting   bigint      not null default 0,
    dead      bigint      not null default 0,
    cancelled bigint      not null default 0,
    held      bigint      not null default 0
);

comment on table ledger_moves is 'what statements moved, not posted yet';
comment on column ledger_moves.minute is 'the minute of the events'' acceptance, where first deliveries were matched or reported';
comment on column ledger_moves.matched is 'deliveries that recorded events stand for';
comment on column ledger_moves.reported is 'the same, counted when each gets its row';
comment on column ledger_moves.replayed is 'deliveries that repeat others';

create table ledger_days (
    tenant_id uuid,
    day       date   not null,
    matched   bigint not null,
    reported  bigint not null,
    replayed  bigint not null,
    delivered bigint not null,
    waiting   bigint not null,
    dead      bigint not null,
    cancelled bigint not null,
    held      bigint not null,
    unique nulls not distinct (tenant_id, day)
);

comment on column ledger_days.tenant_id is 'null: of all tenants together';

create table ledger_minutes (
    tenant_id     uuid        not null,
    minute        timestamptz not null,
    matched       bigint      not null,
    reported      bigint      not null,
    last_moved_at timestamptz not null,
    primary key (tenant_id, minute)
);

comment on table ledger_minutes is 'first deliveries by the minute of acceptance, until all have a row';

create table ledger_taken (
    only_row        boolean     primary key default true check (only_row),
    taken_at        timestamptz not null,
    balanced_at     timestamptz,
    first_before    timestamptz,
    waiting_before  timestamptz,
    fanout_messages bigint
);

comment on table ledger_taken is 'when the ledger was last taken, and what could be judged then';
comment on column ledger_taken.first_before is 'what was recorded before it has been taken from every lane';
comment on column ledger_taken.waiting_before is 'what was due before it has been taken from the retry lanes';

insert into ledger_taken (taken_at) values (now());

create function ledger_inserted() returns trigger language plpgsql as $$
begin
    insert into ledger_moves (tenant_id, day, minute, reported, replayed, delivered, waiting, dead,
                              cancelled, held)
    select tenant_id, day, date_trunc('minute', accepted_at),
           count(*) filter (where trigger = 'automatic'),
           count(*) filter (where trigger = 'replay'),
           count(*) filter (where state = 'delivered'),
           count(*) filter (where state = 'waiting'),
           count(*) filter (where state = 'dead'),
           count(*) filter (where state = 'cancelled'),
           count(*) filter (where state = 'held')
    from fresh group by 1, 2, 3;
    return null;
end
$$;

create function ledger_updated() returns trigger language plpgsql as $$
begin
    insert into ledger_moves (tenant_id, day, delivered, waiting, dead, cancelled, held)
    select tenant_id, day,
           coalesce(sum(n) filter (where state = 'delivered'), 0),
           coalesce(sum(n) filter (where state = 'waiting'), 0),
           coalesce(sum(n) filter (where state = 'dead'), 0),
           coalesce(sum(n) filter (where state = 'cancelled'), 0),
           coalesce(sum(n) filter (where state = 'held'), 0)
    from (
        select tenant_id, day, state, sum(n) as n
        from (
            select tenant_id, day, state, 1 as n from fresh
            union all
            select tenant_id, day, state, -1 from former
        ) moves group by 1, 2, 3 having sum(n) <> 0
    ) moved group by 1, 2;
    return null;
end
$$;

-- Nothing of ours deletes deliveries but by dropping their day. Who does so by hand makes the
-- ledger say that they are missing.
create function ledger_deleted() returns trigger language plpgsql as $$
begin
    insert into ledger_moves (tenant_id, day, minute, reported, replayed, delivered, waiting, dead,
                              cancelled, held)
    select tenant_id, day, date_trunc('minute', accepted_at),
           -count(*) filter (where trigger = 'automatic'),
           -count(*) filter (where trigger = 'replay'),
           -count(*) filter (where state = 'delivered'),
           -count(*) filter (where state = 'waiting'),
           -count(*) filter (where state = 'dead'),
           -count(*) filter (where state = 'cancelled'),
           -count(*) filter (where state = 'held')
    from former group by 1, 2, 3;
    return null;
end
$$;

create trigger deliveries_inserted after insert on deliveries
    referencing new table as fresh
    for each statement execute function ledger_inserted();
create trigger deliveries_updated after update on deliveries
    referencing old table as former new table as fresh
    for each statement execute function ledger_updated();
create trigger deliveries_deleted after delete on deliveries
    referencing old table as former
    for each statement execute function ledger_deleted();

-- What was there before is counted once. The triggers above hold off every writer until then.
insert into ledger_moves (tenant_id, day, matched)
select tenant_id, day, sum(cardinality(endpoints)) from events group by 1, 2;

insert into ledger_moves (tenant_id, day, reported, replayed, delivered, waiting, dead, cancelled,
                          held)
select tenant_id, day,
       count(*) filter (where trigger = 'automatic'),
       count(*) filter (where trigger = 'replay'),
       count(*) filter (where state = 'delivered'),
       count(*) filter (where state = 'waiting'),
       count(*) filter (where state = 'dead'),
       count(*) filter (where state = 'cancelled'),
       count(*) filter (where state = 'held')
from deliveries group by 1, 2;

insert into ledger_minutes (tenant_id, minute, matched, reported, last_moved_at)
select tenant_id, date_trunc('minute', accepted_at), sum(matched), sum(reported), now()
from (
    select e.tenant_id, e.accepted_at, cardinality(e.endpoints) as matched,
           (select count(*) from deliveries d
            where d.event_id = e.id and d.day = e.day and d.trigger = 'automatic') as reported
    from events e
) counted
group by 1, 2 having sum(matched) <> sum(reported);
