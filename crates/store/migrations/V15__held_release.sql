-- The turn of whoever releases held deliveries: one at a time, at one rate for all.
create table held_release (
    only_row   boolean     primary key default true check (only_row),
    paid_until timestamptz not null
);

comment on column held_release.paid_until is 'what was released until now is paid for, at the rate, with the time up to then';

insert into held_release (paid_until) values (now());

-- What is held is found endpoint by endpoint now, so that those of paused ones are passed over.
drop index deliveries_held_order;
