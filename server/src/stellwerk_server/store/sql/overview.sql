-- How everything stands: for the operator's first page, the metrics, and the auditor of runs that nothing will move.

-- name: list_timers
-- Soonest first along timers_due. Messages between runs (kinds above 5) are due at once and no timers to anybody.
select t.run_id, t.workflow_id, t.workflow, t.step, t.kind, t.due_at, s.definition, t.found
from (
  select v.*, count(*) over () as found
  from (
    select t.run_id, t.step, t.kind, t.due_at, w.id as workflow_id, w.name as workflow
    from timers t
    join runs r on r.id = t.run_id
    join workflows w on w.id = r.workflow_id
    where r.namespace_id = (select id from namespaces where name = %(namespace)b) and t.kind <= 5
      and (%(workflow)b::text is null or w.name = %(workflow)b::text)
      and (t.due_at, t.run_id, t.kind, t.step)
          > (%(due_at)b::timestamptz, %(run_id)b::bigint, %(kind)b::bigint, %(step)b::text)
    order by t.due_at, t.run_id, t.kind, t.step
    limit %(limit)b
  ) v
) t
left join steps s on s.run_id = t.run_id and s.key = t.step
where %(max_bytes)b::bigint > 0
order by t.due_at, t.run_id, t.kind, t.step

-- name: overview
select clock_timestamp() as now,
  (select count(*) from dead_letters where namespace_id = n.id and state = 1) as dead_letters,
  coalesce(t.ready, 0) as ready, t.oldest_ready_at,
  (select count(*) from leases l join lanes a on a.id = l.lane where a.namespace_id = n.id) as leased,
  (select count(*)::integer from workers where namespace_id = n.id
     and seen_at > now() - make_interval(secs => %(live_s)b)) as workers,
  (select count(*) from timers t join runs r on r.id = t.run_id where r.namespace_id = n.id and t.kind <= 5) as timers,
  (select count(*) from stalled where namespace_id = n.id) as stalled
from (select (select id from namespaces where name = %(namespace)b) as id) n
left join lateral (
  select count(*) as ready, min(r.at) as oldest_ready_at
  from ready r join lanes a on a.id = r.lane where a.namespace_id = n.id
) t on true

-- name: open_runs
-- Along runs_state; what has ended is not looked at.
select n.name as namespace, r.state, count(*) as count
from namespaces n
join runs r on r.namespace_id = n.id and r.state in (1, 2, 3, 4)
where %(namespace)b::text is null or n.name = %(namespace)b::text
group by 1, 2

-- name: recent_activity
select minute, started, succeeded, failed, ended_otherwise
from activity
where namespace_id = (select id from namespaces where name = %(namespace)b)
  and minute > now() - make_interval(mins => %(minutes)b)
order by minute

-- name: add_activity
-- In key order, so that two servers never wait for each other.
insert into activity (namespace_id, minute, started, succeeded, failed, ended_otherwise)
select * from unnest(%(namespaces)b, %(minutes)b, %(started)b, %(succeeded)b, %(failed)b, %(otherwise)b)
  as t(namespace_id, minute, started, succeeded, failed, ended_otherwise)
order by namespace_id, minute
on conflict (namespace_id, minute) do update set started = activity.started + excluded.started,
  succeeded = activity.succeeded + excluded.succeeded, failed = activity.failed + excluded.failed,
  ended_otherwise = activity.ended_otherwise + excluded.ended_otherwise

-- name: forget_old_activity
delete from activity where (namespace_id, minute) in (
  select namespace_id, minute from activity where minute < now() - make_interval(secs => %(older_s)b) limit %(count)b)

-- name: take_audit
-- The turn to look, for one server at a time, and where to go on.
update auditor set at = clock_timestamp() where at < clock_timestamp() - make_interval(secs => %(every_s)b)
returning namespace_id, after

-- name: leave_audit
update auditor set namespace_id = %(namespace)b, after = %(after)b

-- name: namespaces_from
select id, name from namespaces where id >= %(from)b order by id limit 1

-- name: stalled_runs
-- The next open runs of a namespace along runs_state, and which of them have a step that nothing will move, or nothing
-- that moves them at all: no task waits or is held, no timer, signal or child run will make one. Timeouts only end
-- things, so they are no reason to go on; a BLOCKED run waits for somebody. A step that waits in its attempt 0 sleeps (a
-- SLEEP timer) or awaits a signal (no time, or only a timeout), in a later one for its retry or its child.
with slice as (
  (select id, state, workflow_id, created_at from runs
   where namespace_id = %(namespace)b and state = 2 and id > %(after)b order by id limit %(count)b)
  union all
  (select id, state, workflow_id, created_at from runs
   where namespace_id = %(namespace)b and state = 4 and id > %(after)b order by id limit %(count)b)
  order by id limit %(count)b
), found as (
  select r.id, r.workflow_id, s.key, s.state, s.due_at
  from slice r
  left join lateral (
    select s.key, s.state, s.due_at
    from steps s
    where s.run_id = r.id and s.items is null and case s.state
      when 2 then
        not exists (select from ready q where q.run_id = s.run_id and q.step = s.key)
        and not exists (select from leases l where l.run_id = s.run_id and l.step = s.key)
      when 4 then case
        when s.due_at is not null then
          not exists (select from timers t where t.run_id = s.run_id and t.step = s.key and t.kind in (1, 2, 3))
        when s.attempt > 0 then
          not exists (
            select from children c join runs k on k.id = c.run_id and k.state < 5
            where c.parent_run_id = s.run_id and c.step = s.key)
          and not exists (select from timers t where t.run_id = s.run_id and t.step = s.key and t.kind = 6)
        else false end
      else false end
    order by s.position, s.item
    limit 1
  ) s on true
  where r.created_at < clock_timestamp() - make_interval(secs => %(older_s)b)
    and (s.key is not null or r.state = 2
      and not exists (select from ready q where q.run_id = r.id)
      and not exists (select from leases l where l.run_id = r.id)
      and not exists (select from timers t where t.run_id = r.id and t.kind not in (3, 4, 5))
      and not exists (
        select from steps s
        where s.run_id = r.id and s.state = 4 and s.items is null and (
          (s.attempt = 0 and (s.due_at is null
            or exists (select from timers t where t.run_id = s.run_id and t.step = s.key and t.kind = 3)))
          or exists (
            select from children c join runs k on k.id = c.run_id and k.state < 5
            where c.parent_run_id = s.run_id and c.step = s.key))))
)
select (select max(id) from slice) as last, (select count(*) from slice) as looked,
  coalesce(array_agg(f.id order by f.id), '{}') as stalled,
  coalesce(array_agg(w.name order by f.id), '{}') as workflows,
  coalesce(array_agg(f.key order by f.id), '{}') as steps,
  coalesce(array_agg(f.state order by f.id), '{}') as states,
  coalesce(array_agg(f.due_at is not null order by f.id), '{}') as timed
from found f join workflows w on w.id = f.workflow_id

-- name: note_stalled
-- Only those that were not known.
insert into stalled (run_id, namespace_id, found_at)
select r, %(namespace)b, clock_timestamp() from unnest(%(runs)b) as t(r)
on conflict (run_id) do nothing
returning run_id

-- name: forget_stalled
-- Of the runs that were looked at, those that are well again, or over.
delete from stalled
where namespace_id = %(namespace)b and run_id > %(after)b and (%(last)b::bigint is null or run_id <= %(last)b::bigint)
  and run_id <> all(%(runs)b)

-- name: stalled_gauges
select n.name as namespace, count(s.run_id) as count
from namespaces n
left join stalled s on s.namespace_id = n.id
group by 1

-- name: lane_gauges
-- Every lane that anything was ever sent to; those of builds only while something waits there.
select n.name as namespace, a.queue, a.action, coalesce(r.ready, 0) as ready, coalesce(r.age_s, 0.0) as age_s
from lanes a
join namespaces n on n.id = a.namespace_id
left join (
  select lane, count(*) as ready, greatest(0, extract(epoch from clock_timestamp() - min(at)))::float8 as age_s
  from ready group by lane
) r on r.lane = a.id
where r.lane is not null or position('@' in a.action) = 0
order by a.id
limit %(limit)b

-- name: dead_gauges
select n.name as namespace, d.queue, d.action, d.dead
from (
  select namespace_id, queue, action, count(*) as dead from dead_letters where state = 1 group by 1, 2, 3 limit %(limit)b
) d
join namespaces n on n.id = d.namespace_id

-- name: worker_gauges
select n.name as namespace, w.queue, count(*) as workers, sum(w.slots)::bigint as slots,
  sum(least(coalesce(held.leased, 0), w.slots))::bigint as used
from workers w
join namespaces n on n.id = w.namespace_id
left join (
  select a.namespace_id, l.worker, count(*) as leased
  from leases l join lanes a on a.id = l.lane
  group by 1, 2
) held on held.namespace_id = w.namespace_id and held.worker = w.id
where w.seen_at > now() - make_interval(secs => %(live_s)b)
group by 1, 2
limit %(limit)b

-- name: blocked_gauges
-- What block_reason begins with says why; the rest of it is for people.
select n.name as namespace,
  case when r.block_reason like 'step %%' then 'step_dead'
       when r.block_reason like 'NON_DETERMINISM:%%' then 'non_determinism'
       when r.block_reason like 'DECISION_FAILED:%%' then 'decision_failed'
       else 'other' end as reason,
  count(*) as count
from namespaces n
join runs r on r.namespace_id = n.id and r.state = 4
group by 1, 2

-- name: patience
-- For the rest of the transaction.
select set_config('statement_timeout', %(millis)b::text, true)
