"""Fixes findings by edits of the source text, which leave every other byte as it is."""
