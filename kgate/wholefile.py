"""Writes a file whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path


def replace(path: Path, write: Callable[[int], None], mode: int) -> None:
    """Has ``write`` fill a new file, by its descriptor, and puts it in the place of another one once it is whole.

    Several processes may do so at once: one of their files is left. Raises OSError, and what ``write`` raises.
    """
    import tempfile

    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".kgate-")
    try:
        write(handle)
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
