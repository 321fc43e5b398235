"""How a report is shown: what the command line decides about it, for all formats alike."""

from __future__ import annotations

from enum import Enum

from kgate.values import dataclass


class Detail(Enum):
    """How much a reader asked for."""

    QUIET = "only problems and the summary"
    NORMAL = "findings, long lists shortened"
    VERBOSE = "everything"


@dataclass(frozen=True, slots=True)
class Presentation:
    """Options of all formats; a format ignores those that it has no use for. The defaults suit a file.

    ``width`` counts columns, ``max_chars`` the characters of the whole report (None: as many as the format allows).
    ``link_base`` is the URL below which a server shows the scanned files, ``linked_folder`` the local folder that
    links of a terminal lead into; no links without them. ``category`` identifies one of several scans of a commit in
    code scanning.
    """

    color: bool = False
    width: int = 100
    detail: Detail = Detail.NORMAL
    linked_folder: str | None = None
    link_base: str = ""
    category: str = "kgate"
    max_chars: int | None = None
