"""The pipeline of ``kgate pull``: finds what is deployed from elsewhere, fetches it, and writes kgate.lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import field, replace
from pathlib import Path

from kgate import wholefile
from kgate.config.settings import Settings
from kgate.elsewhere import lock
from kgate.elsewhere.fetched import Fetched
from kgate.elsewhere.helm import Fetching
from kgate.elsewhere.hosts import Hosts
from kgate.elsewhere.proxies import Proxies
from kgate.elsewhere.pull import Puller, Result, entries
from kgate.elsewhere.transfer import Client, Patience
from kgate.elsewhere.wanted import Asked, Locked, Wanted
from kgate.errors import OutputError
from kgate.kubernetes.facts import Facts
from kgate.lifetime import Lifetime
from kgate.model import Batch
from kgate.rendering.tools import Toolbox
from kgate.sources.collection import collect
from kgate.sources.files import Intake, SourceFile
from kgate.sources.progress import Progress
from kgate.values import dataclass

MAX_ROUNDS = 5
"""How often what was fetched is asked in turn for what it deploys from elsewhere."""

MAX_WANTED = 2_000
"""The most things that one run fetches."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a pull may do: which hosts it asks, with which credentials (by host), and whether the lock must stay as it
    is (``is_locked``) or is made anew (``updates``). ``allows`` is asked about each host that is not among them, given
    as the value of --pull-from that would allow it."""

    hosts: Hosts = field(default_factory=Hosts)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    keyring: Path | None = None
    is_locked: bool = False
    updates: bool = False
    allows: Callable[[str], bool] = lambda _host: False
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True, slots=True)
class Pull:
    """What came of a pull: each result with the places that ask for it, how many problems kept something from being
    read, what is known now, and how many entries of kgate.lock were removed, as nothing asks for them."""

    results: tuple[tuple[Result, tuple[Asked, ...]], ...]
    problems: int
    fetched: Fetched
    removed: int

    @property
    def is_complete(self) -> bool:
        """True if all can be had."""
        return all(result.what != "failed" for result, _ in self.results)


def pull(settings: Settings, terms: Terms, progress: Progress) -> Pull:
    """Fetches what the repository deploys from elsewhere, and what that deploys in turn. Raises KgateError for wrong
    settings, DeadlineError and CancelledError."""
    lifetime = Lifetime(settings.timeout)
    session = _Session(settings, terms, lifetime)
    before = settings.rendering.fetched
    fetched, problems, asked = before, 0, set[Asked]()
    for done in range(MAX_ROUNDS + 1):
        fetched = replace(fetched, entries=entries(session.results, before.entries), asked=set())
        problems = _read(settings, fetched, lifetime)
        asked |= fetched.asked
        wanted = sorted({one.wanted for one in asked} - session.results.keys())
        if not wanted:
            break
        if done == MAX_ROUNDS:
            session.refuse(wanted, f"is asked for by what was fetched, more than {MAX_ROUNDS} steps deep")
            break
        room = MAX_WANTED - len(session.results)
        session.pull(wanted[:room], progress)
        session.refuse(wanted[room:], f"is one of more than {MAX_WANTED:,} things from elsewhere")
    unused = before.entries.keys() - session.results.keys() if problems == 0 and _is_whole(settings) else set()
    known = {one: entry for one, entry in entries(session.results, before.entries).items() if one not in unused}
    if not terms.is_locked:
        _write(settings, known)
    return Pull(
        tuple((session.results[one], _places(asked, one)) for one in sorted(session.results)),
        problems,
        replace(fetched, entries=known, asked=set()),
        0 if terms.is_locked else len(unused),
    )


def _places(asked: Iterable[Asked], wanted: Wanted) -> tuple[Asked, ...]:
    return tuple(sorted(one for one in asked if one.wanted == wanted))


def _read(settings: Settings, fetched: Fetched, lifetime: Lifetime) -> int:
    """Reads and renders the repository as a scan does, so that ``fetched`` learns what is asked for. Returns how many
    problems came up."""
    options = replace(settings.rendering.options, lifetime=lifetime)
    rendering = replace(settings.rendering, options=options, fetched=fetched)
    paths = [Path(path) for path in settings.paths]
    with closing(collect(paths, settings.repository.reopened(), rendering, Intake(_nothing))) as parts:
        return sum(len(part.problems) for part in parts)


def _nothing(_files: Sequence[SourceFile], _facts: Facts) -> Iterator[Batch]:
    yield from ()


def _is_whole(settings: Settings) -> bool:
    """True if the whole repository is read."""
    return any(os.path.realpath(path) == os.fspath(settings.repository.root) for path in settings.paths)


def _write(settings: Settings, known: Mapping[Wanted, Locked]) -> None:
    """Writes the lock file, if it changes. Raises OutputError."""
    path = settings.repository.root / lock.NAME
    text = lock.text_of(known)
    if text.encode() == settings.repository.bytes_if_any(path) or not (known or path.exists()):
        return
    try:
        wholefile.replace(path, lambda handle: _fill(handle, text), 0o644)
    except OSError as error:
        raise OutputError(f"{lock.NAME}: cannot be written: {error.strerror}") from None


def _fill(handle: int, text: str) -> None:
    with open(handle, "w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)


class _Session:
    """What was had so far, and the hosts that were allowed meanwhile."""

    def __init__(self, settings: Settings, terms: Terms, lifetime: Lifetime) -> None:
        rendering = settings.rendering
        limits = replace(rendering.options, lifetime=lifetime).limits()
        helm = Toolbox(settings.repository.root, rendering.programs, map(Path, settings.paths)).helm
        client = Client(terms.hosts, terms.credentials, terms.patience, proxies=Proxies.of_environment())
        fetching = Fetching(limits, terms.keyring)
        self.results: dict[Wanted, Result] = {}
        self._puller = Puller(rendering.fetched, client, helm, fetching, terms.is_locked, terms.updates)
        self._allows = terms.allows
        self._denied: set[str] = set()

    def pull(self, wanted: Sequence[Wanted], progress: Progress) -> None:
        """Fetches, and again what failed because of hosts that are allowed when that is asked."""
        while wanted:
            self.results |= self._puller.pull(wanted, progress)
            failed = {one: result.allow for one in wanted if (result := self.results[one]).allow}
            allowed = {host for host in sorted({*failed.values()} - self._denied) if self._is_allowed(host)}
            wanted = [one for one, host in failed.items() if host in allowed]

    def refuse(self, wanted: Sequence[Wanted], reason: str) -> None:
        """Fetches none of these."""
        self.results |= {one: Result(one, "failed", reason=reason) for one in wanted}

    def _is_allowed(self, host: str) -> bool:
        if not self._allows(host):
            self._denied.add(host)
            return False
        client = self._puller.client
        self._puller = replace(self._puller, client=replace(client, hosts=client.hosts.allowing(host)))
        return True
