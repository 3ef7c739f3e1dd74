select id, body from notes where id > %(after)s::bigint order by id limit 100
