"""Renders charts and kustomizations, and finds the source of what they render to."""
