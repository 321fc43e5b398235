"""Renders Helm charts, and finds the template text and the values key that made each field."""
