"""What a person or a program sees: renderers and prompts. The package that imports rich."""
