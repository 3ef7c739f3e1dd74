"""Takes a self-hosted Docker Compose application from one release to the next, and back."""

__version__ = "0.1.0"
