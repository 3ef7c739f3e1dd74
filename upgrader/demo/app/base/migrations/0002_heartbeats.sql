create table heartbeats (
    worker text primary key,
    beats bigint not null default 1,
    seen_at timestamptz not null default now()
);
