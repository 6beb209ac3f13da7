-- Who did what, and when. Written in the transaction of the deed where there is one, never changed.

create table audit (
    id        uuid        primary key,
    at        timestamptz not null default now(),
    tenant_id uuid,
    key_id    uuid        not null,
    key_name  text        not null,
    action    text        not null,
    subject   text        not null,
    detail    text        not null
);

comment on column audit.tenant_id is 'whose data it was done to; null: the platform''s';
comment on column audit.key_name is 'as the key was called then';
comment on column audit.subject is 'what it was done to: an identifier, or a selection';
comment on column audit.detail is 'a JSON object';

create index audit_page on audit (at desc, id desc);
