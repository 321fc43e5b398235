"""Puts what kgate makes of its rules into the wheel (kgate/rules/packaging.py), so that a start need not make it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class RulesHook(BuildHookInterface[Any]):
    """Adds ``builtin_rules.json`` to a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Writes the file, unless the package stays a clone, which reads the rules themselves."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        try:
            from kgate.rules.packaging import packaged
        except ImportError as error:  # what kgate needs is missing: it works without the file, and starts more slowly
            self.app.display_warning(f"the wheel holds no compiled rules: {error}")
            return
        finally:
            sys.path.remove(self.root)
        file = Path(self.directory, "builtin_rules.json")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(packaged(), encoding="utf-8")
        build_data["force_include"][str(file)] = "kgate/builtin_rules.json"
