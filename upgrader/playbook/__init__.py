"""Playbooks: YAML files that describe an app, and the procedures that upgrade it and bring it back."""
