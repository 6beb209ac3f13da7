-- The second wall between tenants. What is read for one tenant is read in a role that sees the rows
-- of the tenant named in posthaste.tenant and no others, and none where no tenant is named. Nobody
-- else is held by it: what serves all tenants works as before, whoever owns the tables.
--
-- The role itself belongs to the server and not to this database: every migration sees to it that
-- it is there.

create function fenced_tenant() returns uuid language sql stable as $$
    select nullif(current_setting('posthaste.tenant', true), '')::uuid
$$;

comment on function fenced_tenant() is 'the tenant that this transaction reads for; null: none';

-- What a tenant may read.
alter table events enable row level security;
create policy of_tenant on events for select using (tenant_id = (select fenced_tenant()));

alter table idempotency_keys enable row level security;
create policy of_tenant on idempotency_keys for select
    using (tenant_id = (select fenced_tenant()));

alter table deliveries enable row level security;
create policy of_tenant on deliveries for select using (tenant_id = (select fenced_tenant()));

alter table attempts enable row level security;
create policy of_tenant on attempts for select using (tenant_id = (select fenced_tenant()));

alter table endpoints enable row level security;
create policy of_tenant on endpoints for select using (tenant_id = (select fenced_tenant()));

alter table replays enable row level security;
create policy of_tenant on replays for select using (tenant_id = (select fenced_tenant()));

-- What publishers got wrong and what no role could read is the platform's to see.
alter table dead_letters enable row level security;
create policy of_tenant on dead_letters for select
    using (tenant_id = (select fenced_tenant()) and kind = 'delivery');

alter table ledger_days enable row level security;
create policy of_tenant on ledger_days for select using (tenant_id = (select fenced_tenant()));

alter table ledger_minutes enable row level security;
create policy of_tenant on ledger_minutes for select using (tenant_id = (select fenced_tenant()));

-- These name their endpoint alone, and of endpoints only the tenant's are seen.
alter table endpoint_health enable row level security;
create policy of_tenant on endpoint_health for select
    using (exists (select from endpoints e where e.id = endpoint_id));

alter table endpoint_secrets enable row level security;
create policy of_tenant on endpoint_secrets for select
    using (exists (select from endpoints e where e.id = endpoint_id));

-- What no tenant reads has the policy of others alone: there are no rows for it.
do $$
declare
    named text;
begin
    foreach named in array array['tenants', 'api_keys', 'api_key_uses', 'portal_links', 'sessions',
                                 'audit', 'breakers', 'operational_events', 'ledger_moves',
                                 'ledger_open'] loop
        execute format('alter table %I enable row level security', named);
    end loop;
    for named in select relname from pg_class
        where relnamespace = current_schema::regnamespace and relkind in ('r', 'p')
          and relrowsecurity loop
        execute format('create policy of_others on %I
            using ((select current_user) <> ''posthaste_tenant'')', named);
    end loop;
end
$$;
