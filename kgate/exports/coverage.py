"""docs/coverage.md: which privilege rules of each peer kgate's rules answer, and which not and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from kgate.model import Json, Rule


@dataclass(frozen=True, slots=True)
class PeerRule:
    """A rule of another tool; ``unanswered`` says why kgate has no answer."""

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
    """The peers of docs/peers.yaml."""
    return tuple(
        Peer(
            name,
            str(peer["version"]),
            tuple(PeerRule(str(r["id"]), str(r["about"]), r.get("unanswered")) for r in peer["rules"]),
        )
        for name, peer in catalogue.items()
    )


def answers(rules: Iterable[Rule]) -> dict[tuple[str, str], tuple[str, ...]]:
    """The ids of kgate's rules for each (peer, id) that one of them names as equivalent."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for rule in rules:
        for key in rule.equivalents:
            found[key] = (*found.get(key, ()), rule.id)
    return found


def table(peers: Iterable[Peer], rules: Iterable[Rule]) -> str:
    """The whole document."""
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
        links = ", ".join(f"[{name}](rules.md#{name})" for name in names)
        yield f"| {rule.id} | {rule.about} | {links or f'not: {rule.unanswered}'} |"
