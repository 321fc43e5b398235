"""Fuzz targets: random inputs for everything that reads a repository, run as ``python -m fuzz.NAME --seconds N``."""
