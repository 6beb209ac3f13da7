-- A day's events, their deliveries and attempts. A tenth of the events are the first tenant's, a
-- tenth the second's; each has up to four deliveries, one of them to its tenant's first endpoint.
-- What the triggers would write down of it is counted once, at the end.
set session_replication_role = replica;

insert into events (day, id, ingest_id, tenant_id, event_type, data, occurred_at, accepted_at,
                    channels, keyed, endpoints, traceparent, tracestate)
select date ':day',
       (lpad(to_hex((extract(epoch from made.at) * 1000)::bigint), 12, '0') || '7'
        || substr(made.random, 1, 3) || '8' || substr(made.random, 4, 15))::uuid,
       md5(made.random)::uuid, t.id,
       (array['shipment.created', 'shipment.updated', 'user.created'])[1 + made.n % 3],
       convert_to('{"id":"ship_' || made.n || '","status":"created","note":"'
                  || repeat('x', 120) || '"}', 'UTF8'),
       made.at, made.at, '{}', false,
       case when t.many <= 4 then t.endpoints
            else t.endpoints[1:1] || t.endpoints[2 + made.n % (t.many - 3):4 + made.n % (t.many - 3)]
       end, '', ''
from (
    select n, md5(':day' || n) as random,
           timestamptz ':day 00:00Z' + n * (least(timestamptz ':day 24:00Z', now())
                                            - timestamptz ':day 00:00Z') / (:events + 1) as at,
           case n % 10 when 0 then 1 when 1 then 2
                else 3 + (hashint4(n + :number * 7919) & 2147483647) % (:tenants - 2)
           end as tenant
    from generate_series(1, :events) n
) made
join filling_tenants t on t.number = made.tenant;

-- Of 1,000: 20 dead, 5 cancelled, and of the last two days 5 waiting; a tenth arrived at the second
-- attempt. What goes to the second tenant is held, for endpoints that are paused.
insert into deliveries (day, id, tenant_id, event_id, endpoint_id, event_type, state, attempt,
                        next_attempt_at, dead_reason, rank, trigger, updated_at, accepted_at)
select date ':day', overlay(d.random placing left(replace(d.event_id::text, '-', ''), 12)
                            from 1)::uuid,
       d.tenant_id, d.event_id, d.endpoint_id, d.event_type, d.state,
       case when d.state in ('dead', 'waiting') or d.chance % 10 = 9 and d.state = 'delivered'
            then 2 else 1 end,
       case when d.state = 'waiting' then now() + interval '1 day' end,
       case when d.state = 'dead' then 'exhausted' end, 10, 'automatic',
       least(d.accepted_at + interval '1 second', now()), d.accepted_at
from (
    select e.*, case when e.tenant_id = md5('tenant-2')::uuid then 'held'
                     when e.chance < 20 then 'dead'
                     when e.chance < 25 then 'cancelled'
                     when e.chance < 30 and date ':day' >= current_date - 1 then 'waiting'
                     else 'delivered'
                end as state
    from (
        select e.id as event_id, e.tenant_id, e.event_type, e.accepted_at, u.endpoint_id,
               md5(e.id::text || u.endpoint_id) as random,
               ('x' || substr(md5(e.id::text || u.endpoint_id), 1, 4))::bit(16)::int % 1000
                   as chance
        from events e, unnest(e.endpoints) as u (endpoint_id)
        where e.day = date ':day'
    ) e
) d;

insert into attempts (day, delivery_id, attempt, event_id, endpoint_id, tenant_id, started_at,
                      duration_ms, status, outcome, answer, answer_truncated)
select d.day, d.id, n, d.event_id, d.endpoint_id, d.tenant_id, d.updated_at, 20 + d.attempt * n,
       case when d.state = 'delivered' and n = d.attempt then 200 else 503 end,
       case when d.state = 'delivered' and n = d.attempt then 'delivered' else 'http_error' end,
       '\x6f6b', false
from deliveries d, generate_series(1, case when d.state in ('delivered', 'dead') then d.attempt
                                           else d.attempt - 1 end) n
where d.day = date ':day';

insert into dead_letters (id, kind, reason, detail, origin, tenant_id, event_id, delivery_id,
                          endpoint_id, event_type, event_day, content_type, message_kind, body,
                          headers, created_at, resolved_at, resolution)
select md5(id::text)::uuid, 'delivery', 'exhausted', '', 'posthaste.dispatch.retry.00', tenant_id,
       event_id, id, endpoint_id, event_type, day, 'application/x-protobuf',
       'posthaste.v1.Batch+Dispatch', '', '{}', updated_at,
       case when get_byte(uuid_send(id), 15) % 2 = 0 then updated_at end,
       case when get_byte(uuid_send(id), 15) % 2 = 0 then 'discarded' end
from deliveries where day = date ':day' and state = 'dead';

set session_replication_role = origin;
