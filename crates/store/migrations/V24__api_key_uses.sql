-- When API keys were last used. A table of its own: a change to a key is one of the directory's.

create table api_key_uses (
    key_id       uuid        primary key references api_keys,
    last_used_at timestamptz not null
);

comment on column api_key_uses.last_used_at is 'to the minute: uses are noted together';
