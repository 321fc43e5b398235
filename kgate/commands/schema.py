"""``kgate schema``: the JSON Schemas of the files that kgate reads and writes."""

from __future__ import annotations

import click

from kgate.commands import console
from kgate.commands.groups import OneOf

_FILES = {
    "report": "report-2.json",
    "config": "config-1.json",
    "rule": "rule-1.json",
    "waivers": "waivers-1.json",
    "baseline": "baseline-1.json",
    "diff": "diff-1.json",
}


@click.command(epilog="\b\nExamples:\n  kgate schema\n  kgate schema config > kgate.schema.json")
@click.argument(
    "name", type=OneOf(list(_FILES)), default="report", metavar="[report|config|rule|waivers|baseline|diff]"
)
def schema(name: str) -> None:
    """Print the JSON Schema of the JSON report, of kgate.yaml, of a rule file, of kgate-waivers.yaml, of a
    baseline, or of what kgate diff -f json prints."""
    from importlib.resources import files

    console.print_pieces([(files("kgate") / "schemas" / _FILES[name]).read_text(encoding="utf-8")])
