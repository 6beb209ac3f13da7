-- Who may publish and read. Rows are never deleted, so that a snapshot learns of their end by its
-- epoch like of any other change.

create table tenants (
    id          uuid        primary key,
    external_id text,
    name        text        not null,
    created_at  timestamptz not null default now(),
    deleted_at  timestamptz,
    epoch       bigint      not null
);

-- A deleted tenant's external id may be used again.
create unique index tenants_external_id on tenants (external_id) where deleted_at is null;
create index tenants_epoch on tenants (epoch);
create index tenants_page on tenants (created_at desc, id desc) where deleted_at is null;

create table api_keys (
    id         uuid        primary key,
    name       text        not null,
    tenant_id  uuid        references tenants,
    scopes     text[]      not null,
    key_sha256 bytea       not null unique check (length(key_sha256) = 32),
    hint       text        not null,
    created_at timestamptz not null default now(),
    revoked_at timestamptz,
    epoch      bigint      not null
);

comment on column api_keys.tenant_id is 'null: the key is good for the whole platform';
comment on column api_keys.hint is 'the first characters of the key, to recognise it by';

create index api_keys_epoch on api_keys (epoch);
create index api_keys_page on api_keys (created_at desc, id desc);
create index api_keys_tenant on api_keys (tenant_id) where revoked_at is null;

create trigger tenants_bump before insert or update or delete on tenants
    for each statement execute function directory_bump();
create trigger tenants_stamp before insert or update on tenants
    for each row execute function directory_stamp();

create trigger api_keys_bump before insert or update or delete on api_keys
    for each statement execute function directory_bump();
create trigger api_keys_stamp before insert or update on api_keys
    for each row execute function directory_stamp();
