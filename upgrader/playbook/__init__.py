"""Playbooks: YAML to a checked, frozen value."""
