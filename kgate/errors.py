"""The exceptions for mistakes of the user; each class carries the exit code of the program."""

from __future__ import annotations


class KgateError(Exception):
    """An error that the user can fix; its message says what is wrong, where, and what to do."""

    exit_code = 2


class ConfigError(KgateError):
    """A configuration file, environment variable or flag is wrong."""


class RuleError(KgateError):
    """A rule file is wrong, or a rule id is unknown."""


class OutputError(KgateError):
    """A report could not be written."""
