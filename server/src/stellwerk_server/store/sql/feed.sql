-- What live events are read with: commits in the order readers see them, and the events and chunks behind them.

-- name: lock_feed
-- One transaction at a time gives positions, and the next one begins when its rows can be seen: so what a reader sees
-- at a position never gets company below it.
select pg_advisory_xact_lock(6170004)

-- name: order_moves
with taken as (
  delete from moves where id in (select id from moves order by id limit %(limit)b)
  returning id, at, runs, namespaces, firsts, lasts
)
insert into feed (at, runs, namespaces, firsts, lasts)
select at, runs, namespaces, firsts, lasts from taken order by id

-- name: any_moves
select exists (select from moves)

-- name: mark_feed
-- A row about nothing, when there was none for a while: who only waits gets a newer position, which does not expire.
insert into feed (at, runs, namespaces, firsts, lasts)
select clock_timestamp(), '{}', '{}', '{}', '{}'
where coalesce((select at from feed order by position desc limit 1), '-infinity')
  < clock_timestamp() - make_interval(secs => %(older_s)b)

-- name: feed_bounds
select (select position from feed order by position limit 1) as first,
  (select position from feed order by position desc limit 1) as last,
  exists (select from feed where position = %(position)b) as found

-- name: feed_rows
select position, runs, namespaces, firsts, lasts from feed
where position between %(from_position)b and %(to_position)b
order by position limit %(limit)b

-- name: find_namespace
select id from namespaces where name = %(name)b

-- name: events_of_spans
-- `place` is the number of the span the event is from. Without payloads a failure is its type and message.
select place, run_id, workflow, version, seq, type, at, step, attempt, worker, started_at, payload, failure, data, found
from (
  select v.*, count(*) over () as found,
    sum(256 + coalesce(octet_length(payload), 0) + coalesce(octet_length(failure), 0)
        + coalesce(octet_length(data), 0))
      over (order by place, seq rows between unbounded preceding and 1 preceding) as bytes_before
  from (
    select m.place, e.run_id, w.name as workflow, w.version, e.seq, e.type, e.at, e.step, e.attempt, e.worker,
      e.started_at,
      case when %(payloads)b then case when e.type = 1 then r.input else e.payload end end as payload,
      case when %(payloads)b or e.failure is null then e.failure else json_build_object(
        'type', e.failure::json -> 'type', 'message', e.failure::json -> 'message',
        'category', e.failure::json -> 'category')::text end as failure,
      e.data
    from unnest(%(runs)b::bigint[], %(firsts)b::integer[], %(lasts)b::integer[]) with ordinality
      as m (run, first, last, place)
    join runs r on r.id = m.run
    join workflows w on w.id = r.workflow_id
    join events e on e.run_id = m.run and e.seq between m.first and m.last
    order by m.place, e.seq
    limit %(limit)b
  ) v
) v
where coalesce(bytes_before, 0) < %(max_bytes)b
order by place, seq

-- name: sequences_of_runs
select id, seq from runs where id = any(%(runs)b)

-- name: streams_of_run
-- Found by one index probe each.
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
select s.step, s.attempt, n.seq as last
from streams s
cross join lateral (
  select c.seq from chunks c where c.run_id = %(run_id)b and c.step = s.step and c.attempt = s.attempt
  order by c.seq desc limit 1
) n
order by s.step, s.attempt

-- name: turns_of_steps
-- The events that begin and end attempts of some steps.
select seq, type, step, attempt from events
where run_id = %(run_id)b and step = any(%(steps)b::text[]) and type = any(%(types)b::smallint[])
order by seq

-- name: chunks_of_streams
-- Stream by stream in the order given, of each what lies after `seq` and not after `upto`.
select step, attempt, seq, payload, at, found
from (
  select c.*, count(*) over () as found, sum(64 + octet_length(payload)) over (
    order by place, seq rows between unbounded preceding and 1 preceding) as bytes_before
  from (
    select s.place, s.step, s.attempt, n.seq, n.payload, n.at
    from unnest(%(steps)b::text[], %(attempts)b::integer[], %(seqs)b::bigint[], %(uptos)b::bigint[]) with ordinality
      as s (step, attempt, seq, upto, place)
    cross join lateral (
      select c.seq, c.payload, c.at from chunks c
      where c.run_id = %(run_id)b and c.step = s.step and c.attempt = s.attempt and c.seq > s.seq and c.seq <= s.upto
      order by c.seq limit %(limit)b
    ) n
    order by s.place, n.seq
    limit %(limit)b
  ) c
) c
where coalesce(bytes_before, 0) < %(max_bytes)b
order by place, seq
