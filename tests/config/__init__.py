"""Tests of kgate/policy."""
