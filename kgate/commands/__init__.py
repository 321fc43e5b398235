"""The command line: one command, one file, and the only place that prints."""
