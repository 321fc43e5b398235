"""Rule files, and the language of their expressions."""
