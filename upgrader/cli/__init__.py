"""The commands. The package that imports typer."""
