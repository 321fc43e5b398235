"""What GitOps objects will probably deploy, judged by their files before these are built."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from kgate.gitops import plan as gitops
from kgate.rendering.requests import Request
from kgate.repository import Repository
from kgate.sources.survey import FileObjects


class Expectations:
    """Says what waits for a GitOps object: a place that one probably deploys is rendered by itself only if none does.

    ``hints`` are the objects in files of kustomizations, which count only as they are built, ``objects`` those that
    count. Nothing but the order of renderings depends on the hints.
    """

    def __init__(self, hints: FileObjects, objects: FileObjects, repository: Repository) -> None:
        self._hints = hints
        self._repository = repository
        self._all = list(chain.from_iterable([*hints.values(), *objects.values()]))
        planned = gitops.plan(self._all, repository)
        self._places = planned.claimed
        self.covered = planned.covered
        """Folders of plain manifests that a GitOps object probably renders with changes."""
        self.left_out = frozenset(planned.left_out)
        """Plain manifests that one probably leaves out."""

    def in_turn(self, requests: Sequence[Request], own: Sequence[Request]) -> list[Request]:
        """Those of some requests whose turn it is. ``own`` are those that no GitOps object makes, which may wait.

        If all wait, those come that hold the very object that they wait for, as the entry of a cluster does (what
        `flux bootstrap` writes); and if there are none, all.
        """
        keys = {request.key for request in own if request.place in self._places}
        ready = [request for request in requests if request.key not in keys]
        return ready or [request for request in requests if self._awaits_itself(request)] or list(requests)

    def _awaits_itself(self, request: Request) -> bool:
        inside = [hint for path in request.templates(self._repository) for hint in self._hints.get(path, ())]
        return bool(inside) and request.place in gitops.plan(inside, self._repository, self._all).claimed
