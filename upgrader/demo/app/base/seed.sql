-- Runs after every migration and never overwrites a row.
insert into authors (id, name) values
    (1, 'Ada Lovelace'),
    (2, 'Ralph Lovelace'),
    (3, 'Grace Hopper')
on conflict (id) do nothing;
