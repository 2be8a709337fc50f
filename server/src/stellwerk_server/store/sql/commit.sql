-- The statements of the committer: one batch, in this order. Lock order everywhere: keys, runs, leases, ready.

-- name: clock
-- The transaction's time; everything a batch decides happens at it.
select clock_timestamp()

-- name: claim_keys
-- The row decides who owns a key. Only rows that became ours are returned; an expired key may be taken over.
-- Sorted by the caller, so that two batches never wait for each other.
insert into idempotency_keys as k (namespace_id, workflow, key, run_id, digest, expires_at)
select n, w, x, r, d, clock_timestamp() + make_interval(secs => %(ttl_s)b)
from unnest(%(namespaces)b, %(workflows)b, %(keys)b, %(runs)b, %(digests)b) as t(n, w, x, r, d)
on conflict (namespace_id, workflow, key) do update
  set run_id = excluded.run_id, digest = excluded.digest, expires_at = excluded.expires_at
  where k.expires_at <= clock_timestamp()
returning namespace_id, workflow, key, expires_at

-- name: read_keys
select k.namespace_id, k.workflow, k.key, k.run_id, k.digest, k.expires_at
from idempotency_keys k
join unnest(%(namespaces)b, %(workflows)b, %(keys)b) as t(n, w, x)
  on k.namespace_id = t.n and k.workflow = t.w and k.key = t.x

-- name: move_keys
update idempotency_keys k set run_id = t.r
from unnest(%(namespaces)b, %(workflows)b, %(keys)b, %(runs)b) as t(n, w, x, r)
where k.namespace_id = t.n and k.workflow = t.w and k.key = t.x

-- name: read_requests
-- Starts that were sent before.
select namespace_id, request_id, id from runs where request_id = any(%(requests)b)

-- name: lock_runs
select id, seq from runs where id = any(%(runs)b) order by id for update

-- name: lock_leases
-- The fence: a command's token must be that of the lease, which is then held until the batch is done with it.
-- Lateral, so that the keys drive the search: the planner takes a queue-like table it once saw empty for empty for ever.
select l.run_id, l.step, l.token, l.worker, l.leased_at, l.place
from unnest(%(runs)b, %(steps)b, %(attempts)b, %(tokens)b) as t(run_id, step, attempt, token)
cross join lateral (
  select x.*, x.ctid as place from leases x
  where x.run_id = t.run_id and x.step = t.step and x.attempt = t.attempt and x.token = t.token
  for update
) l

-- name: take_timers
-- A timer fires once and never early. By place for the reason above; the run's lock keeps the rows where they are.
delete from timers where ctid = any(array(
  select x.place
  from unnest(%(runs)b, %(steps)b, %(kinds)b) as f(run_id, step, kind)
  cross join lateral (
    select t.ctid as place from timers t
    where t.run_id = f.run_id and t.step = f.step and t.kind = f.kind and t.due_at <= clock_timestamp()
    offset 0
  ) x
))
returning run_id, step, kind

-- name: hold_ready
-- Before read_leases: it waits for a claim under way, whose lease the next statement then sees, and lets none begin.
select from unnest(%(runs)b, %(steps)b) as t(run_id, step)
cross join lateral (select from ready x where x.run_id = t.run_id and x.step = t.step for update) r

-- name: read_leases
select l.run_id, l.step, l.worker, l.leased_at
from leases l join unnest(%(runs)b, %(steps)b) as t(run_id, step) on l.run_id = t.run_id and l.step = t.step

-- name: read_run
select id, workflow_id, input, idempotency_key, request_id, trace, forked_from, deadline
from runs where id = any(%(runs)b)

-- name: read_events
-- What a cached run has missed.
select e.run_id, e.seq, e.type, e.at, e.step, e.attempt, e.worker, e.started_at, e.payload, e.failure, e.data
from events e join unnest(%(runs)b, %(after)b) as t(run_id, seq) on e.run_id = t.run_id and e.seq > t.seq
order by e.run_id, e.seq

-- name: read_ends
select id, state, output, failure from runs where id = any(%(runs)b) and state >= 5

-- name: read_states
select id, state from runs where id = any(%(runs)b)

-- name: read_children
select parent_run_id, run_id from children where parent_run_id = any(%(runs)b)

-- name: read_tasks
-- In one look: a claim under way moves them from the one to the other.
select run_id, step, false from ready where run_id = any(%(runs)b)
union all
select run_id, step, true from leases where run_id = any(%(runs)b)

-- name: read_timers
select run_id, step, kind from timers where run_id = any(%(runs)b)

-- name: insert_runs
insert into runs (id, namespace_id, workflow_id, state, seq, input, output, failure, block_reason, idempotency_key,
                  request_id, forked_from, trace, deadline, created_at, ended_at, decided)
select * from unnest(%(id)b, %(namespace)b, %(workflow)b, %(state)b, %(seq)b, %(input)b, %(output)b, %(failure)b,
                     %(block_reason)b, %(key)b, %(request)b, %(forked_from)b, %(trace)b, %(deadline)b,
                     %(created_at)b, %(ended_at)b, %(decided)b)

-- name: update_runs
update runs r
set seq = t.seq, state = t.state, output = t.output, failure = t.failure, block_reason = t.block_reason,
    ended_at = t.ended_at, decided = t.decided
from unnest(%(id)b, %(state)b, %(seq)b, %(output)b, %(failure)b, %(block_reason)b, %(ended_at)b, %(decided)b)
  as t(id, state, seq, output, failure, block_reason, ended_at, decided)
where r.id = t.id

-- name: insert_events
insert into events (run_id, seq, type, at, step, attempt, worker, started_at, payload, failure, data)
select r, s, ty, %(at)b, st, a, w, sa, p, f, d
from unnest(%(run)b, %(seq)b, %(type)b, %(step)b, %(attempt)b, %(worker)b, %(started_at)b, %(payload)b,
            %(failure)b, %(data)b) as t(r, s, ty, st, a, w, sa, p, f, d)

-- name: insert_move
-- Its number is taken under the locks of these runs, so that of one run it never goes back.
insert into moves (at, runs, namespaces, firsts, lasts)
values (%(at)b, %(runs)b, %(namespaces)b, %(firsts)b, %(lasts)b)

-- name: insert_steps
insert into steps (run_id, key, position, item, state, attempt, input, output, failure, worker, due_at, ready_at,
                   started_at, ended_at, items, items_finished, definition)
select * from unnest(%(run)b, %(key)b, %(position)b, %(item)b, %(state)b, %(attempt)b, %(input)b, %(output)b,
                     %(failure)b, %(worker)b, %(due_at)b, %(ready_at)b, %(started_at)b, %(ended_at)b, %(items)b,
                     %(items_finished)b, %(definition)b)

-- name: update_steps
update steps s
set state = t.state, attempt = t.attempt, output = t.output, failure = t.failure, worker = t.worker,
    due_at = t.due_at, ready_at = t.ready_at, started_at = t.started_at, ended_at = t.ended_at,
    items_finished = t.items_finished
from unnest(%(run)b, %(key)b, %(state)b, %(attempt)b, %(output)b, %(failure)b, %(worker)b, %(due_at)b,
            %(ready_at)b, %(started_at)b, %(ended_at)b, %(items_finished)b)
  as t(run_id, key, state, attempt, output, failure, worker, due_at, ready_at, started_at, ended_at, items_finished)
where s.run_id = t.run_id and s.key = t.key

-- name: take_leases
-- Those that lock_leases holds and a command has used up.
delete from leases where ctid = any(%(places)b)

-- name: delete_ready
-- Before delete_leases: it waits for a claim under way, whose lease the next statement then sees.
delete from ready r using unnest(%(runs)b, %(steps)b) as t(run_id, step)
where r.run_id = t.run_id and r.step = t.step

-- name: delete_leases
delete from leases l using unnest(%(runs)b, %(steps)b) as t(run_id, step)
where l.run_id = t.run_id and l.step = t.step
returning l.run_id, l.step, l.attempt, l.token, l.worker

-- name: delete_ready_of_runs
delete from ready where run_id = any(%(runs)b)

-- name: delete_leases_of_runs
delete from leases where run_id = any(%(runs)b) returning run_id, step, attempt, token, worker

-- name: delete_timers_of_runs
-- All but the words of a parent's end: when the run was continued, the run that goes on has yet to hear them.
delete from timers where run_id = any(%(runs)b) and kind not in (7, 8)

-- name: insert_ready
insert into ready (run_id, step, attempt, lane, rank, id, attempt_s, at)
select r, s, a, l, k, i, x, %(at)b from unnest(%(run)b, %(step)b, %(attempt)b, %(lane)b, %(rank)b, %(id)b, %(attempt_s)b)
  as t(r, s, a, l, k, i, x)

-- name: insert_leases
insert into leases (run_id, step, attempt, token, worker, lane, leased_at, expires_at, deadline)
select r, s, a, k, w, l, %(at)b, e, d
from unnest(%(run)b, %(step)b, %(attempt)b, %(token)b, %(worker)b, %(lane)b, %(expires_at)b, %(deadline)b)
  as t(r, s, a, k, w, l, e, d)

-- name: delete_timers
delete from timers where ctid = any(array(
  select x.place
  from unnest(%(runs)b, %(steps)b, %(kinds)b) as f(run_id, step, kind)
  cross join lateral (
    select t.ctid as place from timers t
    where t.run_id = f.run_id and t.step = f.step and t.kind = f.kind
    offset 0
  ) x
))

-- name: insert_timers
insert into timers (run_id, step, kind, due_at)
select * from unnest(%(runs)b, %(steps)b, %(kinds)b, %(due_at)b)
on conflict (run_id, step, kind) do update set due_at = excluded.due_at

-- name: insert_children
insert into children (run_id, parent_run_id, step)
select * from unnest(%(run)b, %(parent)b, %(step)b)

-- name: publish
insert into published (run_id, key, value)
select * from unnest(%(run)b, %(key)b, %(value)b)
on conflict (run_id, key) do update set value = excluded.value

-- name: set_attributes
insert into attributes (run_id, key, value, namespace_id)
select * from unnest(%(run)b, %(key)b, %(value)b, %(namespace)b)
on conflict (run_id, key) do update set value = excluded.value

-- name: remove_attributes
delete from attributes a using unnest(%(runs)b, %(keys)b) as t(run_id, key) where a.run_id = t.run_id and a.key = t.key

-- name: park
insert into parked (run_id, namespace_id, workflow, build, reason)
select * from unnest(%(run)b, %(namespace)b, %(workflow)b, %(build)b, %(reason)b)
on conflict (run_id) do update set build = excluded.build, reason = excluded.reason

-- name: unpark
delete from parked where run_id = any(%(runs)b)

-- name: insert_dead_letters
insert into dead_letters (id, namespace_id, workflow_id, run_id, step, attempt, queue, action, reason, failure, input,
                          created_at)
select i, n, wf, r, s, a, q, ac, re, f, p, %(at)b
from unnest(%(id)b, %(namespace)b, %(workflow)b, %(run)b, %(step)b, %(attempt)b, %(queue)b, %(action)b, %(reason)b,
            %(failure)b, %(input)b) as t(i, n, wf, r, s, a, q, ac, re, f, p)

-- name: resolve_dead_letters
update dead_letters d set state = t.state, resolved_at = clock_timestamp(), requeued_run_id = t.requeued
from unnest(%(runs)b, %(steps)b, %(attempts)b, %(states)b, %(requeued)b) as t(run_id, step, attempt, state, requeued)
where d.run_id = t.run_id and d.step = t.step and d.attempt = t.attempt and d.state = 1
