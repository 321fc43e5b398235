"""Reads a revision through git's objects, without a checkout, so that nothing of the scanned change takes part."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import field
from itertools import islice
from pathlib import Path

from kgate import textfile
from kgate.errors import ConfigError
from kgate.rendering import process, scratch
from kgate.rendering.sandbox import Reach
from kgate.rendering.tools import REFUSAL, Toolbox
from kgate.repository import CONFIG_NAMES, PYPROJECT, GitFolders, OutsideError, Repository, git_folders
from kgate.values import dataclass

_LIMITS = process.Limits(seconds=60, output=256 << 20)
_MOST_LINKS = 40
_LINK = "120000"
_FILES = (_LINK, "100644", "100755", "100664")

_DIFF = (
    *("-r", "-p", "-U0", "--text", "--no-ext-diff", "--no-textconv", "--no-renames", "--no-color"),
    *("--src-prefix=a/", "--dst-prefix=b/"),
)
_HUNK = re.compile(rb"@@ -[0-9]+(?:,([0-9]+))? \+([0-9]+)(?:,([0-9]+))? @@")

STEERING = (".gitignore", ".kgateignore", "kgate.lock", "kgate-waivers.yaml")
"""Files that steer the gate besides configurations and the rules that these name."""

_CAUTIOUS = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_GRAFT_FILE": f"{os.devnull}/none",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_CONFIG_COUNT": "3",
    "GIT_CONFIG_KEY_0": "core.hooksPath",
    "GIT_CONFIG_VALUE_0": os.devnull,
    "GIT_CONFIG_KEY_1": "core.fsmonitor",
    "GIT_CONFIG_VALUE_1": "false",
    "GIT_CONFIG_KEY_2": "protocol.allow",
    "GIT_CONFIG_VALUE_2": "never",
}
"""The configuration of the clone stays in force, as it says how objects are kept; but nothing in it may run a program,
fetch an object that is missing, or put another in its place. No filter runs: ``cat-file`` gives bytes as they are."""


class RevisionTooLargeError(Exception):
    """More files of a revision than are wanted in memory."""


@dataclass(frozen=True, slots=True)
class _Git:
    """A git program and the clone whose objects it reads."""

    program: Path
    folders: GitFolders

    def ask(self, *arguments: str, stdin: bytes = b"") -> process.Outcome:
        """Runs a command that reads objects. Raises ConfigError if git cannot be run, or does not end in time."""
        own, common = (os.path.realpath(folder) for folder in (self.folders.own, self.folders.common))
        reach = Reach(reads=(Path(own), Path(common)), stdin=stdin)
        with scratch.private_folder() as folder:
            command = (os.fspath(self.program), "--no-pager", *arguments)
            environment = {**_CAUTIOUS, "GIT_DIR": own}
            try:
                outcome = process.run(command, folder, _LIMITS, reach, environment=environment)
            except OSError as error:
                raise ConfigError(f"{self.program}: cannot be run: {error.strerror}") from None
        if outcome.exceeded:
            raise ConfigError(f"git {arguments[0]} {outcome.exceeded}")
        return outcome


@dataclass(frozen=True, slots=True)
class GitTree:
    """A TrustedTree: the files of a commit, which ``name`` means. ``root`` is the real path of the checkout.

    ``_entries`` holds mode and object of each file by its path, ``_texts`` what was read of objects so far.
    """

    root: Path
    name: str
    commit: str
    _git: _Git = field(repr=False)
    _entries: Mapping[str, tuple[str, str]] = field(repr=False)
    _folders: frozenset[str] = field(repr=False)
    _texts: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    @property
    def title(self) -> str:
        """See TrustedTree."""
        short = self.commit[:12]
        return self.name if self.commit.startswith(self.name) else f"{self.name} ({short})"

    def find(self, path: Path) -> Path | None:
        """See TrustedTree."""
        with contextlib.suppress(OSError):
            real = self._resolve(path)
            return self.root / real if real in self._entries or real in self._folders else None
        return None

    def read_bytes(self, path: Path) -> bytes:
        """See TrustedTree."""
        real = self._resolve(path)
        entry = self._entries.get(real)
        if entry is None:
            raise FileNotFoundError(errno.ENOENT, f"is not in {self.name}", os.fspath(path))
        data = self._text(entry[1])
        if len(data) > textfile.MAX_BYTES:
            raise OSError(errno.EFBIG, f"larger than {textfile.MAX_BYTES >> 20} MiB", os.fspath(path))
        return data

    def names(self, folder: Path) -> list[str]:
        """See TrustedTree."""
        try:
            real = self._resolve(folder)
        except OSError:
            return []
        start = f"{real}/" if real else ""
        below = (path[len(start) :] for path in self._entries if path.startswith(start))
        return sorted({path.partition("/")[0] for path in below})

    def paths(self, names: Collection[str]) -> list[Path]:
        """See TrustedTree. Their contents are read at once."""
        found = [path for path in self._entries if path.rpartition("/")[2] in names]
        self._read(self._entries[path][1] for path in found)
        return [self.root / path for path in found]

    def changed_lines(self) -> Mapping[str, tuple[tuple[int, int], ...]] | None:
        """See TrustedTree."""
        compare = "-c", "core.quotePath=false", "diff-tree", *_DIFF
        try:  # what the target branch got meanwhile is no part of the change, if the clone knows where this began
            outcome = self._git.ask(*compare, "--merge-base", self.commit, "HEAD")
            if outcome.code:
                outcome = self._git.ask(*compare, self.commit, "HEAD")
        except ConfigError:  # a change that is too large to tell its lines is judged all the same
            return None
        return dict(_pieces(outcome.stdout)) if outcome.code == 0 else None

    @property
    def files(self) -> tuple[bytes, ...]:
        """The paths of all files and links, from the root."""
        return tuple(map(os.fsencode, self._entries))

    def differs_from(self, other: GitTree) -> frozenset[str]:
        """The paths at which two revisions differ."""
        here, there = set(self._entries.items()), set(other._entries.items())
        return frozenset(path for path, _ in here ^ there)

    def memory_beside(self, beside: Collection[str]) -> int:
        """The bytes that its folders take in memory, and the files of the checkout (``beside``) that the revision has,
        too, in this or another state."""
        paths = (path for path, (mode, _) in self._entries.items() if mode != _LINK and path in beside)
        files = sum(scratch.memory_of(_size(f"{self.root}/{path}")) for path in paths)
        return files + len(self._folders) * scratch.memory_of()

    def export(self, folder: Path, beside: Collection[str] = (), most: int | None = None) -> frozenset[str]:
        """Writes all files and links to an empty folder, as they are in the objects: no filter of git is applied. What
        is larger than anything that is read is written with its size alone. Returns the paths of those that a file of
        the checkout (``beside``, from the root and really below it) is equal to: they are copied from there, which is
        quicker and needs no object. Raises ConfigError, OSError, and RevisionTooLargeError if the others take more than
        ``most`` bytes of memory."""
        if bad := next((path for path in self._entries if _is_bad(path)), None):
            raise ConfigError(f"{self.name} has a path that no checkout can have: {bad}")
        for parent in dict.fromkeys(path.rpartition("/")[0] for path in self._entries):
            (folder / parent).mkdir(parents=True, exist_ok=True)
        copied = frozenset(self._copied(folder, beside))
        wanted = {path: entry for path, entry in self._entries.items() if path not in copied}
        sizes = self._sizes(dict.fromkeys(blob for _, blob in wanted.values())) if wanted else {}
        if most is not None and sum(scratch.memory_of(sizes[blob]) for _, blob in wanted.values()) > most:
            raise RevisionTooLargeError
        links = list[tuple[Path, bytes]]()
        for paths in _portions(wanted, sizes):
            texts = self._portion(paths)
            for path in paths:
                mode, blob = self._entries[path]
                if mode == _LINK:
                    links.append((folder / path, texts[blob]))
                else:
                    _write(f"{folder}/{path}", texts[blob][: _PORTION + 1], sizes[blob])
        for place, target in links:  # last, so that nothing is written through one
            place.symlink_to(os.fsdecode(target))
        return copied

    def _copied(self, folder: Path, beside: Collection[str]) -> Iterator[str]:
        """Copies the files that the checkout has with the same bytes. Yields their paths."""
        for path, (mode, blob) in self._entries.items():
            data = _regular(f"{self.root}/{path}") if mode != _LINK and path in beside else None
            if data is not None and _blob_of(data, len(blob)) == blob:
                _write(f"{folder}/{path}", data, len(data))
                yield path

    def _portion(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """The contents of the objects of files; none of those that are too large."""
        wanted = list(dict.fromkeys(self._entries[path][1] for path in paths))
        outcome = self._git.ask("cat-file", "--batch", stdin=_lines(wanted))
        texts = dict(zip(wanted, self._contents(outcome), strict=False))
        if missing := next((blob for blob in wanted if blob not in texts), None):
            raise self._missing(missing)
        return texts

    def _missing(self, blob: str) -> ConfigError:
        message = f"the object {blob} of {self.name} is not in this clone"
        return ConfigError(f"{message}; fetch the revision whole, without --filter")

    def _sizes(self, blobs: Iterable[str]) -> Mapping[str, int]:
        """The sizes of objects. Raises ConfigError for one that the clone does not have."""
        wanted = list(blobs)
        outcome = self._git.ask("cat-file", "--batch-check", stdin=_lines(wanted))
        words = [line.split() for line in outcome.stdout.splitlines()]
        found = {blob: int(line[2]) for blob, line in zip(wanted, words, strict=False) if len(line) == 3}
        if missing := next((blob for blob in wanted if blob not in found), None):
            raise self._missing(missing)
        return found

    def _resolve(self, path: Path) -> str:
        """The path from the root of what a path leads to through links of the revision. Raises OutsideError, or OSError
        for links in a circle."""
        pending = [*reversed(path.relative_to(self.root).parts)]
        here: list[str] = []
        links = 0
        while pending:
            part = pending.pop()
            if part == os.pardir:
                if not here:
                    raise OutsideError(os.fspath(path))
                here.pop()
                continue
            here.append(part)
            mode, blob = self._entries.get("/".join(here), ("", ""))
            if mode != _LINK:
                continue
            links += 1
            target = os.fsdecode(self._text(blob))
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fspath(path))
            if target.startswith("/"):
                raise OutsideError(os.fspath(path))
            here.pop()
            pending += [one for one in reversed(target.split("/")) if one not in ("", os.curdir)]
        return "/".join(here)

    def _text(self, blob: str) -> bytes:
        if blob not in self._texts:
            self._read([blob])
        return self._texts[blob]

    def _read(self, blobs: Iterable[str]) -> None:
        """Reads objects that were not read before. Raises ConfigError for one that the clone does not have."""
        wanted = [blob for blob in dict.fromkeys(blobs) if blob not in self._texts]
        if not wanted:
            return
        outcome = self._git.ask("cat-file", "--batch", stdin="".join(f"{blob}\n" for blob in wanted).encode())
        self._texts.update(zip(wanted, self._contents(outcome), strict=False))
        if missing := next((blob for blob in wanted if blob not in self._texts), None):
            reason = f": {outcome.error_text}" if outcome.error_text else ""
            message = f"the object {missing} of {self.name} is not in this clone{reason}"
            raise ConfigError(f"{message}; fetch the revision whole, without --filter")

    def _contents(self, outcome: process.Outcome) -> Iterator[bytes]:
        """The objects in the answer of ``git cat-file --batch``, up to the first one that is missing."""
        data, at = outcome.stdout, 0
        while (end := data.find(b"\n", at)) >= 0:
            words = data[at:end].split()
            if len(words) != 3 or words[1] != b"blob":
                return
            start, size = end + 1, int(words[2])
            yield data[start : start + size]
            at = start + size + 1


_PORTION = 64 << 20
"""Bytes of objects that are asked for at once, and of the largest one that is read."""


def _portions(entries: Mapping[str, tuple[str, str]], sizes: Mapping[str, int]) -> Iterator[list[str]]:
    """The paths in lists whose contents one answer of git can hold; one that is too large has a list for itself."""
    found, total = list[str](), 0
    for path, (_, blob) in entries.items():
        if found and total + sizes[blob] > _PORTION:
            yield found
            found, total = [], 0
        found.append(path)
        total += sizes[blob]
    if found:
        yield found


def _blob_of(data: bytes, digits: int) -> str:
    """The name of the object that holds some bytes, by SHA-1 or, of 64 digits, SHA-256 (gitformat-object)."""
    import hashlib

    kind = hashlib.sha256 if digits == hashlib.sha256().digest_size * 2 else hashlib.sha1
    return kind(b"blob %d\0%b" % (len(data), data), usedforsecurity=False).hexdigest()


def _lines(blobs: Iterable[str]) -> bytes:
    return "".join(f"{blob}\n" for blob in blobs).encode()


def _is_bad(path: str) -> bool:
    """True for a path that leads elsewhere, or into what git keeps; git itself checks out no such path."""
    parts = path.split("/")
    return any(part in ("", ".", "..") or part.lower() == ".git" for part in parts) or "\0" in path


def _size(path: str) -> int:
    """The bytes of a file; none if it cannot be found."""
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def _regular(path: str) -> bytes | None:
    """The bytes of a regular file; None for anything else, a link among them, and if it is not read in one go."""
    try:
        found = os.lstat(path)
        if not stat.S_ISREG(found.st_mode) or found.st_size > _PORTION:
            return None
        with open(path, "rb", buffering=0) as stream:
            return stream.read(found.st_size)
    except OSError:
        return None


def _write(path: str, data: bytes, size: int) -> None:
    with open(path, "xb", buffering=0) as stream:
        written = stream.write(data)
        while written < len(data):
            written += stream.write(data[written:])
        if size != written:
            stream.truncate(size)


def open_tree(repository: Repository, revision: str, flag: str = "--policy-from") -> GitTree:
    """The files of a revision of the clone that is scanned, which a flag names. Raises ConfigError, which says what to
    do."""
    asked = f"{flag} {revision}"
    folders = git_folders(repository.root)
    if folders is None:
        message = "needs a clone of git, and there is none around the scanned paths"
        advice = ", or name a file with --config" if flag == "--policy-from" else ""
        raise ConfigError(f"{asked}: {message}; clone the repository{advice}")
    git = _Git(_program(repository.root, flag), folders)
    commit = _commit(git, revision, asked)
    outcome = git.ask("ls-tree", "-r", "-z", "--full-tree", commit)
    if outcome.code:
        raise ConfigError(f"{asked}: git cannot list its files: {outcome.error_text}")
    entries = dict(_listed(outcome.stdout))
    parents = {"/".join(parts[:end]) for path in entries for parts in [path.split("/")] for end in range(len(parts))}
    return GitTree(repository.root, revision, commit, git, entries, frozenset(parents))


def open_trusted(repository: Repository, revision: str) -> GitTree:
    """The same for the revision that decides about the gate: the files that steer it are read at once, by one process.
    Raises ConfigError."""
    tree = open_tree(repository, revision)
    tree.paths((*CONFIG_NAMES, PYPROJECT, *STEERING))
    return tree


def is_revision(repository: Repository, word: str) -> bool:
    """True if a word means a revision of the clone that is scanned; False if there is no clone, or no git."""
    folders, program = git_folders(repository.root), Toolbox(repository.root).program("git")
    if folders is None or program is None:
        return False
    git = _Git(program, folders)
    return git.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{word}^{{commit}}").code == 0


def _program(root: Path, flag: str) -> Path:
    toolbox = Toolbox(root)
    program = toolbox.program("git")
    if program is None:
        refused = f"; {toolbox.refused['git']} {REFUSAL}" if "git" in toolbox.refused else ""
        raise ConfigError(f"{flag} needs git, which is not on PATH{refused}; install it")
    return program


def _commit(git: _Git, revision: str, flag: str) -> str:
    """The hash of the commit that a revision means."""
    asked = f"{revision}^{{commit}}"
    outcome = git.ask("rev-parse", "--verify", "--end-of-options", asked)
    commit = outcome.stdout.decode("ascii", "replace").strip()
    if outcome.code == 0 and commit:
        return commit
    is_shallow = (git.folders.common / "shallow").exists()
    message = "this clone does not have such a commit" + (", as it is shallow" if is_shallow else "")
    advice = f"run: git fetch --depth=1 origin {revision}" if is_shallow else "check the spelling, or fetch it"
    if is_shallow and flag.startswith("--diff-base"):
        advice += "; in an action of GitHub, check out with fetch-depth: 0"
    reason = outcome.error_text.rpartition("\n")[2]
    told = f"{message} ({reason})" if reason else message
    raise ConfigError(f"{flag}: {told}; {advice}")


def _listed(data: bytes) -> Iterator[tuple[str, tuple[str, str]]]:
    """The files and links in the answer of ``git ls-tree -z``: path, then mode and object."""
    for entry in data.split(b"\0"):
        head, _, path = entry.partition(b"\t")
        words = head.decode("ascii", "replace").split()
        if len(words) == 3 and words[0] in _FILES:
            yield os.fsdecode(path), (words[0], words[2])


def _pieces(diff: bytes) -> Iterator[tuple[str, tuple[tuple[int, int], ...]]]:
    """The first and last lines of each piece that a diff without context adds, by path. A path that git quotes is left
    out."""
    found: dict[str, list[tuple[int, int]]] = {}
    pieces = list[tuple[int, int]]()
    lines = (line for line in diff.split(b"\n") if not line.startswith(b"\\"))  # no newline at the end of a file
    for line in lines:
        if line.startswith(b"+++ "):
            name = line.removeprefix(b"+++ b/").removesuffix(b"\t")
            pieces = found.setdefault(os.fsdecode(name), []) if name != line else []
        elif hunk := _HUNK.match(line):
            removed, start, added = (int(number or 1) for number in hunk.groups())
            pieces += [(start, start + added - 1)] if added else []
            deque(islice(lines, removed + added), maxlen=0)
    return ((path, tuple(listed)) for path, listed in found.items() if listed)
