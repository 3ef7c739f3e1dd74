create table author_pages (last_name text primary key, page text);
insert into author_pages (last_name) select last_name from authors;
