"""Whether a Flux source leaves a file of the repository out of its artifact (fluxcd/pkg, sourceignore)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kgate.regexp import PatternError
from kgate.repository import Repository
from kgate.sources import ignores

_FILE = ".sourceignore"


def leaves_out(path: Path, repository: Repository, rules: str) -> bool:
    """Whether the ``.sourceignore`` files above a path or the ``rules`` of the source itself leave it out.

    True also where they are too large to be followed.
    """
    try:
        opinions = list(_opinions(path, repository, rules))
    except PatternError:
        return True
    return opinions[-1] if opinions else False


def _opinions(path: Path, repository: Repository, rules: str) -> Iterator[bool]:
    """What the ignore files say about a path, the outermost first and the rules of the source last."""
    relative = path.relative_to(repository.root)
    folders = [repository.root / parent for parent in reversed(relative.parents)]
    texts = [(folder, _text(folder / _FILE, repository)) for folder in folders]
    for folder, data in (*texts, (repository.root, rules.encode("utf-8", "replace"))):
        inner = path.relative_to(folder)
        names = [one.as_posix() for one in (inner, *inner.parents) if one.parts]
        opinion = ignores.parse(data).opinion_of_any(names)
        if opinion is not None:
            yield opinion


def _text(path: Path, repository: Repository) -> bytes:
    try:
        return repository.read_bytes(path)
    except OSError:
        return b""
