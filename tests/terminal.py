"""Reads what a program writes to a terminal."""

from __future__ import annotations

import os


def read_all(terminal: int) -> bytes:
    """Everything that is written to the other side of a terminal until it is closed; closes this side."""
    shown = b""
    try:
        while chunk := os.read(terminal, 4096):
            shown += chunk
    except OSError:  # Linux says so at the end of a terminal
        pass
    os.close(terminal)
    return shown
