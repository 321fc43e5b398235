"""What people call a rule -> the rules that are meant: an id, that of another scanner, or a part of a name."""

from __future__ import annotations

import re
from collections.abc import Iterable

from kgate.errors import RuleError
from kgate.model import Rule
from kgate.yamltree.fields import suggestion

_WORD = re.compile(r"[a-z0-9]+")
_TRIVY = re.compile(r"(?:avd)?ksv([0-9]+)")


def look_up(rules: Iterable[Rule], name: str) -> tuple[Rule, ...]:
    """The rule with that id; else those that cover the rule of another scanner with that id (``KSV017``,
    ``CKV_K8S_16``); else those with all these words in their id or title. Raises RuleError, with the nearest id, if
    there is none."""
    known = tuple(rules)
    wanted = _plain(name)
    for found in (
        tuple(rule for rule in known if rule.id == name.strip().lower()),
        tuple(rule for rule in known if wanted and any(_plain(peer) == wanted for _, peer in rule.equivalents)),
        tuple(rule for rule in known if _has_words(rule, name)),
    ):
        if found:
            return found
    near = suggestion(name, [rule.id for rule in known]) or "; `kgate rules list` shows all"
    raise RuleError(f"no rule, of kgate or of another scanner, is called '{name}'{near}")


def _plain(name: str) -> str:
    """An id without case, separators and Trivy's prefix and zeros: its KSV-0017 was AVD-KSV-0017 and KSV017."""
    plain = "".join(_WORD.findall(name.lower()))
    match = _TRIVY.fullmatch(plain)
    return f"ksv{match[1].lstrip('0')}" if match else plain


def _has_words(rule: Rule, name: str) -> bool:
    words = _WORD.findall(name.lower())
    text = f"{rule.id} {rule.title.lower()}"
    return bool(words) and all(word in text for word in words)
