"""Rule files for tests, written short."""

from __future__ import annotations

from kgate.falco.faults import LoadFault
from kgate.falco.loading import LoadedRules, load


def rule(name: str = "Made", condition: str = "ka.verb = create", more: str = "", output: str = "o") -> str:
    """A rule of source k8s_audit; ``more`` holds further lines."""
    lines = "".join(f"  {line}\n" for line in more.splitlines())
    return (
        f"- rule: {name}\n  desc: d\n  condition: {condition}\n  output: {output}\n  priority: INFO\n"
        f"  source: k8s_audit\n{lines}"
    )


def loaded(*texts: str) -> LoadedRules:
    """Loads texts as files a.yaml, b.yaml, …"""
    return load((f"{chr(ord('a') + index)}.yaml", text.encode()) for index, text in enumerate(texts))


def told(*texts: str) -> list[str]:
    """The faults of texts, each as ``line:column CODE message``."""
    return [short(fault) for fault in loaded(*texts).faults]


def short(fault: LoadFault) -> str:
    start = fault.place.start
    code = fault.code.removeprefix("LOAD_").removeprefix("ERR_")
    return f"{start.line}:{start.column} {code} {fault.message}"
