"""Flux: Kustomizations, HelmReleases and their sources."""
