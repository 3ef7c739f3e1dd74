select max(version)::int as schema from schema_migrations
