"""The entries of taxonomies that rules refer to: CWE, the CIS benchmark and the Pod Security Standards."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from kgate.model import Rule
from kgate.values import dataclass

_CWE_TITLE = re.compile(r"CWE-(\d+)(?:: (.+))?")
_CWE_TAG = re.compile(r"cwe-(\d+)")
_CIS_TITLE = re.compile(r"CIS Kubernetes Benchmark (\d+(?:\.\d+)+)(?:: (.+))?")
_PSS_PAGE = "https://kubernetes.io/docs/concepts/security/pod-security-standards/"


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """A taxonomy: its name, its publisher, what it is and its page."""

    name: str
    organization: str
    description: str
    url: str


CWE = Taxonomy("CWE", "MITRE", "The Common Weakness Enumeration.", "https://cwe.mitre.org/")
CIS = Taxonomy(
    "CIS Kubernetes Benchmark",
    "Center for Internet Security",
    "The CIS Kubernetes Benchmark.",
    "https://www.cisecurity.org/benchmark/kubernetes",
)
PSS = Taxonomy("Pod Security Standards", "Kubernetes", "The Pod Security Standards of Kubernetes.", _PSS_PAGE)
TAXONOMIES = (CWE, CIS, PSS)


@dataclass(frozen=True, slots=True)
class Taxon:
    """One entry of a taxonomy."""

    taxonomy: Taxonomy
    id: str
    title: str
    url: str

    @property
    def order(self) -> tuple[int, ...]:
        """Sorts entries by the numbers in their ids: 5.2.9 before 5.2.10."""
        return tuple(int(number) for number in re.findall(r"\d+", self.id))


def taxa(rule: Rule) -> list[Taxon]:
    """Returns the entries that a rule refers to, each once; those of its references come first."""
    found = {(taxon.taxonomy.name, taxon.id): taxon for taxon in reversed(list(_taxa(rule)))}
    return [found[key] for key in sorted(found, reverse=True)]


def _taxa(rule: Rule) -> Iterator[Taxon]:
    for reference in rule.references:
        if match := _CWE_TITLE.fullmatch(reference.title):
            yield _weakness(match[1], match[2] or "")
        elif match := _CIS_TITLE.fullmatch(reference.title):
            yield Taxon(CIS, match[1], match[2] or "", reference.url)
    for tag in rule.tags:
        if match := _CWE_TAG.fullmatch(tag):
            yield _weakness(match[1], "")
    for check in rule.pss:
        yield Taxon(PSS, f"{check.level}/{check.check}", "", f"{_PSS_PAGE}#{check.level}")


def _weakness(number: str, title: str) -> Taxon:
    return Taxon(CWE, f"CWE-{number}", title, f"https://cwe.mitre.org/data/definitions/{number}.html")


def entries(rules: Sequence[Rule], taxonomy: Taxonomy) -> list[Taxon]:
    """Returns the entries of a taxonomy that rules refer to, sorted, with a title if one of the rules has it."""
    found: dict[str, Taxon] = {}
    for rule in rules:
        for taxon in taxa(rule):
            if taxon.taxonomy is taxonomy and not (taxon.id in found and found[taxon.id].title):
                found[taxon.id] = taxon
    return sorted(found.values(), key=lambda taxon: (taxon.order, taxon.id))
