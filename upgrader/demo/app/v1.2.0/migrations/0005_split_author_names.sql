alter table authors add column first_name text, add column last_name text;
update authors set first_name = split_part(name, ' ', 1), last_name = split_part(name, ' ', 2);
alter table authors drop column name;
