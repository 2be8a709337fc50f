-- What people and clients look at. Nothing here locks a row or changes one.
-- Payloads can be large, so lists are bounded by rows and by bytes: a row is given while the ones before it are
-- below the bound, so there is always a first one.

-- name: snapshot
-- First in a transaction whose statements must agree with each other.
set transaction isolation level repeatable read read only

-- name: get_run
-- `decision_queue` and `decision_action` say where a decision of its code waits to be handed out.
select r.id, n.name as namespace, r.workflow_id, w.name as workflow, w.version, r.state, r.seq, r.input, r.output,
  r.failure, r.block_reason, r.idempotency_key, r.forked_from, r.deadline, r.created_at, r.ended_at,
  c.parent_run_id, c.step as parent_step, a.attributes, r.decided, l.queue as decision_queue,
  l.action as decision_action
from runs r
left join children c on c.run_id = r.id
left join ready d on r.decided is not null and d.run_id = r.id and d.step = %(decision)b
left join lanes l on l.id = d.lane
left join lateral (
  select '{' || string_agg(to_json(key)::text || ':' || value, ',' order by key) || '}' as attributes
  from attributes where run_id = r.id
) a on true
join namespaces n on n.id = r.namespace_id
join workflows w on w.id = r.workflow_id
where r.id = %(run_id)b and n.name = %(namespace)b

-- name: list_runs
-- The newest of each state along runs_state, then the newest of those; without payloads, but a CONTINUED run's output
-- is the id of the next.
select r.id, n.name as namespace, r.workflow_id, w.name as workflow, w.version, r.state, r.seq, null::bytea as input,
  case when r.state = 10 then r.output end as output, r.failure, r.block_reason, r.idempotency_key, r.forked_from,
  r.deadline, r.created_at, r.ended_at, c.parent_run_id, c.step as parent_step, r.attributes, r.found
from (
  select v.*, a.attributes, count(*) over () as found,
    sum(512 + coalesce(octet_length(failure), 0) + coalesce(octet_length(a.attributes), 0))
      over (order by id desc rows between unbounded preceding and 1 preceding) as bytes_before
  from (
    select v.*
    from unnest(coalesce(%(states)b::smallint[], array[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]::smallint[])) as t(state)
    cross join lateral (
      select * from runs r
      where r.namespace_id = (select id from namespaces where name = %(namespace)b) and r.state = t.state
        and r.id between %(from_id)b and %(to_id)b
        and (%(created_after)b::timestamptz is null or r.created_at > %(created_after)b::timestamptz)
        and (%(created_before)b::timestamptz is null or r.created_at < %(created_before)b::timestamptz)
      order by r.id desc
      limit %(limit)b
    ) v
    order by v.id desc
    limit %(limit)b
  ) v
  left join lateral (
    select '{' || string_agg(to_json(key)::text || ':' || value, ',' order by key) || '}' as attributes
    from attributes where run_id = v.id
  ) a on true
) r
left join children c on c.run_id = r.id
join namespaces n on n.id = r.namespace_id
join workflows w on w.id = r.workflow_id
where coalesce(r.bytes_before, 0) < %(max_bytes)b
order by r.id desc

-- name: list_runs_of_workflow
-- The newest of each version along runs_workflow, then the newest of those.
select r.id, n.name as namespace, r.workflow_id, w.name as workflow, w.version, r.state, r.seq, null::bytea as input,
  case when r.state = 10 then r.output end as output, r.failure, r.block_reason, r.idempotency_key, r.forked_from,
  r.deadline, r.created_at, r.ended_at, c.parent_run_id, c.step as parent_step, r.attributes, r.found
from (
  select v.*, a.attributes, count(*) over () as found,
    sum(512 + coalesce(octet_length(failure), 0) + coalesce(octet_length(a.attributes), 0))
      over (order by id desc rows between unbounded preceding and 1 preceding) as bytes_before
  from (
    select v.*
    from workflows w
    cross join lateral (
      select * from runs v
      where v.workflow_id = w.id and v.id between %(from_id)b and %(to_id)b
        and (%(states)b::smallint[] is null or v.state = any(%(states)b::smallint[]))
        and (%(created_after)b::timestamptz is null or v.created_at > %(created_after)b::timestamptz)
        and (%(created_before)b::timestamptz is null or v.created_at < %(created_before)b::timestamptz)
      order by v.id desc
      limit %(limit)b
    ) v
    where w.namespace_id = (select id from namespaces where name = %(namespace)b) and w.name = %(workflow)b
    order by v.id desc
    limit %(limit)b
  ) v
  left join lateral (
    select '{' || string_agg(to_json(key)::text || ':' || value, ',' order by key) || '}' as attributes
    from attributes where run_id = v.id
  ) a on true
) r
left join children c on c.run_id = r.id
join namespaces n on n.id = r.namespace_id
join workflows w on w.id = r.workflow_id
where coalesce(r.bytes_before, 0) < %(max_bytes)b
order by r.id desc

-- name: rarest_attribute
-- The one that the fewest runs have: the others are looked up for those. Counting more would cost more than it saves.
select f.key, f.value
from unnest(%(keys)b::text[], %(values)b::text[]) as f (key, value)
cross join lateral (
  select count(*) as found from (
    select from attributes a
    where a.namespace_id = (select id from namespaces where name = %(namespace)b)
      and a.key = f.key and a.value = f.value
    limit 2000
  ) a
) c
order by c.found
limit 1

-- name: list_runs_by_attributes
-- Newest first along attributes_value. The others are counted: a condition for each would be planned as a join of all.
select r.id, n.name as namespace, r.workflow_id, w.name as workflow, w.version, r.state, r.seq, null::bytea as input,
  case when r.state = 10 then r.output end as output, r.failure, r.block_reason, r.idempotency_key, r.forked_from,
  r.deadline, r.created_at, r.ended_at, c.parent_run_id, c.step as parent_step, r.attributes, r.found
from (
  select v.*, a.attributes, count(*) over () as found,
    sum(512 + coalesce(octet_length(failure), 0) + coalesce(octet_length(a.attributes), 0))
      over (order by id desc rows between unbounded preceding and 1 preceding) as bytes_before
  from (
    select v.*
    from attributes f
    join runs v on v.id = f.run_id
    where f.namespace_id = (select id from namespaces where name = %(namespace)b)
      and f.key = %(key)b and f.value = %(value)b and f.run_id between %(from_id)b and %(to_id)b
      and (
        select count(*) from attributes a
        where a.run_id = f.run_id
          and (a.key, a.value) in (select * from unnest(%(keys)b::text[], %(values)b::text[]))
      ) = cardinality(%(keys)b::text[])
      and (%(workflow)b::text = '' or v.workflow_id in (
        select w.id from workflows w where w.namespace_id = v.namespace_id and w.name = %(workflow)b::text))
      and (%(states)b::smallint[] is null or v.state = any(%(states)b::smallint[]))
      and (%(created_after)b::timestamptz is null or v.created_at > %(created_after)b::timestamptz)
      and (%(created_before)b::timestamptz is null or v.created_at < %(created_before)b::timestamptz)
    order by f.run_id desc
    limit %(limit)b
  ) v
  left join lateral (
    select '{' || string_agg(to_json(key)::text || ':' || value, ',' order by key) || '}' as attributes
    from attributes where run_id = v.id
  ) a on true
) r
left join children c on c.run_id = r.id
join namespaces n on n.id = r.namespace_id
join workflows w on w.id = r.workflow_id
where coalesce(r.bytes_before, 0) < %(max_bytes)b
order by r.id desc

-- name: published_of_run
-- By key, as many as fit.
select key, value
from (
  select key, value, sum(octet_length(key) + octet_length(value)) over (order by key) as bytes
  from published where run_id = %(run_id)b
) p
where bytes <= %(max_bytes)b
order by key

-- name: steps_of_run
-- LEASED is derived here. Payloads are left out once those before take up the bound, items of a foreach last. Only of
-- the last `most` steps: code may make any number (null: all).
select s.key, s.position, s.item, case when l.run_id is null then s.state else 3::smallint end as state, s.attempt,
  case when s.fits then s.input end as input, case when s.fits then s.output end as output,
  case when s.fits then s.failure end as failure,
  coalesce(l.worker, s.worker) as worker, s.due_at, s.ready_at, coalesce(l.leased_at, s.started_at) as started_at,
  s.ended_at, s.items, s.items_finished, s.definition, c.child
from (
  select *, coalesce(sum(coalesce(octet_length(input), 0) + coalesce(octet_length(output), 0)
                         + coalesce(octet_length(failure), 0))
                     over (order by item is not null, position, item), 0) <= %(max_bytes)b as fits
  from (select * from steps where run_id = %(run_id)b order by position desc limit %(most)b::bigint) s
) s
left join leases l on l.run_id = %(run_id)b and l.step = s.key
left join (
  select step, max(run_id) as child from children where parent_run_id = %(run_id)b group by step
) c on c.step = s.key
order by s.position, s.item nulls first

-- name: events_after
select seq, type, at, step, attempt, worker, started_at, payload, failure, data, found
from (
  select *, count(*) over () as found,
    sum(256 + coalesce(octet_length(payload), 0) + coalesce(octet_length(failure), 0)
        + coalesce(octet_length(data), 0))
      over (order by seq rows between unbounded preceding and 1 preceding) as bytes_before
  from (select * from events where run_id = %(run_id)b and seq > %(seq)b order by seq limit %(limit)b) e
) e
where coalesce(bytes_before, 0) < %(max_bytes)b
order by seq

-- name: chunks_after
-- The streams of a run are found by one index probe each; of every stream what lies after the position already seen.
with recursive streams (step, attempt) as (
  (select step, attempt from chunks where run_id = %(run_id)b order by step, attempt limit 1)
  union all
  select n.step, n.attempt
  from streams s
  cross join lateral (
    select c.step, c.attempt from chunks c
    where c.run_id = %(run_id)b and (c.step, c.attempt) > (s.step, s.attempt)
    order by c.step, c.attempt limit 1
  ) n
)
select step, attempt, seq, payload, at
from (
  select c.*, sum(64 + octet_length(payload)) over (
    order by step, attempt, seq rows between unbounded preceding and 1 preceding) as bytes_before
  from (
    select s.step, s.attempt, n.seq, n.payload, n.at
    from streams s
    left join unnest(%(steps)b::text[], %(attempts)b::integer[], %(seqs)b::bigint[]) as seen (step, attempt, seq)
      on seen.step = s.step and seen.attempt = s.attempt
    cross join lateral (
      select c.seq, c.payload, c.at from chunks c
      where c.run_id = %(run_id)b and c.step = s.step and c.attempt = s.attempt and c.seq > coalesce(seen.seq, 0)
      order by c.seq limit %(limit)b
    ) n
    order by s.step, s.attempt, n.seq
    limit %(limit)b
  ) c
) c
where coalesce(bytes_before, 0) < %(max_bytes)b
order by step, attempt, seq

-- name: get_dead_letter
select d.id, d.workflow_id, w.name as workflow, d.run_id, d.step, d.attempt, d.queue, d.action, d.reason, d.failure,
  d.input, d.state, d.created_at, d.resolved_at, d.requeued_run_id
from dead_letters d
join namespaces n on n.id = d.namespace_id
join workflows w on w.id = d.workflow_id
where d.id = %(id)b and n.name = %(namespace)b

-- name: list_open_dead_letters
-- Newest first along dead_letters_open.
select d.id, d.workflow_id, w.name as workflow, d.run_id, d.step, d.attempt, d.queue, d.action, d.reason, d.failure,
  d.input, d.state, d.created_at, d.resolved_at, d.requeued_run_id, d.found
from (
  select v.*, count(*) over () as found,
    sum(512 + octet_length(failure) + coalesce(octet_length(input), 0))
      over (order by id desc rows between unbounded preceding and 1 preceding) as bytes_before
  from (
    select d.* from dead_letters d
    where d.namespace_id = (select id from namespaces where name = %(namespace)b)
      and d.state = 1 and d.id < %(before_id)b
      and (%(workflow)b::text is null
           or d.workflow_id in (select w.id from workflows w where w.name = %(workflow)b::text))
      and (%(action)b::text is null or d.action = %(action)b::text)
      and (%(run_id)b::bigint is null or d.run_id = %(run_id)b::bigint)
    order by d.id desc
    limit %(limit)b
  ) v
) d
join workflows w on w.id = d.workflow_id
where coalesce(d.bytes_before, 0) < %(max_bytes)b
order by d.id desc

-- name: list_dead_letters
-- Newest first, whatever became of them.
select d.id, d.workflow_id, w.name as workflow, d.run_id, d.step, d.attempt, d.queue, d.action, d.reason, d.failure,
  d.input, d.state, d.created_at, d.resolved_at, d.requeued_run_id, d.found
from (
  select v.*, count(*) over () as found,
    sum(512 + octet_length(failure) + coalesce(octet_length(input), 0))
      over (order by id desc rows between unbounded preceding and 1 preceding) as bytes_before
  from (
    select d.* from dead_letters d
    where d.namespace_id = (select id from namespaces where name = %(namespace)b)
      and d.state = any(%(states)b::smallint[]) and d.id < %(before_id)b
      and (%(workflow)b::text is null
           or d.workflow_id in (select w.id from workflows w where w.name = %(workflow)b::text))
      and (%(action)b::text is null or d.action = %(action)b::text)
      and (%(run_id)b::bigint is null or d.run_id = %(run_id)b::bigint)
    order by d.id desc
    limit %(limit)b
  ) v
) d
join workflows w on w.id = d.workflow_id
where coalesce(d.bytes_before, 0) < %(max_bytes)b
order by d.id desc

-- name: list_workers
select w.id, w.queue, w.actions, w.slots, w.sdk, w.host, w.first_seen_at, w.seen_at,
  coalesce(held.leased, 0) as leased, w.seen_at > now() - make_interval(secs => %(live_s)b) as live
from workers w
join namespaces n on n.id = w.namespace_id
left join (
  select a.namespace_id, l.worker, count(*)::integer as leased
  from leases l join lanes a on a.id = l.lane
  group by 1, 2
) held on held.namespace_id = w.namespace_id and held.worker = w.id
where n.name = %(namespace)b
order by w.seen_at desc, w.id
limit %(limit)b

-- name: list_served
-- Who serves which action: for saying why a task waits. A lane remembers when the last worker was seen whose row is gone,
-- and `polled` are those that somebody waits on at this moment.
select s.queue, s.action, max(s.seen_at) as seen_at, bool_or(s.live) as live,
  extract(epoch from clock_timestamp() - max(s.seen_at))::float8 as seen_ago_s
from (
  select w.queue, a.action, w.seen_at, w.seen_at > clock_timestamp() - make_interval(secs => %(live_s)b) as live
  from workers w
  join namespaces n on n.id = w.namespace_id
  cross join unnest(w.actions) as a (action)
  where n.name = %(namespace)b
  union all
  select l.queue, l.action, case when p.lane is null then l.seen_at else clock_timestamp() end, p.lane is not null
  from lanes l
  join namespaces n on n.id = l.namespace_id
  left join unnest(%(polled)b::integer[]) as p (lane) on p.lane = l.id
  where n.name = %(namespace)b and (l.seen_at is not null or p.lane is not null)
) s
group by s.queue, s.action

-- name: list_queues
-- The lanes that anything was ever sent to; the workers serving each as of their last sign of life.
select a.queue, a.action, coalesce(r.ready, 0) as ready, r.oldest_ready_at, coalesce(l.leased, 0) as leased,
  (select count(*)::integer from workers w
   where w.namespace_id = a.namespace_id and w.queue = a.queue and a.action = any(w.actions)
     and w.seen_at > now() - make_interval(secs => %(live_s)b)) as workers
from lanes a
join namespaces n on n.id = a.namespace_id
left join (select lane, count(*) as ready, min(at) as oldest_ready_at from ready group by lane) r on r.lane = a.id
left join (select lane, count(*) as leased from leases group by lane) l on l.lane = a.id
where n.name = %(namespace)b
order by a.queue, a.action

-- name: database_now
select clock_timestamp() as now

-- name: get_run_head
-- What a reader of its steps has to know of a run.
select r.id, n.name as namespace, r.workflow_id, r.state, r.seq, r.decided
from runs r
join namespaces n on n.id = r.namespace_id
where r.id = %(run_id)b and n.name = %(namespace)b

-- name: list_steps
-- In definition order, a foreach before its items, from behind (position, item) on; LEASED is derived here.
select s.key, s.position, s.item, s.state, s.attempt, s.input, s.output, s.failure, s.worker, s.due_at, s.ready_at,
  s.started_at, s.ended_at, s.items, s.items_finished, s.definition,
  (select max(c.run_id) from children c where c.parent_run_id = %(run_id)b and c.step = s.key) as child, s.found
from (
  select v.*, count(*) over () as found,
    sum(128 + coalesce(octet_length(input), 0) + coalesce(octet_length(output), 0) + coalesce(octet_length(failure), 0))
      over (order by position, coalesce(item, -1) rows between unbounded preceding and 1 preceding) as bytes_before
  from (
    select s.key, s.position, s.item, case when l.run_id is null then s.state else 3::smallint end as state, s.attempt,
      case when %(payloads)b then s.input end as input, case when %(payloads)b then s.output end as output, s.failure,
      coalesce(l.worker, s.worker) as worker, s.due_at, s.ready_at, coalesce(l.leased_at, s.started_at) as started_at,
      s.ended_at, s.items, s.items_finished, s.definition
    from steps s
    left join leases l on l.run_id = s.run_id and l.step = s.key
    where s.run_id = %(run_id)b
      and (s.position, coalesce(s.item, -1)) > (%(position)b::bigint, %(item)b::bigint)
      and (s.item is null or not %(omit_items)b)
      and (%(keys)b::text[] is null or s.key = any(%(keys)b::text[]))
      and (%(states)b::smallint[] is null
           or case when l.run_id is null then s.state else 3::smallint end = any(%(states)b::smallint[]))
    order by s.position, coalesce(s.item, -1)
    limit %(limit)b
  ) v
) s
where coalesce(s.bytes_before, 0) < %(max_bytes)b
order by s.position, coalesce(s.item, -1)

-- name: outline_of_steps
-- How many steps, and items, of each place of the definition are in which state.
select s.position, s.item is not null as item, case when l.run_id is null then s.state else 3::smallint end as state,
  count(*)::integer as count
from steps s
left join leases l on l.run_id = s.run_id and l.step = s.key
where s.run_id = %(run_id)b
group by 1, 2, 3

-- name: attempts_of_steps
-- The newest: how they ended and when child runs began. Failures are left out once newer ones take up the bound.
select step, type, at, attempt, worker, started_at, case when fits then failure end as failure
from (
  select *, sum(coalesce(octet_length(failure), 0)) over (order by seq desc) <= %(max_bytes)b as fits
  from (
    select * from events
    where run_id = %(run_id)b and step = any(%(keys)b::text[]) and type = any(%(types)b::smallint[]) and attempt > 0
    order by seq desc
    limit %(limit)b
  ) e
) e
order by seq
