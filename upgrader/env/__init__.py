"""Env files as a domain: read, compare, decide, append. Pure."""
