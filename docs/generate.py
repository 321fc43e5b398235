"""Writes the generated documents: ``python docs/generate.py``; ``--check`` only reports which are stale."""

from __future__ import annotations

import sys
from pathlib import Path

from kgate import fileschemas
from kgate.exports import coverage, documentation
from kgate.rules import load
from kgate.rules.gate import GATE_WEAKENED
from kgate.yamltree.nodes import compose


def documents(root: Path) -> dict[Path, str]:
    """Returns the text of every generated document of a clone, by its path."""
    known = load.load()
    catalogue = next(compose((root / "docs" / "peers.yaml").read_text(encoding="utf-8"))).value
    folder = root / "kgate" / "schemas"
    return {
        **{rules_folder(root) / name: text for name, text in documentation.pages((*known, GATE_WEAKENED)).items()},
        root / "docs" / "coverage.md": coverage.table(coverage.parse_peers(catalogue), known),
        **{folder / name: text for name, text in fileschemas.schemas().items()},
    }


def rules_folder(root: Path) -> Path:
    """Returns the folder that holds generated documents only."""
    return root / "docs" / "rules"


def main(check: bool) -> int:
    """Writes or checks the documents. Returns the exit code: 1 if a checked one is stale."""
    stale = []
    root = Path(__file__).parent.parent
    wanted = documents(root)
    for path in rules_folder(root).glob("*.md"):
        if path not in wanted:
            stale.append(path.relative_to(root).as_posix())
            if not check:
                path.unlink()
    for path, text in wanted.items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(path.relative_to(root).as_posix())
            if not check:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
    for name in stale if check else ():
        print(f"{name} is stale: run python docs/generate.py")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv))
