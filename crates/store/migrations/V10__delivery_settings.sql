-- What is set about deliveries: by the platform for all endpoints, and for each how fast it may be
-- sent to.

create table platform_settings (
    only_row      boolean     primary key default true check (only_row),
    retry_waits_s integer[],
    version       bigint      not null default 1,
    updated_at    timestamptz not null default now(),
    epoch         bigint      not null
);

comment on column platform_settings.retry_waits_s is 'null: the policy that is built in';

-- It is a part of the directory: dispatchers hear of a change as of any other.
create trigger platform_settings_bump before insert or update or delete on platform_settings
    for each statement execute function directory_bump();
create trigger platform_settings_stamp before insert or update on platform_settings
    for each row execute function directory_stamp();

insert into platform_settings default values;

alter table endpoints
    add column rate_per_second integer check (rate_per_second between 1 and 10000),
    add column rate_burst      integer check (rate_burst between 1 and 10000),
    add check ((rate_per_second is null) = (rate_burst is null));

comment on column endpoints.rate_per_second is 'null: as fast as it bears';
