"""Migrations: which are pending, and whether the old version can serve while they run. Pure."""
