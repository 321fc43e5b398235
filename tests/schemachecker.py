"""check-jsonschema in this process: a start of it imports for as long as it checks ten files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

import check_jsonschema
from click.testing import CliRunner

from tests.command import ROOT, Result


def check(*arguments: str, cwd: Path = ROOT) -> Result:
    """What the program answers to arguments in a folder."""
    with contextlib.chdir(cwd):
        done = CliRunner().invoke(check_jsonschema.main, arguments, catch_exceptions=False)
    return Result(done.exit_code, done.stdout, done.stderr)


def check_texts(schema: Path, folder: Path, texts: Mapping[str, str]) -> Result:
    """Checks texts by their names, as files of a folder, against a schema of JSON."""
    paths = []
    for name, text in texts.items():
        paths.append(folder / f"{name.replace(' ', '-')}.json")
        paths[-1].write_text(text, encoding="utf-8")
    return check("--schemafile", os.fspath(schema), *map(str, paths))
