"""Writes waivers: what a scan found -> entries -> the text of kgate-waivers.yaml, whose comments and layout stay."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date

from kgate.errors import ConfigError
from kgate.model import Finding, Problem, Remark, Report, ResourceId, Unjudged
from kgate.values import dataclass
from kgate.waiverfile import NAME, WaiverFile, WaiverPolicy, check, parse_file
from kgate.yamltree.fields import UserFile

LEAST_DIGITS = 8
"""Digits of a fingerprint that are enough to name a finding."""

_PREFIX = re.compile(rf"[0-9a-f]{{{LEAST_DIGITS},32}}")
_PLAIN = re.compile(r"[A-Za-z_/][\w ./@+()=-]*")
_LONGEST = 200
"""Letters of a message that an entry quotes."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What is said of all that is accepted at once."""

    reason: str
    owner: str = ""
    until: date | None = None


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry to write: its fields in their order, and a comment for readers."""

    fields: tuple[tuple[str, str | Sequence[str]], ...]
    comment: str = ""


@dataclass(frozen=True, slots=True)
class AskedRemark:
    """A Problem, or something that is not judged, as reports print it: ``path: message``, or the path alone."""

    kind: type[Problem] | type[Unjudged]
    path: str
    text: str = ""

    @classmethod
    def parse(cls, kind: type[Problem] | type[Unjudged], line: str) -> AskedRemark:
        """The remark that a line of a report means."""
        path, _, text = line.strip().partition(": ")
        return cls(kind, re.sub(r":[0-9]+$", "", path.strip()), text.strip())

    def fits(self, remark: Remark) -> bool:
        """True if it means a remark."""
        return isinstance(remark, self.kind) and remark.path == self.path and self.text in remark.text


# ------------------------------------------------------------------------------------------ what to accept


def of_findings(report: Report, prefixes: Iterable[str]) -> list[Finding]:
    """The findings whose fingerprints begin so, each once. Raises ConfigError for a text that is none, and for one that
    no finding has, or several."""
    found: dict[str, Finding] = {}
    for text in prefixes:
        prefix = text.strip().lower().partition(":")[0]
        if not _PREFIX.fullmatch(prefix):
            raise ConfigError(f"'{text}' is not a fingerprint: at least {LEAST_DIGITS} of its digits (0-9, a-f)")
        fitting = {one.fingerprint: one for one in report.findings if one.fingerprint.startswith(prefix)}
        if not fitting:
            advice = "scan the same paths, with the rules and persona of the report that has it"
            raise ConfigError(f"no finding of this scan has a fingerprint that begins with {prefix}; {advice}")
        if len(fitting) > 1:
            raise ConfigError(f"{len(fitting)} findings have a fingerprint that begins with {prefix}; write more of it")
        found |= fitting
    for one in found.values():
        if one.is_about_gate:
            raise ConfigError(f"{one.fingerprint} is {one.rule.id}, which cannot be waived; have the change reviewed")
    return list(found.values())


def of_remarks(report: Report, asked: Iterable[AskedRemark]) -> list[Problem | Unjudged]:
    """The Problems, and what is not judged, that are meant, each once. Raises ConfigError for one that no scan has."""
    known: tuple[Problem | Unjudged, ...] = (*report.problems, *report.unjudged)
    found: dict[Problem | Unjudged, None] = {}
    for one in asked:
        fitting = [remark for remark in known if one.fits(remark)]
        if not fitting:
            what = "problem" if one.kind is Problem else "unjudged part"
            raise ConfigError(f"this scan has no such {what} in {one.path}; copy a line of the report: PATH: MESSAGE")
        found |= dict.fromkeys(fitting)
    return list(found)


def entries(findings: Iterable[Finding], remarks: Iterable[Problem | Unjudged], terms: Acceptance) -> list[NewEntry]:
    """The entries for findings, one for those of a rule in an object, and for remarks, one for those that say the
    same."""
    objects: dict[tuple[str, str, ResourceId], list[Finding]] = {}
    for finding in findings:
        if finding.waiver is None:
            objects.setdefault((finding.rule.id, finding.source, finding.resource), []).append(finding)
    causes: dict[tuple[str, str], list[str]] = {}
    for remark in remarks:
        kind = "problem" if isinstance(remark, Problem) else "unjudged"
        paths = causes.setdefault((kind, _quoted(remark)), [])
        paths += [remark.path] if remark.path not in paths else []
    made = [_of_findings(same, terms) for same in objects.values()]
    for about, paths in causes.items():
        made.append(NewEntry((about, ("path", _one_or_all(paths)), *_said(terms))))
    return made


def _of_findings(same: Sequence[Finding], terms: Acceptance) -> NewEntry:
    """The entry of findings of a rule in an object, by the fingerprints that they have in all renderings."""
    first = same[0]
    prints = [replace(one, resource=who).fingerprint for one in same for who in one.resources]
    about = (("rule", first.rule.id), ("fingerprint", _one_or_all(prints)))
    places = dict.fromkeys(f"{one.location.path}:{one.location.start.line}" for one in same)
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    return NewEntry((*about, *_said(terms)), f"{first.resource} ({next(iter(places))}{more})")


def _one_or_all(texts: Iterable[str]) -> str | Sequence[str]:
    """The only one of some texts, or all of them, each once."""
    found = tuple(dict.fromkeys(texts))
    return found[0] if len(found) == 1 else found


def _said(terms: Acceptance) -> Iterator[tuple[str, str]]:
    yield "reason", terms.reason
    if terms.owner:
        yield "owner", terms.owner
    if terms.until is not None:
        yield "until", terms.until.isoformat()


def _quoted(remark: Remark) -> str:
    """The first line of a message, as a pattern: without the file and folder that it is about, so that the same cause
    elsewhere is the same, and cut after a word if it is long."""
    text = remark.message.split("\n", 1)[0].strip()
    for name in (remark.path, remark.path.rpartition("/")[0]):
        text = re.sub(rf"(?<![\w/]){re.escape(name)}(?![\w/])", "*", text) if name else text
    return text if len(text) <= _LONGEST else text[:_LONGEST].rpartition(" ")[0].strip() or text[:_LONGEST]


# ---------------------------------------------------------------------------------------------- the file


def appended(text: str, new: Sequence[NewEntry], policy: WaiverPolicy, today: date) -> str:
    """The text of a file with further entries. Raises ConfigError if the file is wrong, if an entry does not say what
    the policy wants, or if the entries cannot be added without touching other lines."""
    before = _parsed(text)
    if not before.entries:
        text = _EMPTY_LIST.sub("", text)
    whole = text if not text or text.endswith("\n") else f"{text}\n"
    indent = _indent(text)
    if indent is None:
        raise ConfigError(f"{NAME}: accept is not a list of entries in lines of their own; write it so, and run again")
    head = "" if _has_list(text) else "accept:\n"
    written = whole + head + "".join(_lines(entry, indent) for entry in new)
    after = _parsed(written)
    kept = [one.entry for one in after.entries[: len(before.entries)]]
    if len(after.entries) != len(before.entries) + len(new) or kept != [one.entry for one in before.entries]:
        raise ConfigError(f"{NAME}: entries cannot be added at its end; end it with the last entry of accept")
    check(WaiverFile(policy, after.entries[len(before.entries) :]), today)
    return written


def _parsed(text: str) -> WaiverFile:
    return parse_file(UserFile.parse(text.encode(), NAME, ConfigError).fields(), NAME)


def _has_list(text: str) -> bool:
    return bool(_ITEMS.search(text))


_ITEMS = re.compile(r"^accept:[ \t]*(?:#[^\n]*)?\n(?:[ \t]*(?:#[^\n]*)?\n)*(?P<indent> *)- ", re.MULTILINE)
_EMPTY = re.compile(r"^accept:", re.MULTILINE)
_EMPTY_LIST = re.compile(r"^accept:[ \t]*(?:\[[ \t]*\]|null|~)?[ \t]*\n?", re.MULTILINE)


def _indent(text: str) -> str | None:
    """The blanks before each entry; None if the list is written otherwise."""
    found = _ITEMS.search(text)
    if found is not None:
        return found["indent"]
    return None if _EMPTY.search(text) else ""


def _lines(entry: NewEntry, indent: str) -> str:
    """The lines of an entry, and its comment above."""
    lines = [f"{indent}# {_inert(entry.comment)}"] if entry.comment else []
    for number, (name, value) in enumerate(entry.fields):
        lead = "- " if number == 0 else "  "
        if isinstance(value, str):
            lines.append(f"{indent}{lead}{name}: {scalar(value)}")
            continue
        lines.append(f"{indent}{lead}{name}:")
        lines += [f"{indent}  - {scalar(one)}" for one in value]
    return "".join(f"{line}\n" for line in lines)


def _inert(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def scalar(text: str) -> str:
    """A text as YAML: plain where nothing in it means anything else, in quotes otherwise."""
    is_plain = _PLAIN.fullmatch(text) and text == text.strip() and text.lower() not in _WORDS
    return text if is_plain or _is_date(text) else json.dumps(text, ensure_ascii=not text.isprintable())


_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
