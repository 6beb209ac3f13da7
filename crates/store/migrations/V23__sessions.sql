-- Sessions in the dashboard, and the links that open them. Of a link's and a session's token the
-- record has the SHA-256 alone.

create table portal_links (
    token_sha256 bytea       primary key check (length(token_sha256) = 32),
    tenant_id    uuid        not null references tenants,
    key_id       uuid        not null references api_keys,
    created_at   timestamptz not null default now(),
    expires_at   timestamptz not null
);

comment on table portal_links is 'not opened yet: opening one deletes it';
comment on column portal_links.key_id is 'the key that made it';

create index portal_links_expiry on portal_links (expires_at);

create table sessions (
    id           uuid        primary key,
    token_sha256 bytea       not null unique check (length(token_sha256) = 32),
    key_id       uuid        not null references api_keys,
    tenant_id    uuid        references tenants,
    created_at   timestamptz not null default now(),
    expires_at   timestamptz not null
);

comment on column sessions.key_id is 'the key that opened it, or made the link that did';
comment on column sessions.tenant_id is 'the tenant of a link''s session; null: it reaches what the key does';

create index sessions_expiry on sessions (expires_at);

alter table audit add column session_id uuid;

comment on column audit.session_id is 'the session in which it was done; null: a call of the API';
