"""``kgate schema``: the JSON Schema of the JSON report."""

from __future__ import annotations

import click

from kgate.commands import console


@click.command()
def schema() -> None:
    """Print the JSON Schema of the JSON report."""
    from importlib.resources import files

    console.print_pieces([(files("kgate") / "schemas" / "report-2.json").read_text(encoding="utf-8")])
