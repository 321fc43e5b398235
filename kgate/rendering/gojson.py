"""How Go's encoding/json finds the field of a struct for a key: by its exact name, else in any case."""

from __future__ import annotations

import string

_FOLDED = str.maketrans(string.ascii_uppercase + "\u017f\u212a", string.ascii_lowercase + "sk")


def folded(key: str) -> str:
    """A key in the form in which those are equal that encoding/json takes for the same ASCII name (fold.go): letters
    in lower case, and with ``s`` and ``k`` for the long s and the Kelvin sign."""
    return key.translate(_FOLDED)
