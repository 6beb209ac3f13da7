-- A condition on the payload, beside event types and channels.
alter table endpoints add column filter text;

comment on column endpoints.filter is 'a logical expression of JSONPath (RFC 9535); null: every payload';
