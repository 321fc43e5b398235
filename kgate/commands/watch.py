"""``kgate scan --watch``: judges again whenever a file is saved."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgate.commands import console
from kgate.errors import ConfigError, KgateError

if TYPE_CHECKING:
    from kgate.session import Session

_QUIET = 20
"""Milliseconds without a further change after which a scan begins."""

_MOST = 1_000
"""Milliseconds after which it begins all the same."""

_TURN = 100
"""Milliseconds after which the watch looks whether it is to end."""

_TEMPORARY = (".swp", ".swx", "~")
"""How names of what editors write beside a file end."""


def watch(flags: Mapping[str, Any], scan: Callable[[Session], int]) -> int:
    """Scans, and again after each change below the repository, until somebody ends it. Raises click.UsageError, and
    ConfigError if the library for that is missing."""
    from kgate.repository import find_root
    from kgate.session import Session

    _refuse(flags)
    root = find_root([Path(path) for path in flags["paths"]])
    changes = _changes(root, {os.path.realpath(file) for _, file in flags["outputs"]})
    next(changes)  # what is changed from here on, even during a scan, is not missed
    session = Session()
    run(lambda: scan(session), changes, root)
    return 0


def run(scan: Callable[[], int], changes: Iterable[object], root: Path) -> None:
    """Scans at once and after each change; what is wrong with the settings is printed, and may be fixed."""
    _once(scan, root)
    for _ in changes:
        _once(scan, root)


def _once(scan: Callable[[], int], root: Path) -> None:
    if sys.stdout.isatty():
        click.clear()
    try:
        scan()
    except KgateError as error:
        console.print_error(str(error))
    except click.UsageError as error:
        console.print_error(error.format_message())
    finally:
        console.end_after(0)
    click.echo(f"watching {console.inert(os.fspath(root))}; Ctrl-C ends it", err=True)
    gc.collect()  # nobody waits now


def _refuse(flags: Mapping[str, Any]) -> None:
    if "-" in flags["paths"]:
        raise click.UsageError("--watch watches files, and '-' is standard input; name a file or a folder")
    for name in ("cache", "pull"):
        if flags[name]:
            raise click.UsageError(f"--watch and --{name} exclude each other; leave one of them out")


def _changes(root: Path, outputs: Collection[str]) -> Iterator[object]:
    """Yields once when it watches, and after each change of a file that a scan may read."""
    try:
        from watchfiles import watch as changed
    except ImportError:
        raise ConfigError("--watch needs the library watchfiles; run: pip install watchfiles") from None

    def counts(_: object, path: str) -> bool:
        return is_of_interest(os.path.relpath(path, root)) and path not in outputs

    options: dict[str, Any] = {"debounce": _MOST, "step": _QUIET, "rust_timeout": _TURN, "yield_on_timeout": True}
    events = changed(root, watch_filter=counts, raise_interrupt=True, ignore_permission_denied=True, **options)
    yield next(events)
    yield from filter(None, events)


def is_of_interest(path: str) -> bool:
    """True unless a path below the root is what git keeps, or what an editor or kgate writes beside a file."""
    *_, name = parts = path.split(os.sep)
    return ".git" not in parts and not name.startswith((".kgate-", ".#")) and not name.endswith(_TEMPORARY)
