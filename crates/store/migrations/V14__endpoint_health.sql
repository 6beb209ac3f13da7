-- What an endpoint's attempts say of it. A table of its own: a change here is none of the
-- directory's.
create table endpoint_health (
    endpoint_id     uuid        primary key references endpoints,
    failing_since   timestamptz,
    failures        bigint      not null default 0,
    last_success_at timestamptz,
    last_failure_at timestamptz,
    last_failure    text,
    last_status     integer,
    told_since      timestamptz,
    check (failing_since is null or last_failure_at is not null)
);

comment on column endpoint_health.failing_since is 'the first failure after the last success; null while there is none';
comment on column endpoint_health.last_success_at is 'up to a minute behind while nothing fails';
comment on column endpoint_health.last_failure is 'why there was no answer; null where there was one, of last_status';
comment on column endpoint_health.told_since is 'the failing_since that the platform was told of; null when it was told that it recovered';

create index endpoint_health_failing on endpoint_health (failing_since) where failing_since is not null;
create index endpoint_health_untold on endpoint_health (failing_since) where failing_since is not null and told_since is null;
create index endpoint_health_told on endpoint_health (told_since) where told_since is not null;
