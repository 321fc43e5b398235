"""What was fetched before: finds what kgate.lock names in the cache, whose content is checked at each use."""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import field
from pathlib import Path

from kgate.cache import Cache
from kgate.elsewhere import lock
from kgate.elsewhere.wanted import TREES, Asked, Locked, Wanted
from kgate.errors import ConfigError
from kgate.repository import OutsideError, Repository, UntrustedFolders
from kgate.values import dataclass
from kgate.yamltree.nodes import ManifestError, compose
from kgate.yamltree.text import decode

_MOST_CACHED = 4 << 30


@dataclass(frozen=True, slots=True)
class Fetched:
    """The entries of kgate.lock, the cache that holds what they name, and what was asked for during this scan.

    Files are named by their digest (``sha256``). Whoever can write to the cache can therefore take something away, but
    cannot put anything in its place.
    """

    entries: Mapping[Wanted, Locked] = field(default_factory=dict)
    cache: Cache | None = None
    asked: set[Asked] = field(default_factory=set, compare=False, repr=False)
    _guard: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    def ask(self, asked: Iterable[Asked]) -> None:
        """Remembers what is deployed from elsewhere."""
        with self._guard:
            self.asked.update(asked)

    def find(self, wanted: Wanted) -> Locked | None:
        """The entry of kgate.lock for something; None if there is none."""
        return self.entries.get(wanted)

    def read(self, locked: Locked) -> bytes | None:
        """The file that an entry names, if the cache has it with the digest of the entry and it is the chart that the
        entry says; else None. A lock file that somebody has edited could name the file of another chart."""
        content = self.cache.get(_key(locked.digest)) if self.cache is not None else None
        is_same = content is not None and digest_of(content) == locked.digest
        return content if content is not None and is_same and _is_of(locked, content) else None

    def keep(self, content: bytes) -> bool:
        """Puts a file into the cache. Returns whether it is there now."""
        if self.cache is None:
            return False
        key = hashlib.sha256(content).digest()
        self.cache.put(key, content)
        return self.cache.get(key) == content

    def present(self) -> tuple[str, ...]:
        """The digests of the entries whose files are in the cache, sorted."""
        return tuple(sorted({one.digest for one in self.entries.values() if self.read(one) is not None}))


def digest_of(content: bytes) -> str:
    """The digest of a file, as kgate.lock writes it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def identity(content: bytes) -> tuple[str, str]:
    """Name and version of a packed chart, all of which is read; empty if it is none. Raises ArchiveError."""
    from kgate.rendering import archive

    try:
        root = next(compose(decode(archive.read_one(content, "Chart.yaml") or b"")), None)
    except (UnicodeDecodeError, ManifestError):
        root = None
    value = root.value if root is not None and isinstance(root.value, dict) else {}
    return str(value.get("name") or ""), str(value.get("version") or "")


ABOUT = "about.json"
"""The file in the archive of what is no chart that says what it is of; all else lies in a folder beside it."""

TREE = "tree"


def about(content: bytes) -> dict[str, str]:
    """What the archive of a tree says of itself: the fields of what it is of (``described``), and the ``folder`` or
    ``file`` in it that is meant. Empty if it is not such an archive, or if what is meant lies outside of it. Raises
    ArchiveError."""
    from kgate.rendering import archive

    try:
        found = json.loads(archive.read_one(content, ABOUT) or b"{}")
    except ValueError as error:
        if isinstance(error, archive.ArchiveError):
            raise
        return {}
    is_one = isinstance(found, dict) and all(isinstance(value, str) for value in found.values())
    return found if is_one and _is_inside(found.get("folder", "")) and _is_inside(found.get("file", "")) else {}


def _is_inside(path: str) -> bool:
    """True for a normal path that leads upwards nowhere."""
    return path in ("", ".") or posixpath.normpath(f"/{path}").strip("/") == path


def described(wanted: Wanted, version: str) -> dict[str, str]:
    """What the archive of a tree says that it is of."""
    named = {"kind": wanted.kind, "repository": wanted.repository, "name": wanted.name}
    return {**named, "requested": wanted.requested, "version": version}


def _is_of(locked: Locked, content: bytes) -> bool:
    """True if what is packed is what an entry says: of a chart, its name and version, and that is the version that is
    asked for."""
    from kgate.rendering.archive import ArchiveError

    wanted = locked.wanted
    if wanted.kind in TREES:
        try:
            return described(wanted, locked.version).items() <= about(content).items()
        except ArchiveError:
            return False
    try:
        name, version = identity(content)
    except ArchiveError:
        return False
    exact = _exact(wanted.requested) if wanted.kind != "git" else None
    is_named = wanted.kind == "git" or name == wanted.name
    return is_named and version == locked.version and (exact is None or _exact(version) == exact)


def _exact(text: str) -> str | None:
    """The version that a text is, without ``v`` and build metadata; None for a range or a tag."""
    match = _EXACT.fullmatch(text)
    return match[1] if match else None


_EXACT = re.compile(r"v?(\d+\.\d+\.\d+(?:-[^+]*)?)(?:\+.*)?")


def _key(digest: str) -> bytes:
    return bytes.fromhex(digest.partition(":")[2])


def read_lock(repository: Repository) -> dict[Wanted, Locked]:
    """The entries of the repository's kgate.lock; none if there is no such file. What a trusted revision says of
    something holds whatever the change says of it. Raises ConfigError."""
    own = _read(repository.as_changed())
    return own if repository.trusted is None else own | _read(repository)


def _read(repository: Repository) -> dict[Wanted, Locked]:
    try:
        data = repository.policy_bytes(repository.root / lock.NAME)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{lock.NAME}: cannot be read: {error.strerror}") from None
    return lock.parse(data)


def trusted_hosts(repository: Repository) -> tuple[str, ...]:
    """The hosts that the kgate.lock of the trusted revision names, by https; none without such a revision. Raises
    ConfigError."""
    if repository.trusted is None:
        return ()
    try:
        entries = lock.parse(repository.trusted.read_bytes(repository.root / lock.NAME))
    except OSError:
        return ()
    urls = (one.wanted.repository.partition("://") for one in entries.values())
    return tuple(sorted({rest.partition("/")[0] for scheme, _, rest in urls if scheme in ("https", "oci")}))


def open_fetched(
    repository: Repository, folder: Path | None, untrusted: UntrustedFolders, *, is_filled: bool
) -> Fetched:
    """What is known of a repository, with the cache in a folder that the user names, or else that of this user. The
    latter is left alone if nothing is taken from it and it is not ``is_filled``. Raises ConfigError."""
    entries = read_lock(repository)
    if folder is None and not entries and not is_filled:
        return Fetched()
    if folder is None:
        from platformdirs import user_cache_path

        folder = user_cache_path("kgate", appauthor=False) / "fetched"
    try:
        return Fetched(entries, Cache(untrusted.resolve(folder), _MOST_CACHED))
    except OutsideError as error:
        raise ConfigError(f"--cache-dir: {error}") from None
    except OSError as error:
        raise ConfigError(f"--cache-dir {folder}: {error.strerror}") from None
