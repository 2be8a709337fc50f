-- What waiting and forking read.

-- name: results
select id, state, output, failure from runs where id = any(%(runs)s) and namespace_id = %(namespace)s

-- name: run_of_key
select run_id from idempotency_keys
where namespace_id = %(namespace)s and workflow = %(workflow)s and key = %(key)s

-- name: fork_source
select workflow_id, state, input, trace from runs where id = %(run)s

-- name: fork_steps
select key, state, attempt, output from steps where run_id = %(run)s and item is null order by position

-- name: dead_letter
select d.run_id, d.step, d.attempt, d.state, d.requeued_run_id, r.state
from dead_letters d join runs r on r.id = d.run_id where d.id = %(id)s and d.namespace_id = %(namespace)s

-- name: resolve_dead_letter
update dead_letters set state = %(state)s, resolved_at = clock_timestamp(), requeued_run_id = %(requeued)s
where id = %(id)s and state = 1

-- name: parked_by_others
-- Runs whose code another build could not decide.
select run_id from parked
where namespace_id = %(namespace)s and workflow = any(%(workflows)s) and build <> %(build)s and run_id > %(after)s
order by run_id limit %(count)s

-- name: output
select output from runs where id = %(run)s
