"""Positioned YAML; knows no Kubernetes."""
