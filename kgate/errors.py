"""The exception family: each class carries the exit code that it ends the program with."""

from __future__ import annotations


class KgateError(Exception):
    """A fault that the user can mend; its text says where, what and what to do."""

    exit_code = 2


class ConfigError(KgateError):
    """A configuration file, environment variable or flag is wrong."""


class RuleError(KgateError):
    """A rule file is wrong, or a rule id is unknown."""


class OutputError(KgateError):
    """A report could not be written."""


class SourceError(KgateError):
    """A path given on the command line cannot be scanned."""
