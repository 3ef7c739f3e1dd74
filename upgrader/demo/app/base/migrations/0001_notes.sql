create table notes (
    id bigint generated always as identity primary key,
    body text not null,
    written_at timestamptz not null default now()
);

create table authors (
    id bigint primary key,
    name text not null
);
