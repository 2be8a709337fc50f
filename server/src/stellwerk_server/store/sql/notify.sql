-- The one place that may notify: from a connection of its own, outside every transaction that matters, coalesced.

-- name: notify
select pg_notify('stellwerk', %(message)s)

-- name: listen
listen stellwerk
