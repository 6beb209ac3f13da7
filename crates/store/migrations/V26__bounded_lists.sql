-- What the overview and the lists of the API read by an index, however much there is.

-- What a tenant's endpoints have not been sent yet, over all days: the sum of its rows in
-- ledger_days, kept by a trigger there, whoever changes them.
create table ledger_open (
    tenant_id uuid   primary key,
    waiting   bigint not null,
    unsettled bigint not null
);

comment on column ledger_open.waiting is 'deliveries that wait for an attempt after the first';
comment on column ledger_open.unsettled is 'deliveries that wait for their first attempt';

create index ledger_open_most on ledger_open ((waiting + unsettled) desc, tenant_id)
    where waiting + unsettled > 0;

create function ledger_day_unsettled(of ledger_days) returns bigint language sql immutable as $$
    select of.matched + of.replayed - of.delivered - of.waiting - of.dead - of.cancelled - of.held
$$;

-- Of a row that is new or gone, the other one is null.
create function ledger_day_moved() returns trigger language plpgsql as $$
declare
    more_waiting   bigint := coalesce(new.waiting, 0) - coalesce(old.waiting, 0);
    more_unsettled bigint := coalesce(ledger_day_unsettled(new), 0)
                           - coalesce(ledger_day_unsettled(old), 0);
begin
    if more_waiting <> 0 or more_unsettled <> 0 then
        insert into ledger_open as o (tenant_id, waiting, unsettled)
        values (coalesce(new.tenant_id, old.tenant_id), more_waiting, more_unsettled)
        on conflict (tenant_id) do update set
            waiting = o.waiting + excluded.waiting,
            unsettled = o.unsettled + excluded.unsettled;
    end if;
    return null;
end
$$;

-- The row of all tenants together is in nobody's backlog.
create trigger ledger_days_inserted after insert on ledger_days
    for each row when (new.tenant_id is not null) execute function ledger_day_moved();
create trigger ledger_days_updated after update on ledger_days
    for each row when (new.tenant_id is not null) execute function ledger_day_moved();
create trigger ledger_days_deleted after delete on ledger_days
    for each row when (old.tenant_id is not null) execute function ledger_day_moved();

-- What was there before is counted once. The triggers above hold off every writer until then.
insert into ledger_open (tenant_id, waiting, unsettled)
select tenant_id, sum(waiting), sum(ledger_day_unsettled(d))
from ledger_days d where tenant_id is not null group by tenant_id;

-- What differs is looked for at each look at the ledger, and there is seldom any: a column that
-- says so has statistics, and two columns that are compared have none.
alter table ledger_minutes
    add column is_open boolean not null generated always as (matched <> reported) stored;

create index ledger_minutes_open on ledger_minutes (tenant_id, minute) where is_open;

-- In the order of the list, so that those of one instant are not sorted.
drop index endpoint_health_failing;
create index endpoint_health_failing on endpoint_health (failing_since, endpoint_id)
    where failing_since is not null;

-- Most breakers are closed, and the list is of open ones.
create index breakers_open on breakers (endpoint_id, dispatcher_id) where state = 'open';
