"""Audit events: what they hold, how they are wrapped, and how logs are read."""
