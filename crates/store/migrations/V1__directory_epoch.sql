-- One counter that every change to the directory (tenants, API keys, endpoints and their secrets)
-- moves, so that a snapshot can ask for what changed since the epoch it knows.
--
-- The row stays locked from the bump to the commit: epochs become visible in their order, and a
-- reader that saw epoch N has missed nothing below it.

create table directory_epoch (
    only_row boolean primary key default true check (only_row),
    epoch    bigint  not null
);

insert into directory_epoch (epoch) values (0);

-- Fires once a statement and before any of its rows are locked: everybody takes the counter's lock
-- first and rows after it, so two writers can't deadlock.
create function directory_bump() returns trigger language plpgsql as $$
begin
    update directory_epoch set epoch = epoch + 1;
    perform pg_notify('posthaste_directory', '');
    return null;
end
$$;

-- Fires for each row, after the bump of its statement.
create function directory_stamp() returns trigger language plpgsql as $$
begin
    select d.epoch into strict new.epoch from directory_epoch d;
    return new;
end
$$;
