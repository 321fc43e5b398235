"""Runs a program as on a machine that lacks something: ``python -m tests.lesser_kernel LACKS PROGRAM ARGUMENT…``."""

from __future__ import annotations

import os
import platform
import sys

from kgate.rendering import sandbox

_UNSHARE = {"x86_64": 272, "aarch64": 97}
_LANDLOCK = (444, 445, 446)

LACKS = ("nothing", "namespaces", "namespaces and Landlock")
"""What a machine may lack. The program, and all that it starts, is refused the system calls for it."""


def refused(lacks: str) -> tuple[int, ...]:
    """The numbers of the system calls that a machine refuses which lacks this."""
    unshare = (_UNSHARE[platform.machine()],)
    return {"nothing": (), "namespaces": unshare, "namespaces and Landlock": (*unshare, *_LANDLOCK)}[lacks]


if __name__ == "__main__":
    sandbox.install_filter(sandbox.refusing(refused(sys.argv[1])))
    os.execv(sys.argv[2], sys.argv[2:])
