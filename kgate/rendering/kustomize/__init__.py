"""Builds kustomizations, and finds the line of the base, patch or key that made each field."""
