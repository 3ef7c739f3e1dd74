"""The checks of a live env file."""
