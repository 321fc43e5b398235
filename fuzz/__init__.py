"""Fuzz targets: random inputs for what reads a repository, each run as ``python -m fuzz.NAME --seconds N``."""
