"""The demo: an app of our own, a machine to run it on, and the story told on them."""
