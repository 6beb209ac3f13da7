-- Where events go. Soft-deleted like tenants, for the same reason.

create table endpoints (
    id             uuid        primary key,
    tenant_id      uuid        not null references tenants,
    url            text        not null,
    description    text        not null,
    event_types    text[]      not null,
    channels       text[]      not null,
    format         text        not null check (format in ('guide', 'standard', 'cloudevents')),
    headers_key    text,
    headers_sealed bytea,
    timeout_ms     integer     not null check (timeout_ms between 1000 and 30000),
    retry_waits_s  integer[],
    state          text        not null default 'enabled'
                               check (state in ('enabled', 'paused', 'disabled')),
    state_reason   text,
    state_since    timestamptz not null default now(),
    version        bigint      not null default 1,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    deleted_at     timestamptz,
    epoch          bigint      not null,
    check ((headers_key is null) = (headers_sealed is null))
);

comment on column endpoints.headers_sealed is 'JSON pairs of name and value, encrypted with the key that headers_key names';
comment on column endpoints.retry_waits_s is 'null: the platform''s default policy';

create index endpoints_epoch on endpoints (epoch);
create index endpoints_page on endpoints (tenant_id, created_at desc, id desc) where deleted_at is null;

create table endpoint_secrets (
    id          uuid        primary key,
    endpoint_id uuid        not null references endpoints,
    key_id      text        not null,
    sealed      bytea       not null,
    created_at  timestamptz not null default now(),
    expires_at  timestamptz
);

comment on column endpoint_secrets.expires_at is 'null: current; set when a successor was made';

create index endpoint_secrets_endpoint on endpoint_secrets (endpoint_id, created_at desc);
create index endpoint_secrets_key on endpoint_secrets (key_id);
create index endpoints_headers_key on endpoints (headers_key) where headers_key is not null;

create trigger endpoints_bump before insert or update or delete on endpoints
    for each statement execute function directory_bump();
create trigger endpoints_stamp before insert or update on endpoints
    for each row execute function directory_stamp();

-- A secret is a part of its endpoint: a change to it stamps the endpoint's row.
create function endpoint_secret_changed() returns trigger language plpgsql as $$
begin
    update endpoints set epoch = epoch where id = coalesce(new.endpoint_id, old.endpoint_id);
    return null;
end
$$;

create trigger endpoint_secrets_bump before insert or update or delete on endpoint_secrets
    for each statement execute function directory_bump();
create trigger endpoint_secrets_changed after insert or update or delete on endpoint_secrets
    for each row execute function endpoint_secret_changed();
