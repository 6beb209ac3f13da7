-- What follows from the days: a replay of much, the audit, and the ledger.

insert into replays (id, tenant_id, selector, deliveries, endpoint_id, since, until, rate, state,
                     expected, selected, published, cursor_at, cursor_id, created_at, finished_at)
select md5('replay-' || n)::uuid, t.id, 'everything', '{}', t.endpoints[1], now() - interval '1 day',
       now(), 100, 'finished', 1000, 1000, 1000, now(), md5('replay')::uuid,
       now() - n * interval '1 minute', now()
from generate_series(1, least(1000, :attempts / 1000)) n, filling_tenants t where t.number = 1;

set session_replication_role = replica;

insert into deliveries (day, id, tenant_id, event_id, endpoint_id, event_type, state, attempt, rank,
                        trigger, replay_of, replay_id, updated_at, accepted_at)
select d.day, md5('replay-' || d.id)::uuid, d.tenant_id, d.event_id, d.endpoint_id, d.event_type,
       'delivered', 1, 10, 'replay', d.id, md5('replay-1')::uuid, now(), d.accepted_at
from deliveries d, filling_tenants t
where t.number = 1 and d.endpoint_id = t.endpoints[1] and d.state = 'delivered' limit :attempts / 100;

set session_replication_role = origin;

insert into audit (id, at, tenant_id, key_id, key_name, action, subject, detail)
select md5('audit-' || n)::uuid, now() - n * interval '10 seconds',
       md5('tenant-' || 1 + n % :tenants)::uuid, md5('key-1')::uuid, 'key of tenant 1',
       'delivery.replayed', 'dlv_0193a5c8e0b87c3aa1f2c9d8e7f60512', '{}'
from generate_series(1, :attempts / 100) n;

insert into ledger_days (tenant_id, day, matched, reported, replayed, delivered, waiting, dead,
                         cancelled, held)
select tenant_id, day, count(*) filter (where trigger = 'automatic'),
       count(*) filter (where trigger = 'automatic'), count(*) filter (where trigger = 'replay'),
       count(*) filter (where state = 'delivered'), count(*) filter (where state = 'waiting'),
       count(*) filter (where state = 'dead'), count(*) filter (where state = 'cancelled'),
       count(*) filter (where state = 'held')
from deliveries group by grouping sets ((tenant_id, day), (day));

-- The last ten minutes, all of whose deliveries have their rows.
insert into ledger_minutes (tenant_id, minute, matched, reported, last_moved_at)
select t.id, date_trunc('minute', now()) - n * interval '1 minute', 4, 4, now()
from filling_tenants t, generate_series(0, 9) n;

