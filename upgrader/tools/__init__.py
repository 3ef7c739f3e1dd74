"""The outside world, one module each: programs, Compose, Docker, git, Postgres, HTTP, files."""
