insert into notes (body) values (%(body)s) returning id
