"""Compares the kgate.lock of a trusted revision with that of the change: what is taken, and from where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from kgate.elsewhere import lock
from kgate.elsewhere.wanted import Locked
from kgate.errors import ConfigError
from kgate.model import Location
from kgate.repository import Repository
from kgate.urls import shown_text
from kgate.yamltree.fields import UserFile


def lock_changes(repository: Repository) -> Iterator[tuple[Location, str]]:
    """The entries of the change that say something else than the trusted revision does, and those from a server that
    this one does not name, each with a sentence. Raises ConfigError for a lock that cannot be read."""
    path = repository.root / lock.NAME
    try:
        data = repository.as_changed().read_bytes(path)
    except OSError:
        return
    own, fields = lock.parse(data), UserFile.parse(data, lock.NAME, ConfigError).fields()
    try:
        trusted = lock.parse(repository.policy_bytes(path))
    except FileNotFoundError:
        trusted = {}
    servers = {server for one in trusted.values() for server in _servers(one)}
    for index, one in enumerate(own.values()):
        place = fields.place("fetched", index)
        if one.wanted in trusted:
            if one != trusted[one.wanted]:
                yield place, f"The lock has something else for {one.wanted.label}."
        elif added := [server for server in _servers(one) if server not in servers]:
            yield place, f"The lock names a further server, {shown_text(added[0])}."
            servers.update(added)


def _servers(locked: Locked) -> Iterable[str]:
    """The hosts, with their ports, that something is asked from."""
    for url in (locked.wanted.repository, locked.origin):
        host = urlsplit(url).netloc.rpartition("@")[2] if "://" in url else url.partition(":")[0].rpartition("@")[2]
        if host:
            yield host.lower()
