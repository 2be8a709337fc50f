-- Hand-outs from the `ready` table, leases and workers. A claim touches `ready` and `leases` only.

-- name: claim
-- All waiting polls of a lane in one statement, oldest of the best rank first. The low-water mark (rank, id) skips the
-- dead index entries that a long snapshot keeps alive.
with picked as (
  select ctid as spot, run_id, step, attempt, rank, id, attempt_s from ready
  where lane = %(lane)b and (rank, id) > (%(rank)b, %(after)b)
  order by rank, id limit %(count)b
  for update skip locked
), gone as (
  delete from ready where ctid = any(array(select spot from picked))
), handed as (
  select p.*, t.token, t.worker, p.n as place, clock_timestamp() as at
  from (select *, row_number() over (order by rank, id) as n from picked) p
  join unnest(%(tokens)b, %(workers)b) with ordinality as t(token, worker, n) on t.n = p.n
), leased as (
  insert into leases (run_id, step, attempt, token, worker, lane, leased_at, expires_at, deadline)
  select run_id, step, attempt, token, worker, %(lane)b, at,
         at + make_interval(secs => least(%(lease_s)b, coalesce(attempt_s, %(lease_s)b))),
         at + make_interval(secs => attempt_s)
  from handed
)
select h.run_id, h.step, h.attempt, h.token, h.worker, h.rank, h.id, s.input, s.position, s.definition, r.workflow_id,
       r.trace, h.at + make_interval(secs => h.attempt_s)
from handed h
left join steps s on s.run_id = h.run_id and s.key = h.step
join runs r on r.id = h.run_id
order by h.place

-- name: news_of_runs
-- What the code of these runs has to see and has not (types: EventType), with how far the history has come.
select r.id, r.seq, r.decided, case when r.decided = 0 then r.input end,
  e.seq, e.type, e.at, e.step, e.attempt, e.worker, e.started_at, e.payload, e.failure, e.data
from unnest(%(runs)b) as t(id)
join runs r on r.id = t.id
left join events e on e.run_id = r.id and e.seq > r.decided and e.type = any(%(types)b)
order by r.id, e.seq

-- name: pulse
-- One look a second for everything that may have been missed: which of these lanes have rows, what is due, what is over.
select clock_timestamp(),
       (select coalesce(array_agg(l), '{}') from unnest(%(lanes)b::integer[]) l where exists (select from ready where lane = l)),
       exists (select from timers where due_at <= clock_timestamp()),
       exists (select from leases where expires_at > %(after)b::timestamptz and expires_at <= clock_timestamp())

-- name: coming_timers
-- What falls due before the next look; every instance arms them, one of them fires each.
select run_id, step, kind, due_at from timers
where due_at <= clock_timestamp() + make_interval(secs => %(ahead_s)b) order by due_at limit %(count)b

-- name: expired_leases
select run_id, step, attempt, token, worker, deadline is not null and deadline <= clock_timestamp(), expires_at
from leases where expires_at > %(after)b::timestamptz and expires_at <= clock_timestamp() order by expires_at limit %(count)b

-- name: leases_of_workers
select run_id, step, attempt, token, worker from leases where worker = any(%(workers)b)

-- name: extend_leases
-- What is returned is still held; what is not has been taken away. Never waits: a commit that holds one of these leases
-- may come for another of them later. Such a lease counts as held, and its worker names it again with the next beat.
with named as (
  select t.run_id, t.step, t.token
  from unnest(%(runs)b, %(steps)b, %(tokens)b) as t(run_id, step, token)
  cross join lateral (
    select from leases x where x.run_id = t.run_id and x.step = t.step and x.token = t.token offset 0
  ) l
), free as (
  select l.place
  from unnest(%(runs)b, %(steps)b, %(tokens)b) as t(run_id, step, token)
  cross join lateral (
    select x.ctid as place from leases x where x.run_id = t.run_id and x.step = t.step and x.token = t.token
    for update skip locked
  ) l
), extended as (
  update leases
  set expires_at = least(clock_timestamp() + make_interval(secs => %(lease_s)b), coalesce(deadline, 'infinity'))
  where ctid = any(array(select place from free))
)
select run_id, step, token from named

-- name: touch_workers
-- Each was heard of so many seconds ago: a row must not say that a worker was there after it was.
insert into workers (namespace_id, id, queue, actions, slots, sdk, host, first_seen_at, seen_at)
select n, i, q, string_to_array(a, ' '), s, k, h, clock_timestamp(), clock_timestamp() - make_interval(secs => g)
from unnest(%(namespaces)b, %(ids)b, %(queues)b, %(actions)b, %(slots)b, %(sdks)b, %(hosts)b, %(ages_s)b)
  as t(n, i, q, a, s, k, h, g)
on conflict (namespace_id, id) do update set seen_at = greatest(workers.seen_at, excluded.seen_at),
  queue = excluded.queue, actions = excluded.actions, slots = excluded.slots, sdk = excluded.sdk, host = excluded.host

-- name: workers_seen
-- Which of these have been seen, by any instance, a moment ago.
select id from workers where id = any(%(ids)b) and seen_at > clock_timestamp() - make_interval(secs => %(within_s)b)

-- name: forget_workers
-- These, or those not seen for so long; the other is null. What they served remembers them. Lanes in id order, so that
-- two servers never wait for each other.
with gone as (
  delete from workers
  where id = any(%(ids)b::text[]) or seen_at < clock_timestamp() - make_interval(secs => %(older_s)b::float8)
  returning namespace_id, queue, actions, seen_at
), served as (
  select l.id, max(g.seen_at) as seen_at
  from gone g
  cross join unnest(g.actions) as a(action)
  join lanes l on l.namespace_id = g.namespace_id and l.queue = g.queue and l.action = a.action
  group by l.id
), locked as (
  select l.id, s.seen_at from served s join lanes l on l.id = s.id order by l.id for update of l
)
update lanes l set seen_at = greatest(l.seen_at, k.seen_at) from locked k where l.id = k.id

-- name: forget_old_keys
delete from idempotency_keys where (namespace_id, workflow, key) in (
  select namespace_id, workflow, key from idempotency_keys where expires_at < clock_timestamp() limit %(count)b)

-- name: forget_old_moves
delete from moves where id in (
  select id from moves where at < clock_timestamp() - make_interval(secs => %(older_s)b) order by id limit %(count)b
)

-- name: forget_old_feed
delete from feed where position in (
  select position from feed where at < clock_timestamp() - make_interval(secs => %(older_s)b)
  order by position limit %(count)b
)

-- name: ended_runs
select id, state, output, failure from runs where id = any(%(runs)b) and state >= 5

-- name: append_chunks
-- Only for current leases, which are returned; what was appended before stays as it is. One statement, so that no lease
-- is found current by one look at the table and gone by the next.
with current as (
  select distinct l.run_id, l.step, l.token, l.attempt from leases l
  join unnest(%(runs)b, %(steps)b, %(tokens)b) as t(run_id, step, token)
    on l.run_id = t.run_id and l.step = t.step and l.token = t.token
), appended as (
  insert into chunks (run_id, step, attempt, seq, payload, at)
  select t.run_id, t.step, l.attempt, t.seq, t.payload, clock_timestamp()
  from unnest(%(runs)b, %(steps)b, %(tokens)b, %(seqs)b, %(payloads)b) as t(run_id, step, token, seq, payload)
  join current l on l.run_id = t.run_id and l.step = t.step and l.token = t.token
  on conflict (run_id, step, attempt, seq) do nothing
)
select run_id, step, token from current

-- name: streamed
-- Which of these attempts have brought chunks.
select t.run_id, t.step, t.attempt from unnest(%(runs)b, %(steps)b, %(attempts)b) as t(run_id, step, attempt)
where exists (select from chunks c where (c.run_id, c.step, c.attempt) = (t.run_id, t.step, t.attempt))

-- name: pinned_lanes
-- The lanes of builds that runs stay on: the lane anybody serves, and whether a worker of the build is there.
select p.id, (select c.id from lanes c where c.namespace_id = p.namespace_id and c.queue = p.queue
                and c.action = split_part(p.action, '@', 1)),
  exists (select from workers w where w.namespace_id = p.namespace_id and w.queue = p.queue
          and p.action = any(w.actions) and w.seen_at > clock_timestamp() - make_interval(secs => %(within_s)s))
from lanes p where p.action like 'workflow:%%@%%'

-- name: unpin_ready
update ready r set lane = t.common from unnest(%(lanes)s::int[], %(common)s::int[]) as t(lane, common)
where r.lane = t.lane returning r.lane
