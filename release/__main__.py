"""The commands of a release: ``python -m release COMMAND``, in a clone."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from release import changelog, packages, sbom, tags, trial, version
from release.errors import ReleaseError

ROOT = Path(__file__).parent.parent


def main(arguments: Sequence[str]) -> int:
    """Runs a command. Returns the exit code: 1 if the release must not be made."""
    given = _parser().parse_args(arguments)
    try:
        print(_run(given))
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"release: {' '.join(error.cmd)} failed with {error.returncode}", file=sys.stderr)
        return 1
    return 0


def _run(given: argparse.Namespace) -> str:
    """Returns what a command prints."""
    match given.command:
        case "check":
            return version.outputs(ROOT, given.tag)
        case "build":
            return "\n".join(path.name for path in packages.build(ROOT, given.folder))
        case "try":
            return trial.run(ROOT, given.python)
        case "sbom":
            return sbom.write(ROOT, given.python, given.file)
        case "notes":
            return changelog.section(ROOT, given.tag)
        case _:
            return tags.move(ROOT, given.tag)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m release", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    tag = argparse.ArgumentParser(add_help=False)
    tag.add_argument("tag", help="v and the version; empty in a dry run, which takes the version of the source")
    python = argparse.ArgumentParser(add_help=False)
    python.add_argument("python", type=Path, help="the Python of an environment with the wheel")
    commands.add_parser("check", parents=[tag], help="compare tag, source and changelog; print outputs of a step")
    commands.add_parser("notes", parents=[tag], help="print the section of CHANGELOG.md")
    commands.add_parser("float", parents=[tag], help="let the tag of the major version, such as v1, follow the release")
    build = commands.add_parser("build", help="build and check the source distribution and the wheel")
    build.add_argument("folder", type=Path, help="an empty folder, or none yet")
    commands.add_parser("try", parents=[python], help="run the README's first command there")
    bill = commands.add_parser("sbom", parents=[python], help="write what kgate needs there, as CycloneDX")
    bill.add_argument("file", type=Path)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
