create table tags (
    note_id bigint not null references notes on delete cascade,
    tag text not null,
    primary key (note_id, tag)
);

create index tags_by_tag on tags (tag);
