"""Counts how often each rule fires on real repositories: ``python -m bench.firing FOLDER… --helm PROGRAM``.

A FOLDER is a checkout, or a chart. Each is scanned twice, with all rules and with those of the default persona, and the
table is printed in Markdown: it stands in docs/personas.md, with the names and commits of what was scanned.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.measure import KGATE
from kgate.model import Persona
from kgate.rules.load import load

_SECONDS = 900


@dataclass(slots=True)
class Tally:
    """What the scans of one persona found: workloads, those that pass, findings by rule, and objects by rule."""

    workloads: int = 0
    passed: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    offending: Counter[str] = field(default_factory=Counter)

    def add(self, report: Mapping[str, Any]) -> None:
        """Adds the report of one repository. What a report counts without listing it is left out."""
        self.workloads += len(report["workloads"])
        self.passed += sum(workload["passed"] for workload in report["workloads"])
        self.findings.update(finding["rule"] for finding in report["findings"])
        pairs = {(finding["rule"], _key(finding["resource"])) for finding in report["findings"]}
        self.offending.update(rule for rule, _ in pairs)


def _key(resource: Mapping[str, str]) -> str:
    return json.dumps(resource, sort_keys=True)


def scan(folder: Path, persona: Persona, helm: str | None) -> Mapping[str, Any]:
    """The report of one repository. Raises CalledProcessError if there is none."""
    options = ("-f", "json", "--persona", persona.label, "--unjudged", "note", "--timeout", str(_SECONDS))
    tool = ("--helm-bin", helm) if helm else ()
    run = subprocess.run((*KGATE, "scan", ".", *options, *tool), cwd=folder, capture_output=True, check=False)
    if not run.stdout:
        raise subprocess.CalledProcessError(run.returncode, run.args, stderr=run.stderr)
    report: Mapping[str, Any] = json.loads(run.stdout)
    return report


def commit(folder: Path) -> str:
    """The commit of a checkout, shortened; empty for a folder without one."""
    run = subprocess.run(
        ("git", "-C", folder, "rev-parse", "--short=10", "HEAD"), capture_output=True, text=True, check=False
    )
    return run.stdout.strip()


def table(before: Tally, after: Tally) -> Iterator[str]:
    """The lines of the table, the rule that most workloads offend first."""
    personas = {rule.id: rule.persona for rule in load()}
    yield "| rule | persona | objects with it | findings, all rules | findings, default |"
    yield "| --- | --- | ---: | ---: | ---: |"
    for rule, count in sorted(before.offending.items(), key=lambda pair: (-pair[1], pair[0])):
        yield f"| {rule} | {personas[rule].label} | {count:,} | {before.findings[rule]:,} | {after.findings[rule]:,} |"
    yield f"| all | | | {before.findings.total():,} | {after.findings.total():,} |"
    yield ""
    for name, tally in (("all rules", before), ("the default persona", after)):
        yield f"- With {name} {tally.passed:,} of {tally.workloads:,} workloads pass at the default score of 60."


def main(arguments: Sequence[str] | None = None) -> None:
    """Scans the folders and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--helm")
    options = parser.parse_args(arguments)
    print("\n".join(_lines(options.folders, options.helm)))


def _lines(folders: Iterable[Path], helm: str | None) -> Iterator[str]:
    before, after = Tally(), Tally()
    scanned = []
    for folder in folders:
        before.add(scan(folder, Persona.PEDANTIC, helm))
        after.add(scan(folder, Persona.GATE, helm))
        scanned.append(f"- {folder.name.replace('+', '/')} {commit(folder)}".rstrip())
    yield from table(before, after)
    yield from ("", f"{len(scanned)} folders were scanned:", "", *scanned)


if __name__ == "__main__":
    main()
