"""Puts into the wheel what kgate makes of its rules (kgate/rules/packaging.py), so that a start need not make it, and
what a package brings beside the program (kgate/commands/manual.py)."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class RulesHook(BuildHookInterface[Any]):
    """Adds ``builtin_rules.json``, a manual page and completion scripts to a wheel."""

    _folder: Path | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Writes the files, unless the package stays a clone, which reads the rules themselves."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        try:
            from kgate.commands.manual import shared_files
            from kgate.rules.packaging import packaged
        except ImportError as error:  # what kgate needs is missing: it works without the files, and starts more slowly
            self.app.display_warning(f"the wheel holds no compiled rules, manual page and completions: {error}")
            return
        finally:
            sys.path.remove(self.root)
        build_data["force_include"][self._write("builtin_rules.json", packaged())] = "kgate/builtin_rules.json"
        for place, text in shared_files().items():
            build_data["shared_data"][self._write(place, text)] = place

    def _write(self, name: str, text: str) -> str:
        """Writes a file, and returns its path. Not into the folder of the build: all in there is published."""
        self._folder = self._folder or Path(tempfile.mkdtemp())
        file = self._folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return str(file)

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Removes the files, which the wheel holds now."""
        if self._folder is not None:
            shutil.rmtree(self._folder)
