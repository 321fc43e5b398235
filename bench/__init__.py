"""Benchmarks: kgate against its peers, its start-up time, and how its time grows."""
