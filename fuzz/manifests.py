"""Looks for manifests with an object that kubectl applies and that kgate neither judges nor reports as a problem.

``python -m fuzz.manifests --seconds 300`` exits with 1 at the first such input, and prints it as small as it can.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from typing import Any

from fuzz.generate import manifest as generated
from fuzz.oracle import Oracle, OracleError
from kgate.kubernetes.manifest import SKIPPABLE_KINDS, read

_NO_GO = 77
"""The exit code of a check that was skipped (as in automake)."""


def fault(oracle: Oracle, data: bytes) -> str | None:
    """Returns what kgate overlooks in the bytes of a file, in words, or None."""
    try:
        contents = read("fuzz.yaml", data)
    except Exception as error:  # noqa: BLE001 - any exception is a finding
        return f"kgate ends with {error!r}"
    if contents.problems:
        return None
    seen = [resource.body for resource in contents.resources]
    for wanted in (without_nulls(body) for body in oracle.ask(data).objects):
        if not has_place(wanted) or (contents.skipped and wanted["kind"] in SKIPPABLE_KINDS):
            continue
        if not any(same(wanted, body) for body in seen):
            return f"kubectl applies what kgate does not see: {wanted!r}"
    return None


def has_place(body: dict[str, Any]) -> bool:
    """True if a server could act on an object: none knows the kind of a list without items or accepts an object
    without a name (such as a null in a list), and OpenShift creates nothing from a Template that is applied."""
    if body["kind"] == "List" or (body["kind"] == "Template" and "objects" in body):
        return False
    return "metadata" in body or (bool(body.get("apiVersion")) and len(body) > 2)


def without_nulls(value: Any) -> Any:
    """Returns a value without null members of mappings, which count as absent."""
    if isinstance(value, dict):
        return {key: without_nulls(member) for key, member in value.items() if member is not None}
    return [without_nulls(member) for member in value] if isinstance(value, list) else value


def same(one: Any, other: Any) -> bool:
    """True if two values are the same JSON; an integer can equal a float, and True is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return one == other or float(one) == float(other)
    return bool(one == other)


def smallest(oracle: Oracle, data: bytes) -> bytes:
    """Returns a smaller input with the same fault, by leaving out parts: halves, quarters, … single bytes."""
    size = len(data) // 2
    while size:
        start = 0
        while start < len(data):
            shorter = data[:start] + data[start + size :]
            if fault(oracle, shorter):
                data = shorter
            else:
                start += size
        size //= 2
    return data


def run(oracle: Oracle, seed: int, seconds: float) -> int:
    """Tries inputs for this many seconds. Returns the exit code."""
    end = time.monotonic() + seconds
    count = 0
    while time.monotonic() < end:
        data = generated(random.Random(f"{seed}/{count}"))
        found = fault(oracle, data)
        if found:
            data = smallest(oracle, data)
            print(f"seed {seed}, input {count}: {fault(oracle, data)}\n{data!r}")
            return 1
        count += 1
    print(f"seed {seed}: {count:,} inputs, kgate overlooks nothing that kubectl applies")
    return 0


def main() -> int:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    options = parser.parse_args()
    try:
        with Oracle() as oracle:
            return run(oracle, options.seed, options.seconds)
    except OracleError as error:
        print(f"fuzz.manifests did not run: {error}")
        return _NO_GO


if __name__ == "__main__":
    sys.exit(main())
