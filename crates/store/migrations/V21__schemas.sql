-- An event type may say what its payloads look like. Ingest follows the catalogue for that, as it
-- follows tenants and keys: by the epoch.

alter table event_types
    add column schema      text,
    add column schema_mode text   not null default 'off'
                                  check (schema_mode in ('off', 'warn', 'enforce')),
    add column epoch       bigint not null default 0,
    add constraint event_types_mode_needs_schema check (schema is not null or schema_mode = 'off');

comment on column event_types.schema is 'JSON Schema, as it was written; no jsonb column could hold all of it';

create index event_types_epoch on event_types (epoch);

create trigger event_types_bump before insert or update or delete on event_types
    for each statement execute function directory_bump();
create trigger event_types_stamp before insert or update on event_types
    for each row execute function directory_stamp();
