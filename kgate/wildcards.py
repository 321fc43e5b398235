"""Wildcards in what a user names: ``*`` and ``?`` stay within a name, ``**`` stands for any number of folders."""

from __future__ import annotations

from dataclasses import field

from kgate.regexp import compile_go
from kgate.rendering import goglob
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class Wildcard:
    """A pattern, and its text as the user wrote it; every other letter means itself, also a bracket."""

    text: str
    _glob: goglob.Glob = field(compare=False, repr=False)

    @classmethod
    def of(cls, text: str) -> Wildcard:
        """A pattern of whole texts, such as paths. Raises PatternError for one that is too large."""
        return cls(text, _compiled(text, crosses_folders=False))

    @classmethod
    def of_a_part(cls, text: str) -> Wildcard:
        """A pattern of a part of a text, in which ``*`` stands for anything. Raises PatternError."""
        return cls(text, _compiled(f"*{text}*", crosses_folders=True))

    def matches(self, text: str) -> bool:
        """True if the pattern matches a text."""
        return self._glob.matches(text)


def _compiled(text: str, *, crosses_folders: bool) -> goglob.Glob:
    quoted = goglob.bytewise(text.replace("\\", "\\\\").replace("[", "\\["))
    pattern = compile_go(f"(?s:{goglob.wildmatch(quoted, crosses_folders=crosses_folders)})")
    return goglob.Glob(pattern, is_of_bytes=True)
