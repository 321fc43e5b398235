"""Judges what is posted to it, over HTTP."""
