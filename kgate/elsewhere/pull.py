"""Fetches what a repository deploys from elsewhere into the cache, several things at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from typing import Literal

from kgate.elsewhere import artifact, git, trees
from kgate.elsewhere import helm as helm_charts
from kgate.elsewhere.fetched import Fetched, digest_of
from kgate.elsewhere.gateway import Gateway
from kgate.elsewhere.helm import Download, Fetching
from kgate.elsewhere.hosts import RefusedError
from kgate.elsewhere.transfer import Client, TransferError
from kgate.elsewhere.wanted import TREES, Locked, Wanted
from kgate.rendering.kustomize import repospec
from kgate.rendering.tools import INSTALL_HELM, OLDEST_HELM, Tool
from kgate.urls import shown_url
from kgate.values import dataclass

What = Literal["kept", "fetched", "added", "renewed", "failed"]
"""What became of something: it was in lock and cache; only in the lock, and is in the cache now; is new in the lock;
has another digest than in the lock, which now has the new one; or cannot be had."""

_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Result:
    """What became of something, with its entry for the lock. If it cannot be had, ``reason`` says why, and ``allow`` is
    the value of --pull-from that may help, if one does."""

    wanted: Wanted
    what: What
    locked: Locked | None = None
    reason: str = ""
    allow: str = ""


@dataclass(frozen=True, slots=True)
class Puller:
    """Fetches what is wanted. ``is_locked`` forbids what would change the lock, ``updates`` asks for all of it anew."""

    fetched: Fetched
    client: Client
    helm: Tool | None
    fetching: Fetching
    is_locked: bool = False
    updates: bool = False

    def pull(self, wanted: Iterable[Wanted], progress: Callable[[int, int], None]) -> dict[Wanted, Result]:
        """Fetches all, each once. Raises CancelledError and DeadlineError."""
        todo = sorted(set(wanted))
        found: dict[Wanted, Result] = {}
        progress(0, len(todo))
        lifetime = self.fetching.limits.lifetime
        with Gateway() as gateway, ThreadPoolExecutor(_AT_ONCE) as threads, lifetime.cancelled_on_error():
            futures = {threads.submit(self._pull, one, gateway): one for one in todo}
            for done, future in enumerate(as_completed(futures), 1):
                found[futures[future]] = future.result()
                progress(done, len(todo))
        return dict(sorted(found.items()))

    def _pull(self, wanted: Wanted, gateway: Gateway) -> Result:
        self.fetching.limits.lifetime.check()
        entry = self.fetched.find(wanted)
        if entry is not None and not self.updates and self.fetched.read(entry) is not None:
            return Result(wanted, "kept", entry)
        if entry is None and self.is_locked:
            return Result(wanted, "failed", reason="is not in kgate.lock, which --locked keeps as it is")
        try:
            pulled = self._fetch(wanted, None if self.updates else entry, gateway)
        except RefusedError as error:
            return Result(wanted, "failed", entry, str(error), error.allow)
        except TransferError as error:
            return Result(wanted, "failed", entry, str(error))
        return self._kept(wanted, entry, pulled)

    def _fetch(self, wanted: Wanted, entry: Locked | None, gateway: Gateway) -> Download:
        """What is asked for, in the version of its entry if there is one. Raises RefusedError and TransferError."""
        commit = ""
        if entry is not None:
            commit = entry.version if wanted.kind in TREES else entry.origin.rpartition("@")[2]
        if wanted.kind == "artifact":
            return artifact.pull(wanted, self.client, commit)
        if wanted.kind in ("url", "file"):
            return self._fetch_url(wanted, commit, gateway)
        if wanted.kind == "git" or wanted.kind in TREES:
            return git.pull(git.Source(wanted, wanted, commit), self.client, gateway, self.fetching)
        if self.helm is None or self.helm.minor < OLDEST_HELM:
            raise TransferError(INSTALL_HELM)
        is_pinned = wanted.requested.startswith("@")
        exact = replace(wanted, requested=entry.version) if entry is not None and not is_pinned else wanted
        return helm_charts.pull(exact, self.client, gateway, self.helm, self.fetching)

    def _fetch_url(self, wanted: Wanted, commit: str, gateway: Gateway) -> Download:
        """What kustomize makes of a URL: the file that the server has there, if it holds objects; else the repository
        that the URL names. Raises RefusedError and TransferError."""
        spec = repospec.parse(wanted.repository) if wanted.kind == "url" else None
        place = Wanted.files("base", spec.clone, spec.path, spec.ref) if spec is not None else None
        if place is not None and git.is_commit(commit):
            return git.pull(git.Source(wanted, place, commit), self.client, gateway, self.fetching)
        answer = self.client.get(wanted.repository)
        if answer.status // 100 == 2 and (spec is None or trees.holds_objects(answer.body)):
            packed = trees.packed_file(answer.body, wanted)
            return Download(trees.FILE, shown_url(answer.url), packed)
        if place is None:
            raise TransferError(f"{shown_url(answer.url)}: the server answers {answer.status}")
        return git.pull(git.Source(wanted, place), self.client, gateway, self.fetching)

    def _kept(self, wanted: Wanted, entry: Locked | None, pulled: Download) -> Result:
        """Puts what was fetched into the cache, unless it is not what the lock says."""
        locked = Locked(wanted, pulled.version, digest_of(pulled.content), pulled.origin)
        is_same = entry is not None and entry.digest == locked.digest
        if entry is not None and not is_same and not self.updates:
            reason = f"has the digest {locked.digest}, but {entry.digest} in kgate.lock"
            return Result(wanted, "failed", entry, f"{reason}: somebody has replaced it; --update takes the new one")
        if not self.fetched.keep(pulled.content):
            return Result(wanted, "failed", entry, "the cache cannot be written; look at --cache-dir")
        if entry is None:
            return Result(wanted, "added", locked)
        return Result(wanted, "fetched" if is_same else "renewed", entry if is_same else locked)


def entries(results: Mapping[Wanted, Result], before: Mapping[Wanted, Locked]) -> dict[Wanted, Locked]:
    """The entries from before, with those of what was had in their place."""
    return {**before, **{wanted: one.locked for wanted, one in results.items() if one.locked is not None}}
