"""Steps: one file, one kind or a few akin. The table of them all is in `kinds`, which costs the import of pydantic."""
