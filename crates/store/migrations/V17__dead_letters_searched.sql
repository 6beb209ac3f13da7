-- Dead letters by whose they are, and by what they are about; and all that it takes to publish one
-- again as it was.

alter table dead_letters add column event_type text;
alter table dead_letters add column event_day date;
alter table dead_letters add column message_id text;

comment on column dead_letters.event_day is 'the partition of the event''s rows, where it is known';

create index dead_letters_tenant on dead_letters (tenant_id, created_at desc, id desc);
create index dead_letters_tenant_open on dead_letters (tenant_id, created_at desc, id desc)
    where resolved_at is null;
create index dead_letters_endpoint on dead_letters (endpoint_id, created_at desc, id desc);
create index dead_letters_endpoint_open on dead_letters (endpoint_id, created_at desc, id desc)
    where resolved_at is null;
create index dead_letters_delivery_open on dead_letters (delivery_id) where resolved_at is null;
