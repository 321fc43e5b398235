"""Replays the events of Falco's retired tests of audit rules, and compares which rules fire.

    python -m bench.falco_traces --falco FOLDER --plugins FOLDER

The folders are clones of falcosecurity/falco, with its history, and of plugins. The tests ended with commit b1ae5d3d;
each names rule files, events, and the rules that must fire, or that none may. Left out are those of an older format of
rules and of the reader of events. Rules and lists that have other names by now are mapped. Prints every difference, and
exits with 1 if there is one.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from kgate.falco.loading import load
from kgate.falco.replay import Replay

_COMMIT = "b1ae5d3d^"
_FOLDER = "test"
_LISTS = {
    f"falco_{name}_images": f"k8s_audit_{name}_images" for name in ("sensitive_mount", "privileged", "hostnetwork")
}
_RULES = {
    "K8s Role/Clusterrole Created": "K8s ClusterRole Created",
    "K8s Role/Clusterrole Deleted": "K8s ClusterRole Deleted",
    "K8s Role/Clusterrolebinding Created": "K8s ClusterRoleBinding Created",
    "K8s Role/Clusterrolebinding Deleted": "K8s ClusterRoleBinding Deleted",
}
"""What the rules and lists of then are called now."""


class _Loader(yaml.SafeLoader):
    """Reads the tests, whose mapping has a tag of its own."""


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> Any:
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor("!mux", _mapping)


class Traces:
    """The retired tests, from the history of a clone."""

    def __init__(self, falco: Path, plugins: Path) -> None:
        self._falco = falco
        self._rules = (plugins / "plugins/k8saudit/rules/k8s_audit_rules.yaml").read_bytes()

    def tests(self) -> dict[str, Any]:
        """Returns the tests that still apply, by name."""
        found = yaml.load(self._show("falco_k8s_audit_tests.yaml"), _Loader)["trace_files"]
        return {
            name: test
            for name, test in found.items()
            if "stderr_contains" not in test and not any("engine_v4" in file for file in test["rules_file"])
        }

    def fired(self, test: Any) -> Counter[str]:
        """Returns which rules fire for the events of a test, and how often. Raises ValueError."""
        names = test["rules_file"] if isinstance(test["rules_file"], list) else [test["rules_file"]]
        loaded = load((name, self._file(name)) for name in names if "falco_rules" not in name)
        if loaded.is_refused:
            raise ValueError("; ".join(str(fault) for fault in loaded.faults if fault.code.is_error))
        trace = re.search(r"open_params=(\S+)", test["addl_cmdline_opts"])
        assert trace is not None
        with tempfile.NamedTemporaryFile() as file:
            Path(file.name).write_bytes(self._show(trace[1]))
            replay = Replay(loaded.ruleset.rules, is_first=True)
            return Counter(alert.rule.name for alert in replay.alerts([file.name]))

    def _file(self, name: str) -> bytes:
        text = self._rules if name.startswith("BUILD_DIR") else self._show(name.removeprefix("./"))
        for old, new in _LISTS.items():
            text = text.replace(old.encode(), new.encode())
        return text

    def _show(self, name: str) -> bytes:
        command = ("git", "-C", self._falco, "show", f"{_COMMIT}:{_FOLDER}/{name}")
        return subprocess.run(command, check=True, capture_output=True).stdout


def main() -> int:
    """Compares everything; returns the exit code."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("falco", "plugins"):
        options.add_argument(f"--{name}", type=Path, required=True, metavar="FOLDER")
    chosen = options.parse_args()
    traces = Traces(chosen.falco, chosen.plugins)
    tests = traces.tests()
    same = 0
    for name, test in tests.items():
        counts = [
            (_RULES.get(rule, rule), count) for one in test.get("detect_counts", ()) for rule, count in one.items()
        ]
        fired = traces.fired(test)
        if all(fired[rule] == count for rule, count in counts) and bool(fired) is test["detect"]:
            same += 1
        else:
            print(f"{name}: expected {dict(counts)}, fired {dict(fired)}")
    print(f"{same} of {len(tests)} tests alike")
    return 0 if same == len(tests) > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
