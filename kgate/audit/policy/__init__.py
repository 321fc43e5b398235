"""The audit policy of an API server: whether it loads, and what it records."""
