-- What one run waits for: all of it is read in one snapshot, from the rows that hand-outs, timers and the auditor go by.

-- name: run
-- `about` is what the last event of an ended run says; `told` that its parent's end is on its way to it.
select r.id, r.namespace_id, r.workflow_id, w.name as workflow, r.state, r.failure, r.block_reason, r.decided,
  case when r.state = 10 then r.output end as output, r.deadline, r.created_at, r.ended_at, p.build,
  (select e.data from events e where r.state >= 5 and e.run_id = r.id and e.seq = r.seq) as about,
  exists (select from timers t where t.run_id = r.id and t.kind in (7, 8)) as told,
  clock_timestamp() as now
from runs r
join namespaces n on n.id = r.namespace_id
join workflows w on w.id = r.workflow_id
left join parked p on p.run_id = r.id
where r.id = %(run_id)b and n.name = %(namespace)b

-- name: join_large
-- For the statement below, until the transaction says 'on' again: the planner takes a queue-like table that it once saw
-- empty for empty for ever, and would go through all leases of a run once a step.
select set_config('enable_nestloop', %(how)b, true)

-- name: waits
-- Every open step with the row that will move it. Alike ones are one row: items of one foreach, and steps of code that
-- are described in the same words; in the same lane, held by the same worker, with children in the same state. The row
-- is that of the one whose turn comes first; `alike` says how many there are, `found` how many such rows of its sort.
select what, key, state, timed, attempt, position, definition, moment, timeout_at, deadline, lane, rank, number, worker, child,
  child_state, child_workflow, letter, reason,
  (select s.failure from steps s where s.run_id = %(run_id)b and s.key = g.key) as failure,
  (select max(d.attempt) from dead_letters d where d.run_id = %(run_id)b and d.step = g.key and d.state = 2) as base,
  alike, found
from (
  select g.*, count(*) over (partition by what) as found,
    row_number() over (partition by what order by child_state = 4 desc nulls last, moment, position, item) as turn
  from (
    select w.*, count(*) over same as alike,
      row_number() over (same order by moment, rank, number, position, item) as place
    from (
      select s.key, s.state, s.due_at is not null as timed, s.attempt, s.position, s.item, s.definition, q.lane, q.rank, q.id as number, l.worker,
        l.deadline, c.run_id as child, c.state as child_state, c.name as child_workflow, d.id as letter, d.reason,
        t.timeout_at,
        case when s.state = 9 then 'DEAD' when l.worker is not null then 'HELD' when q.lane is not null then 'QUEUED'
          when s.state = 2 then 'LOST' when t.retry_at is not null then 'RETRY' when t.sleep_at is not null then 'SLEEP'
          when t.told then 'NEWS' when s.attempt = 0 then 'SIGNAL' when c.state < 5 then 'CHILD' else 'LOST' end as what,
        case when s.state = 9 then s.ended_at when l.worker is not null then l.leased_at
          when q.lane is not null then q.at else coalesce(t.retry_at, t.sleep_at, s.ready_at) end as moment
      from steps s
      left join ready q on q.run_id = %(run_id)b and q.step = s.key
      left join leases l on l.run_id = %(run_id)b and l.step = s.key
      left join (
        select step, min(due_at) filter (where kind = 1) as retry_at, min(due_at) filter (where kind = 2) as sleep_at,
          min(due_at) filter (where kind in (3, 4)) as timeout_at, bool_or(kind = 6) as told
        from timers where run_id = %(run_id)b group by step
      ) t on t.step = s.key
      left join (
        select distinct on (c.step) c.step, k.id as run_id, k.state, v.name
        from children c join runs k on k.id = c.run_id join workflows v on v.id = k.workflow_id
        where c.parent_run_id = %(run_id)b order by c.step, c.run_id desc
      ) c on c.step = s.key
      left join dead_letters d
        on s.state = 9 and d.run_id = %(run_id)b and d.step = s.key and d.attempt = s.attempt and d.state = 1
      where s.run_id = %(run_id)b and s.items is null and (s.state in (2, 4) or s.state = 9 and d.id is not null)
    ) w
    window same as (
      partition by what, coalesce(definition, ''), case when definition is null then position end, lane, worker, child_state)
  ) g
  where place = 1
) g
where turn <= %(most)b
order by what, turn

-- name: decision
-- Where the code of a run stands: its decision queued, held or to be tried again, and whether it was told to end.
select q.lane, q.rank, q.id as number, q.at as queued_at, l.worker, l.leased_at, l.attempt as held_attempt, t.due_at,
  f.attempt as failed_attempt, f.failure, c.at as cancel_at, c.data as cancel
from (select %(run_id)b::bigint as id) r
left join ready q on q.run_id = r.id and q.step = %(step)b
left join leases l on l.run_id = r.id and l.step = %(step)b
left join timers t on t.run_id = r.id and t.step = %(step)b and t.kind = 1
left join lateral (
  select attempt, failure from events where run_id = r.id and type = 41 and t.due_at is not null order by seq desc limit 1
) f on true
left join lateral (select at, data from events where run_id = r.id and type = 10 order by seq desc limit 1) c on true

-- name: lanes
-- Who serves the lanes of these tasks, how much of that is taken, and how many tasks of each go out before.
with held as (
  select l.worker, count(*)::integer as tasks
  from leases l join lanes a on a.id = l.lane
  where a.namespace_id = %(namespace)b and left(a.action, 9) <> 'workflow:'
  group by 1
)
select a.id as lane, a.queue, a.action, t.number, count(w.id)::integer as workers,
  coalesce(sum(w.slots), 0)::integer as slots, coalesce(sum(least(coalesce(h.tasks, 0), w.slots)), 0)::integer as busy,
  (select count(*)::integer from (
    select from ready r where r.lane = a.id and (r.rank, r.id) < (t.rank, t.number) limit %(most)b) b) as ahead
from unnest(%(lanes)b, %(ranks)b, %(numbers)b) as t(lane, rank, number)
join lanes a on a.id = t.lane
left join workers w on w.namespace_id = a.namespace_id and w.queue = a.queue and a.action = any(w.actions)
  and w.seen_at > clock_timestamp() - make_interval(secs => %(live_s)b)
left join held h on h.worker = w.id
group by a.id, t.rank, t.number
