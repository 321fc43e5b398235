"""Settings of pytest for all tests."""

from __future__ import annotations

import os


def pytest_xdist_auto_num_workers() -> int:
    """One and a half worker for each core: many tests wait for programs and for time limits."""
    return max(2, (os.cpu_count() or 1) * 3 // 2)
