-- Who looks at the dashboard: people who sign in through the platform's identity provider, and what a
-- tenant's developers see of it. People are never deleted, since the audit names them.

create table people (
    id            uuid        primary key,
    issuer        text        not null,
    subject       text        not null,
    name          text        not null,
    first_seen_at timestamptz not null default now(),
    last_seen_at  timestamptz not null default now(),
    unique (issuer, subject)
);

comment on table people is 'whoever the provider has vouched for, let in or not';
comment on column people.subject is 'who it is, as the provider tells it: the claim sub';
comment on column people.name is 'what the provider called them last: an email address, where it told one';

create index people_page on people (last_seen_at desc, id desc);

alter table sessions
    alter column key_id drop not null,
    add column person_id uuid references people,
    add column scopes text[],
    add constraint sessions_of_one check (num_nonnulls(key_id, person_id) = 1),
    add constraint sessions_scopes check ((scopes is null) = (person_id is null));

comment on column sessions.person_id is 'who signed in by the identity provider';
comment on column sessions.scopes is 'what a person''s session allows; null: what the key does';
comment on column sessions.tenant_id is 'the tenant that a link''s or a person''s session is in; null: it reaches what the key does, or everything';

create index sessions_person on sessions (person_id) where person_id is not null;

alter table audit
    alter column key_id drop not null,
    alter column key_name drop not null,
    add column person_id uuid,
    add column person_name text,
    add constraint audit_by_one check (num_nonnulls(key_id, person_id) = 1);

comment on column audit.person_name is 'as the person was called then';

-- What belongs to a tenant, for its developers.
create index audit_tenant on audit (tenant_id, at desc, id desc);
create index api_keys_tenant_page on api_keys (tenant_id, created_at desc, id desc);
