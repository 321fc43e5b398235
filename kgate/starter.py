"""The files that a repository needs to start with kgate, and what to add to those that it has."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeAlias

from kgate import __version__, wholefile
from kgate.errors import OutputError
from kgate.model import Json
from kgate.pyproject import has_settings
from kgate.repository import CONFIG_NAMES, PYPROJECT, Repository, UntrustedFolders
from kgate.values import dataclass
from kgate.yamltree.nodes import ManifestError, compose

Ci: TypeAlias = Literal["github", "gitlab", "none"]

CONFIG = "kgate.yaml"
WORKFLOW = ".github/workflows/kgate.yml"
PIPELINE = ".gitlab-ci.yml"
HOOKS = ".pre-commit-config.yaml"

_PROJECT = "https://github.com/kgate/kgate"
_RAW = f"https://raw.githubusercontent.com/kgate/kgate/v{__version__}"


@dataclass(frozen=True, slots=True)
class Start:
    """What a repository shall have: the score to reach, the CI system that runs the gate, and a hook of pre-commit."""

    min_score: int
    ci: Ci
    hook: bool


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of a file: ``text`` is its new content; without one, ``addition`` is what the user has to add to it,
    if anything."""

    path: str
    what: Literal["new", "extended", "kept", "to extend"]
    text: str = ""
    addition: str = ""


def find_ci(root: Path) -> Ci:
    """The CI system that a repository uses, by its files."""
    if (root / PIPELINE).exists():
        return "gitlab"
    return "github" if (root / ".github").is_dir() else "none"


def steps(start: Start, repository: Repository) -> Iterator[Step]:
    """What to do for each file. Raises OutputError for one that cannot be read, or that a link leads out."""
    root = repository.root
    existing = next((name for name in CONFIG_NAMES if os.path.lexists(root / name)), None)
    if existing is None and has_settings(repository.bytes_if_any(root / PYPROJECT)):
        existing = PYPROJECT
    yield Step(existing, "kept") if existing else Step(CONFIG, "new", configuration(start))
    if start.hook:
        yield _extended(HOOKS, f"repos:\n{_hook('  ')}", _hook("  "), repository)
    if start.ci == "github":
        yield Step(WORKFLOW, "kept") if os.path.lexists(root / WORKFLOW) else Step(WORKFLOW, "new", workflow())
    if start.ci == "gitlab":
        yield _pipeline(start, repository)


def carry_out(step: Step, repository: Repository) -> None:
    """Writes the text of a step, whole or not at all. Raises OutputError, also for a link that leads out."""
    path = repository.root / step.path
    try:
        real = UntrustedFolders((repository.root,)).resolve(path)
        if not real.is_relative_to(repository.root) or (step.what == "new" and os.path.lexists(path)):
            raise OutputError(f"{path}: is not written: something else lies there")
        real.parent.mkdir(parents=True, exist_ok=True)
        mode = stat.S_IMODE(real.stat().st_mode) if step.what == "extended" else 0o644
        wholefile.replace(real, lambda handle: _fill(handle, step.text), mode)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}; fix that, and run kgate init again") from None


def _fill(handle: int, text: str) -> None:
    with open(handle, "w", encoding="utf-8", newline="") as stream:
        stream.write(text)


# ------------------------------------------------------------------------------------------ kgate.yaml


def configuration(start: Start) -> str:
    """The text of a kgate.yaml, in which what is not set is a comment."""
    return f"""\
# yaml-language-server: $schema={_RAW}/kgate/schemas/config-1.json
# Settings of kgate, the privilege gate. All keys: {_PROJECT}/blob/v{__version__}/docs/configuration.md

# The score that every workload must reach, 0 to 100. Pod Security baseline begins at 60, restricted at 90.
min-score: {start.min_score}

# Also fail for any finding of this severity or above: critical, high, medium or low.
# fail-on: critical

# The Kubernetes version of your clusters, in quotes. Default: the newest that kgate knows.
# kubernetes-version: "1.33"

# Which rules are used: gate (default), audit, which adds hardening, or pedantic.
# persona: audit

# What some workloads must reach instead; the first entry that matches decides for each key. `match` takes paths (as in
# .kgateignore), namespaces, labels, kinds and names.
# gates:
# - match: {{paths: clusters/production/}}
#   min-score: 90
#   level: restricted

# The folders of clusters: nothing of one is joined with anything of another.
# clusters:
# - {{name: production, paths: clusters/production/}}

# What rules weigh, and what they allow. `kgate rules show NAME` lists the parameters of a rule.
# rule-settings:
#   image-from-other-registry: {{parameters: {{allowedRegistries: [registry.example.org]}}}}

# Rules to leave out. `kgate rules list` shows all, `kgate explain NAME` says why one matters.
# ignore: [image-without-digest]

# Whether a scan passes in which something that is deployed was not judged, such as a chart from elsewhere.
# unjudged: note

# Files to leave out stand in .kgateignore, one pattern a line, as in .gitignore.
"""


# -------------------------------------------------------------------------------------------------- CI


def workflow() -> str:
    """The text of a workflow that runs the gate; the score to reach stands in kgate.yaml."""
    return f"""\
# The gate, and a summary of what it found: no permission but to read, for every pull request, from a fork or not.
name: kgate
on:
  pull_request:
  push:
    branches: [main, master]

permissions: {{}}

concurrency:
  group: ${{{{ github.workflow }}}}-${{{{ github.ref }}}}
  cancel-in-progress: true

jobs:
  gate:
    runs-on: ubuntu-24.04
    timeout-minutes: 10
    permissions:
      contents: read
    steps:
      - uses: actions/checkout@{_CHECKOUT}
        with:
          persist-credentials: false
      - uses: kgate/kgate@v{__version__}
        with:
          upload-sarif: "false"
"""


_CHECKOUT = "3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"


def _pipeline(start: Start, repository: Repository) -> Step:
    include = f"""\
include:
  - remote: {_RAW}/templates/kgate.yml
    inputs:
      min-score: {start.min_score}
"""
    return _extended(PIPELINE, include, None, repository, include)


# --------------------------------------------------------------------------------------- existing files


def _hook(indentation: str) -> str:
    """The entry of a hook, as an item of ``repos`` with that indentation."""
    lines = (f"- repo: {_PROJECT}", f"  rev: v{__version__}", "  hooks:", "    - id: kgate")
    return "".join(f"{indentation}{line}\n" for line in lines)


def _extended(name: str, whole: str, item: str | None, repository: Repository, addition: str = "") -> Step:
    """A file that is written if there is none, and that keeps every byte if there is one: an item is appended to its
    last list if that does what it should, else the user is told what to add."""
    path = repository.root / name
    if not os.path.lexists(path):
        return Step(name, "new", whole)
    try:
        text = repository.read_bytes(path).decode()  # with its byte order mark, which is kept as well
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise OutputError(f"{path}: cannot be read: {reason}; fix that, or run kgate init with other options") from None
    if "kgate/kgate" in text:
        return Step(name, "kept")
    longer = _appended(text) if item is not None and len(text) <= _LONGEST else None
    if longer is not None:
        return Step(name, "extended", longer)
    return Step(name, "to extend", addition=addition or whole)


_LONGEST = 128 * 1024
"""Characters of a configuration of pre-commit that is extended: parsing a larger one takes seconds."""

_BYTE_ORDER_MARK = "\ufeff"
_ITEM = re.compile(r"^( *)- repo:", re.MULTILINE)


def _appended(text: str) -> str | None:
    """A configuration of pre-commit with the hook as its last one; None if a line at the end does not add it."""
    found = _ITEM.search(text)
    before = _value(text)
    if found is None or not isinstance(before, dict) or not isinstance(before.get("repos"), list):
        return None
    line_end = "\r\n" if "\r\n" in text else "\n"
    rest = _hook(found[1]).replace("\n", line_end)
    longer = f"{text}{rest}" if text.endswith("\n") else f"{text}{line_end}{rest}"
    after, entry = _value(longer), _value(f"repos:\n{_hook('')}")
    assert isinstance(entry, dict)
    return longer if after == {**before, "repos": [*before["repos"], *entry["repos"]]} else None


def _value(text: str) -> Json:
    """The value of a YAML document; None if there is not exactly one."""
    try:
        values = [node.value for node in compose(text.removeprefix(_BYTE_ORDER_MARK))]
    except ManifestError:
        return None
    return values[0] if len(values) == 1 else None
