"""The pages that a report links to: the documentation of a rule, and a line of a file on the server that shows it."""

from __future__ import annotations

import re
from urllib.parse import quote

from kgate.model import Location, Rule
from kgate.reports.presentation import Folder
from kgate.reports.safety import one_line

HOME = "https://github.com/kgate/kgate"
DOCUMENTATION = f"{HOME}/blob/main/docs/rules"

_SAFE_BASE = re.compile(r"https?://[A-Za-z0-9._~:/%-]+")


def rule_page(rule: Rule) -> str:
    """Returns the page of one of kgate's own rules; empty for a rule of the user, which has none."""
    is_own = not rule.targets or rule.path == f"rules/{rule.id}.yaml"
    return f"{DOCUMENTATION}/{rule.id}.md" if is_own else ""


def line_page(link_base: str, location: Location) -> str:
    """Returns the percent-encoded page of a line of a file; empty if there is no (safe) base."""
    if not _SAFE_BASE.fullmatch(link_base):
        return ""
    path = quote(location.path.encode("utf-8", "surrogatepass"), safe="/")
    return f"{link_base.rstrip('/')}/{path}#L{location.start.line}"


def project_path(path: str, project: Folder) -> str:
    """Returns the path of a file as GitLab finds it in its project, unchanged but for what cannot be printed: the name
    of a file may hold anything. Where the project begins elsewhere, as nobody knows where, the path is that of the
    report."""
    found = project.path(path)
    found = path if found.startswith("/") or found.split("/", 1)[0] == ".." else found
    found = found.removeprefix("./") or "."
    return found if found.isprintable() else one_line(found)
