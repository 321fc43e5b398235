"""Formats of answers, one a file."""
