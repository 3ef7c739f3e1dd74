select id, body, seal from notes where id > %(after)s::bigint order by id limit %(PAGE_SIZE)s::int
