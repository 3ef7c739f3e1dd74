alter table notes add column seal text;
