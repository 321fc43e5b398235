"""The day of a scan, on which waivers have ended or not: the only place that asks the clock for it."""

from __future__ import annotations

import os
import re
from datetime import UTC, date, datetime
from typing import Any

import click

from kgate.errors import ConfigError

_SECONDS = re.compile("[0-9]{1,11}")


def _day(_context: click.Context, _parameter: click.Parameter, value: str | None) -> date:
    """Returns the day that is asked for, or today. Raises click.BadParameter."""
    return today() if value is None else parse_day(value)


def parse_day(value: str) -> date:
    """Returns the day that a text means. Raises click.BadParameter."""
    try:
        return datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise click.BadParameter(f"'{value}' is not a day such as 2027-01-31") from None


def today() -> date:
    """Returns the day of today in UTC, or that of ``SOURCE_DATE_EPOCH`` (reproducible-builds.org). Raises
    ConfigError."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not seconds:
        return datetime.now(UTC).date()
    if not _SECONDS.fullmatch(seconds):
        raise ConfigError(f"the environment variable SOURCE_DATE_EPOCH is not a number of seconds: '{seconds}'")
    return datetime.fromtimestamp(int(seconds), UTC).date()


def today_option(command: Any) -> Any:
    """Adds ``--today`` to a command."""
    text = "Day on which waivers have ended or not.  [default: today in UTC, or that of SOURCE_DATE_EPOCH]"
    return click.option("--today", metavar="DATE", callback=_day, help=text)(command)
