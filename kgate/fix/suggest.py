"""Says of each finding of a report what would fix it, as replacements in its file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from kgate.fix.manifests import ManifestFixer
from kgate.fix.plan import plan
from kgate.model import Finding, Replacement
from kgate.yamltree.text import SourceText

Read = Callable[[str], str | None]
"""Returns the text of a file by its path in the report; None if it cannot be read."""


class Suggestions:
    """The safe fixes of findings in plain manifests: those of what is rendered are not known before that is rendered
    again. Findings that one edit fixes share it."""

    def __init__(self, findings: Iterable[Finding], fixer: ManifestFixer, read: Read) -> None:
        self._fixer = fixer
        self._read = read
        self._by_path: dict[str, list[Finding]] = defaultdict(list)
        self._known: dict[str, Mapping[int, tuple[Replacement, ...]]] = {}
        for finding in findings:
            if finding.remedy is not None and finding.remedy.changes and not finding.renderings:
                self._by_path[finding.location.path].append(finding)

    def of(self, finding: Finding) -> tuple[Replacement, ...]:
        """Returns the replacements that fix a finding of the report; none if it is not known how."""
        path = finding.location.path
        if path not in self._known:
            self._known[path] = self._planned(path)
        return self._known[path].get(id(finding), ())

    def _planned(self, path: str) -> Mapping[int, tuple[Replacement, ...]]:
        findings = [one for one in self._by_path.get(path, ()) if one.remedy is not None and not one.remedy.doubt]
        text = self._read(path) if findings else None
        if text is None:
            return {}
        source = SourceText(path, text)
        is_plain = "kgate" not in text and all(_is_built_in(finding.resource.api_version) for finding in findings)
        fixed = (plan(text, findings) if is_plain else self._fixer.plan(path, text, findings)).fixed
        return {
            id(one.finding): tuple(
                Replacement(source.position(edit.start), source.position(edit.end), edit.text) for edit in one.edits
            )
            for one in fixed
        }


def _is_built_in(api_version: str) -> bool:
    """True for a group of Kubernetes' own workloads, whose pods are where their fields say. So there is no need to
    judge once more, which takes longer than all the rest, unless a waiver in the file may be parted from something."""
    return api_version.partition("/")[0] in ("v1", "apps", "batch", "extensions")
