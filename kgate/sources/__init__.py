"""Where resources come from: one module a source."""
