"""Benchmarks: kgate beside its peers, its start-up, and how its time grows."""
