"""What Argo CD and Flux make of a kustomization file before they build it: they edit its fields in place.

Argo CD runs ``kustomize edit`` (kustomize/commands/edit) and appends patches; Flux does the same with its own code
(fluxcd/pkg, kustomize/kustomize_generator.go).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from kgate.model import Json

_KEPT = "*"
"""A part of an image that stays as the kustomization has it (kustomize edit set image)."""


def edited(content: Mapping[str, Json], additions: Mapping[str, Json]) -> dict[str, Json]:
    """The fields of a kustomization with the additions: single values are replaced, entries of lists that have a
    name replace those of the same name, labels and annotations of the same key too, and all else is appended.

    What has the wrong type takes the place of what is there, or stays there, for kustomize to complain about.
    """
    found = dict(content)
    for name, value in additions.items():
        wanted, merge = _MERGES.get(name, (object, None))
        own = found.get(name)
        if merge is None or not isinstance(value, wanted):
            found[name] = value
        elif own is None or isinstance(own, wanted):
            found[name] = merge(wanted() if own is None else own, value)
    return found


def _by_name(own: Sequence[Json], added: Sequence[Json]) -> list[Json]:
    """Entries, of which an added one takes the place of the first of its name."""
    found = list(own)
    for entry in added:
        place = next((index for index, other in enumerate(found) if _name(other) == _name(entry)), len(found))
        found[place : place + 1] = [_image(entry, found[place] if place < len(found) else None)]
    return found


def _name(entry: Json) -> Json:
    return entry.get("name") if isinstance(entry, dict) else None


def _image(entry: Json, replaced: Json) -> Json:
    """An entry without asterisks: each is replaced by what the replaced entry has."""
    if not isinstance(entry, dict):
        return entry
    before = replaced if isinstance(replaced, dict) else {}
    whole = {key: before.get(key) if value == _KEPT and key != "name" else value for key, value in entry.items()}
    return {key: value for key, value in whole.items() if value is not None}


def _labels(own: Sequence[Json], added: Sequence[Json]) -> list[Json]:
    """Entries of ``labels``: pairs go into the first entry that is for the same fields."""
    found = list(own)
    for entry in added:
        reach = _reach(entry)
        place = next((index for index, other in enumerate(found) if _reach(other) == reach), None)
        if place is None or reach is None:
            found.append(entry)
        else:
            found[place] = {
                **found[place],
                "pairs": {**(found[place].get("pairs") or {}), **(entry.get("pairs") or {})},
            }
    return found


def _reach(entry: Json) -> tuple[bool, bool] | None:
    """The fields that an entry is for; None for what kustomize will complain about."""
    if not isinstance(entry, dict) or not isinstance(entry.get("pairs") or {}, dict):
        return None
    return entry.get("includeSelectors") is True, entry.get("includeTemplates") is True


def _over(own: Mapping[str, Json], added: Mapping[str, Json]) -> dict[str, Json]:
    return {**own, **added}


def _after(own: Sequence[Json], added: Sequence[Json]) -> list[Json]:
    return [*own, *added]


def _new_after(own: Sequence[Json], added: Sequence[Json]) -> list[Json]:
    return [*own, *_lacking(own, added)]


def _lacking(own: Sequence[Json], added: Sequence[Json]) -> Iterator[Json]:
    return (value for value in added if value not in own)


_MERGES: Mapping[str, tuple[type, Callable[..., Json]]] = {
    "images": (list, _by_name),
    "replicas": (list, _by_name),
    "labels": (list, _labels),
    "commonLabels": (dict, _over),
    "commonAnnotations": (dict, _over),
    "components": (list, _new_after),
    "patches": (list, _after),
    "patchesStrategicMerge": (list, _after),
    "patchesJson6902": (list, _after),
}
"""The type of a field, and how an addition goes into what is there."""
