"""How a report is shown: what the command line decides about it, for all formats alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from enum import Enum
from typing import TypeAlias

from kgate.model import Finding, Location, Replacement, Report, Severity
from kgate.values import dataclass


class Detail(Enum):
    """How much a reader asked for."""

    QUIET = "the verdict, and what fails in a line each"
    NORMAL = "what decides the verdict, the rest counted"
    VERBOSE = "everything"


class Show(Enum):
    """Which objects a reader asked for."""

    FAILED = "failed"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Folder:
    """What turns the path of a report into one that starts where the reader is: ``prefix`` leads to the root of the
    repository, and ``own`` is the path from there back to where the reader is, if that is below the root."""

    prefix: str = ""
    own: str = ""

    def path(self, path: str) -> str:
        """Returns a path of the report as the reader would type it."""
        if path.startswith(("/", "<")):
            return path
        if self.own and f"{path}/".startswith(f"{self.own}/"):
            return path[len(self.own) + 1 :] or "."
        return path if not self.prefix else self.prefix if path == "." else f"{self.prefix.rstrip('/')}/{path}"


@dataclass(frozen=True, slots=True)
class Change:
    """The lines that a proposed change adds or rewrites: the first and the last line of each piece, by the paths of
    the report."""

    pieces: Mapping[str, tuple[tuple[int, int], ...]]

    def has(self, location: Location) -> bool:
        """True if a place is on a line of the change."""
        line = location.start.line
        return any(first <= line <= last for first, last in self.pieces.get(location.path, ()))


Suggest: TypeAlias = Callable[[Finding], tuple[Replacement, ...]]
"""Returns the replacements in its file that fix a finding; none if it is not known how."""


@dataclass(frozen=True, slots=True)
class Presentation:
    """Options of all formats; a format ignores those that it has no use for. The defaults suit a file.

    ``width`` counts columns, ``breaks`` says that a longer line is broken there, ``max_chars`` counts the characters
    of the whole report (None: as many as the format allows). ``show`` and ``min_severity`` say what the text report
    lists (None: what fails).
    ``link_base`` is the URL below which a server shows the scanned files, ``linked_folder`` the local folder that
    links of a terminal lead into; no links without them. ``folder`` says where the paths of the text report start, and
    ``project`` where those of reports for GitLab do.
    ``change`` knows the lines of the change that is gated; None where that is not known.
    ``source`` returns the text of a scanned file by its path in the report, empty where it is not at hand; None if a
    report must not read any.
    ``suggestions`` returns, for a report, what fixes its findings in their files; None if nobody asked for that.
    ``category`` identifies one of several scans of a commit in code scanning, and ``sarif_all`` says that it gets what
    decides nothing, too. ``seconds`` tells how long the scan
    took; None where the same scan must print the same.
    """

    color: bool = False
    width: int = 100
    breaks: bool = False
    detail: Detail = Detail.NORMAL
    show: Show = Show.FAILED
    min_severity: Severity | None = None
    linked_folder: str | None = None
    link_base: str = ""
    folder: Folder = Folder()
    project: Folder = Folder()
    change: Change | None = None
    category: str = "kgate"
    sarif_all: bool = False
    max_chars: int | None = None
    seconds: Callable[[], float] | None = field(default=None, compare=False, repr=False)
    source: Callable[[str], str] | None = field(default=None, compare=False, repr=False)
    suggestions: Callable[[Report], Suggest] | None = field(default=None, compare=False, repr=False)

    def is_new(self, location: Location) -> bool:
        """True if it is known that a place is on a line of the change."""
        return self.change is not None and self.change.has(location)
