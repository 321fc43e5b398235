"""Judges resources by rules, and scores what was found; reads and writes nothing."""
