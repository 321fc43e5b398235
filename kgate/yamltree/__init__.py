"""Parses YAML with the position of every value; knows nothing of Kubernetes."""
