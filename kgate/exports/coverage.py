"""docs/coverage.md: which privilege rules of each peer kgate's rules cover, and why the others are not covered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from kgate.model import Json, Rule
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class PeerRule:
    """A rule of another tool; ``unanswered`` says why no rule of kgate covers it."""

    id: str
    about: str
    unanswered: str | None


@dataclass(frozen=True, slots=True)
class Peer:
    """Another tool and its privilege rules."""

    name: str
    version: str
    rules: tuple[PeerRule, ...]


def parse_peers(catalogue: Mapping[str, Json]) -> tuple[Peer, ...]:
    """Returns the peers that docs/peers.yaml describes."""
    return tuple(
        Peer(
            name,
            str(peer["version"]),
            tuple(PeerRule(str(r["id"]), str(r["about"]), r.get("unanswered")) for r in peer["rules"]),
        )
        for name, peer in catalogue.items()
    )


def answers(rules: Iterable[Rule]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Returns the ids of kgate's rules by the (peer, id) that they name as equivalent."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for rule in rules:
        for key in rule.equivalents:
            found[key] = (*found.get(key, ()), rule.id)
    return found


def table(peers: Iterable[Peer], rules: Iterable[Rule]) -> str:
    """Returns the text of docs/coverage.md."""
    answered = answers(rules)
    lines = [
        "# Coverage of the peers' privilege rules",
        "",
        "<!-- Generated from docs/peers.yaml and rules/ by `python docs/generate.py`; do not edit. -->",
    ]
    for peer in peers:
        lines += ["", *_section(peer, answered)]
    return "\n".join(lines) + "\n"


def _section(peer: Peer, answered: Mapping[tuple[str, str], tuple[str, ...]]) -> Iterator[str]:
    count = sum((peer.name, rule.id) in answered for rule in peer.rules)
    yield f"## {peer.name}"
    yield ""
    yield f"{peer.version}: {count} of {len(peer.rules)} rules answered."
    yield ""
    yield "| rule | about | kgate |"
    yield "| --- | --- | --- |"
    for rule in peer.rules:
        names = answered.get((peer.name, rule.id), ())
        links = ", ".join(f"[{name}](rules/{name}.md)" for name in names)
        yield f"| {rule.id} | {rule.about} | {links or f'not: {rule.unanswered}'} |"
