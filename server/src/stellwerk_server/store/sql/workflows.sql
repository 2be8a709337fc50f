-- Registered workflows: what an operator does with them. How the hot path finds one is in registry.sql.

-- name: lock_workflow
-- Versions of one name are given out one after another.
select pg_advisory_xact_lock(%(namespace_id)b::integer, hashtext(%(name)b))

-- name: versions_of_content
select v.id, v.namespace_id, v.name, v.version, v.digest, v.definition, v.created_at, v.activated_at, v.current
from (
  select id, namespace_id, name, version, digest, definition, created_at, activated_at,
    row_number() over (order by activated_at desc, version desc) = 1 as current
  from workflows where namespace_id = %(namespace_id)b and name = %(name)b
) v
where v.digest = %(digest)b

-- name: activate_workflow
-- Later than every other version of the name, even if the clock went back.
update workflows w
set activated_at = greatest(clock_timestamp(), (select max(v.activated_at) + interval '1 microsecond'
                                                from workflows v
                                                where v.namespace_id = w.namespace_id and v.name = w.name))
where w.id = %(id)b
returning id, namespace_id, name, version, digest, definition, created_at, activated_at, true as current

-- name: add_workflow
insert into workflows (namespace_id, name, version, digest, definition, created_at, activated_at)
select %(namespace_id)b, %(name)b, coalesce(max(version), 0) + 1, %(digest)b, %(definition)b, clock_timestamp(),
  greatest(clock_timestamp(), max(activated_at) + interval '1 microsecond')
from workflows where namespace_id = %(namespace_id)b and name = %(name)b
returning id, namespace_id, name, version, digest, definition, created_at, activated_at, true as current

-- name: get_workflow
-- Version 0 is the current one.
select v.id, v.namespace_id, v.name, v.version, v.digest, v.definition, v.created_at, v.activated_at, v.current
from (
  select w.id, w.namespace_id, w.name, w.version, w.digest, w.definition, w.created_at, w.activated_at,
    row_number() over (order by w.activated_at desc, w.version desc) = 1 as current
  from workflows w join namespaces n on n.id = w.namespace_id
  where n.name = %(namespace)b and w.name = %(name)b
) v
where case when %(version)b = 0 then v.current else v.version = %(version)b end

-- name: list_current_workflows
-- By name.
select id, namespace_id, name, version, digest, definition, created_at, activated_at, current, found
from (
  select v.*, count(*) over () as found, sum(octet_length(definition)) over (
    order by name rows between unbounded preceding and 1 preceding) as bytes_before
  from (
    select distinct on (w.name) w.*, true as current
    from workflows w join namespaces n on n.id = w.namespace_id
    where n.name = %(namespace)b and w.name > %(after_name)b
    order by w.name, w.activated_at desc, w.version desc
    limit %(limit)b
  ) v
) w
where coalesce(bytes_before, 0) < %(max_bytes)b
order by name

-- name: list_workflow_versions
-- Newest version first.
select id, namespace_id, name, version, digest, definition, created_at, activated_at, current, found
from (
  select v.*, count(*) over () as found, sum(octet_length(definition)) over (
    order by version desc rows between unbounded preceding and 1 preceding) as bytes_before
  from (
    select w.*, not exists (
      select from workflows o
      where o.namespace_id = w.namespace_id and o.name = w.name
        and (o.activated_at, o.version) > (w.activated_at, w.version)) as current
    from workflows w join namespaces n on n.id = w.namespace_id
    where n.name = %(namespace)b and w.name = %(name)b and w.version < %(before_version)b
    order by w.version desc
    limit %(limit)b
  ) v
) w
where coalesce(bytes_before, 0) < %(max_bytes)b
order by version desc
