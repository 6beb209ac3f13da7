-- What explains an event: since when an endpoint selects what it selects, and every endpoint of a
-- tenant, those that were deleted among them.
alter table endpoints add column selects_since timestamptz not null default now();

-- Of what is there already it is only known that it has not changed later than this.
update endpoints set selects_since = updated_at;

comment on column endpoints.selects_since is 'when event_types, channels or filter last changed';

create index endpoints_of_tenant on endpoints (tenant_id, created_at desc, id desc);
