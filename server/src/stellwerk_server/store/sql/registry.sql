-- Names that are interned once and then only remembered.

-- name: intern_namespace
with known as (select id from namespaces where name = %(name)b),
     made as (insert into namespaces (name) select %(name)b where not exists (select from known)
              on conflict (name) do nothing returning id)
select id from known union all select id from made

-- name: intern_lane
with known as (select id from lanes where namespace_id = %(namespace)b and queue = %(queue)b and action = %(action)b),
     made as (insert into lanes (namespace_id, queue, action) select %(namespace)b, %(queue)b, %(action)b
              where not exists (select from known) on conflict (namespace_id, queue, action) do nothing returning id)
select id from known union all select id from made

-- name: workflow_by_id
select w.id, w.namespace_id, n.name, w.name, w.version, w.definition
from workflows w join namespaces n on n.id = w.namespace_id where w.id = %(id)b

-- name: workflow_by_version
select id from workflows where namespace_id = %(namespace)b and name = %(name)b and version = %(version)b

-- name: current_workflow
select id from workflows where namespace_id = %(namespace)b and name = %(name)b
order by activated_at desc, version desc limit 1

-- name: next_instance
select nextval('instances')

-- name: secret
select value from settings where key = 'secret'
