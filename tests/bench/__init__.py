"""Measures what upgrader promises, against the procedure that the app documents: ratios from one run on one machine."""
