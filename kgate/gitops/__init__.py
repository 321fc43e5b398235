"""Translates objects of Argo CD and Flux into render requests."""
