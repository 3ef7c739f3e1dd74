"""The engine: walks steps, writes the journal, holds the lock."""
