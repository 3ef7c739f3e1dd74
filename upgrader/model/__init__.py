"""What things are: events, runs, plans, verdicts. No I/O; the standard library only."""
