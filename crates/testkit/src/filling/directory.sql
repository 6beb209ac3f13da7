-- Tenants with a key each, and their endpoints. The first tenant has a hundredth of all endpoints,
-- the second, whose endpoints are paused, a thousandth; the rest is shared evenly.

insert into tenants (id, external_id, name, created_at)
select md5('tenant-' || n)::uuid, 'tenant-' || n, 'Tenant ' || n, now() - n * interval '1 second'
from generate_series(1, :tenants) n;

insert into api_keys (id, name, tenant_id, scopes, key_sha256, hint, created_at)
select md5('key-' || n)::uuid, 'key of tenant ' || n, md5('tenant-' || n)::uuid, '{publish,read}',
       sha256(('key-' || n)::bytea), 'phk_abcd', now() - n * interval '1 second'
from generate_series(1, :tenants) n;

create temp table filling_endpoints as
select n, md5('endpoint-' || n)::uuid as id,
       case when n <= :endpoints / 100 then 1
            when n <= :endpoints / 100 + :endpoints / 1000 then 2
            else 3 + n % (:tenants - 2)
       end as tenant
from generate_series(1, :endpoints) n;

insert into endpoints (id, tenant_id, url, description, event_types, channels, format, timeout_ms,
                       state, state_reason, created_at)
select id, md5('tenant-' || tenant)::uuid, 'https://example.com/webhooks/' || n, 'Endpoint ' || n,
       case n % 3 when 0 then '{*}'::text[] else '{shipment.created,shipment.updated}' end, '{}',
       'guide', 15000, case tenant when 2 then 'paused' else 'enabled' end,
       case tenant when 2 then 'maintenance' end, now() - n * interval '1 second'
from filling_endpoints;

-- One in a hundred fails, since some time today; one in a hundred is left alone.
insert into endpoint_health (endpoint_id, failing_since, failures, last_success_at,
                             last_failure_at, last_status, told_since)
select id, case when n % 100 = 0 then now() - n % 80000 * interval '1 second' end,
       case when n % 100 = 0 then 10 else 0 end, now() - interval '1 day',
       now() - interval '1 minute', 503,
       case when n % 100 = 0 then now() - n % 80000 * interval '1 second' end
from filling_endpoints;

insert into breakers (endpoint_id, dispatcher_id, state, since, retry_at)
select id, md5('dispatcher')::uuid, case when n % 100 = 0 then 'open' else 'closed' end, now(),
       case when n % 100 = 0 then now() + interval '1 hour' end
from filling_endpoints where n % 10 = 0;

insert into event_types (name, description, example)
select 'order.kind_' || n, 'An order of kind ' || n || '.', '{"id":"ord_123"}'
from generate_series(1, 200) n;

create temp table filling_tenants as
select tenant as number, md5('tenant-' || tenant)::uuid as id, array_agg(id order by n) as endpoints,
       count(*)::int as many
from filling_endpoints group by tenant;

create unique index on filling_tenants (number);
analyze filling_tenants;
