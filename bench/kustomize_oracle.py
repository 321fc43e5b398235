"""Checks the places that kgate claims for the fields that kustomize builds.

Run ``python -m bench.kustomize_oracle FOLDER... --kubectl BINARY --sample N``. For every root kustomization that builds
offline, it counts how the fields of pods were located, then edits sources at claimed places in a copy, builds, and
compares the fields that changed with those that claim the place. Exits with 1 if an edit changed something else.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from kgate.kubernetes.workload import find_workload
from kgate.model import Json, Location, Resource, child_pointer, pointer_tokens
from kgate.rendering.detect import KUSTOMIZATION_NAMES
from kgate.rendering.kustomize import graph
from kgate.rendering.kustomize.copy import Copy
from kgate.rendering.kustomize.locate import BuiltDocument, Claim
from kgate.rendering.kustomize.marks import IDENTITY
from kgate.rendering.kustomize.render import render as build_kustomization
from kgate.rendering.kustomize.requests import KustomizationRequest
from kgate.rendering.kustomize.transformers import HASH
from kgate.rendering.requests import RenderOptions
from kgate.rendering.tools import Tool
from kgate.rendering.workspace import Workspace
from kgate.repository import Repository, find_root
from kgate.yamltree.nodes import compose, resolve

Key = tuple[str, str, str, str, int, str]
"""A field of a build: apiVersion, kind, namespace, name without a hash, index among equals, pointer."""

EXACT = ("marked", "looked up")
VERDICTS = (
    "exact",
    "right, and more changed",
    "right, and less changed",
    "refused",
    "not editable",
    "WRONG",
    "right, a rename",
)


@dataclass
class Tally:
    """The counts for one root or for several."""

    how: Counter[str] = field(default_factory=Counter)
    edits: Counter[tuple[str, str]] = field(default_factory=Counter)
    built: int = 0
    unbuilt: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Adds the counts of another one."""
        self.how += other.how
        self.edits += other.edits
        self.built += other.built
        self.unbuilt += other.unbuilt
        self.lines += other.lines


def leaves(value: Json, pointer: str) -> Iterator[tuple[str, Json]]:
    """Yields the scalars and empty collections of a value."""
    if isinstance(value, dict) and value:
        for key, member in value.items():
            yield from leaves(member, child_pointer(pointer, key))
    elif isinstance(value, list) and value:
        for index, member in enumerate(value):
            yield from leaves(member, child_pointer(pointer, index))
    else:
        yield pointer, value


DEFINITION = re.compile(r"^kind: CustomResourceDefinition$", re.M)


def fields(output: str) -> dict[Key, Json]:
    """Returns every field of a build."""
    found: dict[Key, Json] = {}
    seen: Counter[tuple[str, ...]] = Counter()
    for text in output.split("\n---\n"):
        if DEFINITION.search(text):
            continue  # kgate does not parse them
        root = next(compose(text), None)
        body = root.value if root is not None else None
        if body is None:
            continue
        metadata = body.get("metadata") or {}
        name = HASH.sub("", str(metadata.get("name") or ""))
        own = (str(body.get("apiVersion")), str(body.get("kind")), str(metadata.get("namespace") or ""), name)
        for pointer, value in leaves(body, ""):
            found[(*own, seen[own], pointer)] = value
        seen[own] += 1
    return found


def build(kubectl: str, folder: Path) -> str | None:
    """Returns what kubectl builds from a folder, or None if it refuses."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [kubectl, "kustomize", str(folder)], capture_output=True, env={"PATH": home, "HOME": home}, check=False
        )
    return done.stdout.decode("utf-8") if done.returncode == 0 else None


# ------------------------------------------------------------------------------------------ one root


@dataclass
class Root:
    """One kustomization that was rendered, and the claims of all its fields."""

    folder: Path
    repository: Path
    kubectl: str
    clean: dict[Key, Json]
    claims: dict[Key, Claim]
    by_place: dict[tuple[str, int, int], set[Key]]
    tree: Path
    top: Path


def examine(folder: Path, repository: Path, kubectl: str, sample: int) -> Tally:
    """Counts the coverage and the edits of one root."""
    tally = Tally()
    version = "v5"
    with Workspace(Repository.at(repository)) as workspace:
        tool = Tool("kubectl", Path(kubectl), version)
        contents = build_kustomization(KustomizationRequest(folder), workspace, tool, RenderOptions())
        if contents.problems:
            tally.unbuilt[reason(contents.problems[0].message)] += 1
            refused = [p for p in contents.problems if "cannot build" in p.message or "component" in p.message]
            if refused and build(kubectl, folder) is not None:
                tally.lines.append(f"  kgate alone refuses {folder.relative_to(repository)}: {refused[0]}")
                tally.edits["marked", "WRONG"] += 1
            return tally
        tally.built = 1
        tally.lines += [f"  {folder.relative_to(repository)}: {note.message}" for note in contents.notes]
        plain = build(kubectl, folder)
        claims = all_claims(contents.resources)
        clean = fields(plain or "")
        if plain is not None and clean != values(contents.resources):
            tally.lines.append(f"  {folder.relative_to(repository)}: kgate builds something else than kubectl")
            tally.edits["marked", "WRONG"] += 1
        pods = pod_keys(contents.resources)
        tally.how += Counter(claims[key].how for key in pods)
        copy = Copy.make(workspace, folder, graph.follow([folder], Repository.at(repository)))
        places: dict[tuple[str, int, int], set[Key]] = defaultdict(set)
        for key, claim in claims.items():
            for place in parts(claim.location):
                places[place].add(key)
        root = Root(folder, repository, kubectl, clean, claims, places, copy.clean, copy.repository.root)
        if plain is not None:
            mutate(root, pods, sample, tally)
    return tally


def parts(location: Location) -> Iterator[tuple[str, int, int]]:
    """Yields the places of all parts of a value."""
    yield location.path, location.start.line, location.start.column
    for related in location.related:
        if related.message == "part of the value":
            yield related.location.path, related.location.start.line, related.location.start.column


def reason(message: str) -> str:
    """Returns the kind of a problem."""
    words = ("remote base", "component", "leads out", "chart", "cannot build", "circle")
    return next((word for word in words if word in message), "other")


def all_claims(resources: tuple[Resource, ...]) -> dict[Key, Claim]:
    """Returns the claim for every field, by kgate's own functions."""
    found: dict[Key, Claim] = {}
    seen: Counter[tuple[str, ...]] = Counter()
    for resource in resources:
        own = own_key(resource)
        document = cast("BuiltDocument", resource.locator)
        for pointer, _ in leaves(resource.body, ""):
            found[(*own, seen[own], pointer)] = document.claim(pointer)
        seen[own] += 1
    return found


def values(resources: tuple[Resource, ...]) -> dict[Key, Json]:
    """Returns the value of every field."""
    found: dict[Key, Json] = {}
    seen: Counter[tuple[str, ...]] = Counter()
    for resource in resources:
        own = own_key(resource)
        found |= {(*own, seen[own], pointer): value for pointer, value in leaves(resource.body, "")}
        seen[own] += 1
    return found


def own_key(resource: Resource) -> tuple[str, str, str, str]:
    """Returns what identifies a resource."""
    who = resource.id
    return who.api_version, who.kind, who.namespace, HASH.sub("", who.name)


def pod_keys(resources: tuple[Resource, ...]) -> list[Key]:
    """Returns the fields of all pods."""
    found: dict[Key, None] = {}
    seen: Counter[tuple[str, ...]] = Counter()
    for resource in resources:
        own = own_key(resource)
        workload = find_workload(resource)
        for pod in workload.pods if workload else ():
            found |= {(*own, seen[own], pointer): None for pointer, _ in leaves(pod.spec, pod.pointer)}
        seen[own] += 1
    return list(found)


# ---------------------------------------------------------------------------------------------- edits

EDITABLE = re.compile(r"[\w./:@=-]*[\w./:@-]|\"[^\"\\{}]*\"|'[^'{}]*'", re.A)
KEYED = re.compile(r"(?:[\w./$-]+|\"[^\"]*\"|'[^']*')\s*:\s+")


def edited(raw: str, chance: random.Random) -> str:
    """Returns another value of the same type and shape."""
    word = f"kgmut{chance.randrange(10**6)}"
    if raw in ("true", "false"):
        return "false" if raw == "true" else "true"
    if re.fullmatch(r"\d+", raw):
        return str(int(raw) + 7)
    quote = raw[0] if raw[0] in "\"'" else ""
    body = raw.strip(quote) if quote else raw
    head = re.match(r"[^=]*=|.*:|", body)  # KEY=value, name:tag
    return f"{quote}{head[0] if head else ''}{word}{quote}"


def mutate(root: Root, pods: list[Key], sample: int, tally: Tally) -> None:
    """Edits sources at claimed places, half of them places of pods, marked and looked-up ones alike."""
    seed = hashlib.sha256(str(root.folder.relative_to(root.repository)).encode()).hexdigest()
    chance = random.Random(seed)
    inside = set(pods)
    groups = [
        [key for key in sorted(root.claims) if root.claims[key].how == how and (key in inside) is is_pod]
        for how in EXACT
        for is_pod in (True, False)
    ]
    for keys in groups:
        unique = list({next(parts(root.claims[key].location)): key for key in keys}.values())
        for key in chance.sample(unique, min(sample, len(unique))):
            verdict, edit = judge(root, key, chance)
            tally.edits[root.claims[key].how, verdict] += 1
            if verdict not in ("exact", "not editable", "refused", "right, a rename"):
                tally.lines.append(f"  {verdict}: {root.folder.relative_to(root.repository)} {edit}")


def judge(root: Root, key: Key, chance: random.Random) -> tuple[str, str]:
    """Returns the verdict on one claim, and a line to print about it."""
    place = root.claims[key].location
    file = root.tree / "tree" / (root.repository / place.path).relative_to(root.top)
    text = file.read_bytes().decode("utf-8")
    lines = text.split("\n")
    line = lines[place.start.line - 1]
    region = line[place.start.column - 1 : place.end.column - 1]
    match = KEYED.match(region)
    raw = region[match.end() :] if match else region
    start = place.start.column - 1 + (match.end() if match else 0)
    if not EDITABLE.fullmatch(raw) or (match is None and not pointer_tokens(key[-1])[-1].isdigit()):
        return "not editable", ""
    new = edited(raw, chance)
    lines[place.start.line - 1] = line[:start] + new + line[start + len(raw) :]
    edit = f"{place} {raw!r} -> {new!r} for {key[1]}/{key[3]} {key[-1]}"
    file.write_bytes("\n".join(lines).encode("utf-8"))
    try:
        output = build(root.kubectl, root.tree / "tree" / root.folder.relative_to(root.top))
    finally:
        file.write_bytes(text.encode("utf-8"))
    return (compare(root, key, fields(output), new.strip("\"'")), edit) if output is not None else ("refused", edit)


def compare(root: Root, key: Key, after: dict[Key, Json], new: str) -> str:
    """Returns how the changed fields relate to those that claim the place."""
    clean = root.clean
    changed = {k for k in clean.keys() | after.keys() if clean.get(k, missing) != after.get(k, missing)}
    hashed = {k for k in changed if isinstance(clean.get(k), str) and HASH.search(str(clean[k]))}
    changed -= hashed - {key}
    expected = root.by_place[next(parts(root.claims[key].location))] - (hashed - {key})
    if changed == expected and shows(after.get(key), new):
        return "exact"
    is_identity = pointer_tokens(key[-1])[-1] in (*IDENTITY, "apiVersion", "kind")
    if is_identity and any(shows(value, new) for other, value in after.items() if other in changed):
        return "right, a rename"
    if key not in changed or not shows(after.get(key), new):
        return "WRONG"
    if changed > expected:
        return "right, and more changed"
    return "right, and less changed"


def shows(value: Json, new: str) -> bool:
    """True if a field has the value that was written into the source, or its changing part."""
    word = new.rpartition("kgmut")
    texts = [str(value).lower()]
    with contextlib.suppress(ValueError):
        texts.append(base64.b64decode(str(value)).decode("utf-8"))
    return any((word[1] + word[2] if word[1] else str(resolve(new)).lower()) in text for text in texts)


missing = object()

# -------------------------------------------------------------------------------------- command line


def kustomizations(start: Path) -> Iterator[Path]:
    """Yields the folders below one that have a kustomization."""
    for current, folders, names in os.walk(start):
        folders[:] = sorted(name for name in folders if name != ".git")
        if any(name in names for name in KUSTOMIZATION_NAMES):
            yield Path(current)


def show(title: str, tally: Tally) -> None:
    """Prints the tables of one corpus."""
    total = max(sum(tally.how.values()), 1)
    exact = sum(tally.how[how] for how in EXACT)
    key = tally.how["transformer"] + tally.how["generator"]
    print(f"{title}: {tally.built} roots built; not built: {dict(tally.unbuilt)}")
    print(f"  pod fields {sum(tally.how.values())}: exact {exact} = {100 * exact / total:.2f} %", end="")
    print(f" (marked {tally.how['marked']}, looked up {tally.how['looked up']}),", end="")
    print(f" transformer key {key}, approximate {tally.how['approximate']}")
    for how in EXACT:
        counts = {verdict: tally.edits[how, verdict] for verdict in VERDICTS if tally.edits[how, verdict]}
        print(f"  edits, {how}: {counts}")
    for line in tally.lines:
        print(line)


def main() -> int:
    """Examines the roots below the folders. Returns 1 if a claim was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--kubectl", default="kubectl")
    parser.add_argument("--sample", type=int, default=2, help="edits per root, for each of four kinds of claims")
    options = parser.parse_args()
    kubectl = shutil.which(options.kubectl)
    if kubectl is None:
        parser.error(f"{options.kubectl}: no such program")
    everything = Tally()
    for start in options.folders:
        repository = find_root([start])
        roots = graph.Kustomizations(Repository(repository)).roots(kustomizations(Path(os.path.realpath(start))))
        tally = Tally()
        with ProcessPoolExecutor(max_workers=2) as pool:
            futures = [pool.submit(examine, root, repository, kubectl, options.sample) for root in roots]
            for future in futures:
                tally.add(future.result())
        show(start.name, tally)
        everything.add(tally)
    everything.lines.clear()
    show("all", everything)
    wrong = sum(count for (_, verdict), count in everything.edits.items() if verdict == "WRONG")
    return 1 if wrong or not everything.built else 0


if __name__ == "__main__":
    sys.exit(main())
