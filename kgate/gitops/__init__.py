"""Translates objects of Argo CD and Flux into what is to be rendered."""
