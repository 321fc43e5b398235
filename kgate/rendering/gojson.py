"""How Go's encoding/json finds the field of a struct for a key: by its exact name, else in any case."""

from __future__ import annotations

import string

_FOLDED = str.maketrans(string.ascii_uppercase + "\u017f\u212a", string.ascii_lowercase + "sk")


def folded(key: str) -> str:
    """Returns a key such that keys are equal if encoding/json takes them for the same ASCII name (fold.go): in lower
    case, with ``s`` and ``k`` for the long s and the Kelvin sign."""
    return key.translate(_FOLDED)
