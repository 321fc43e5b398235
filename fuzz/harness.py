"""What all fuzz targets share: command line, seeds, bounds, mutations, and a folder next to one with a secret."""

from __future__ import annotations

import argparse
import faulthandler
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

Input = TypeVar("Input")

CANARY = "canary-5f0c1e7d"
"""A secret in every file outside the tree: no result may contain it."""

MOST_MEMORY = 512 << 20
"""How many bytes one input may add to the peak size of the process."""

_HANG_FACTOR = 15
"""A process stuck in C code for this many times its bound prints its stack and ends."""


class FuzzError(AssertionError):
    """An input caused something that it must not cause; raised by a target, or by the harness for a bound."""


@dataclass(frozen=True, slots=True)
class Target(Generic[Input]):
    """A fuzz target. ``make`` returns an input made from a seed's random numbers; ``check`` raises if it finds a fault.

    Any exception of ``check`` is a failure, and so is an input that takes more than ``seconds`` of CPU.
    """

    name: str
    make: Callable[[random.Random], Input]
    check: Callable[[Input, Ground], None]
    seconds: float = 2.0


@dataclass(frozen=True, slots=True)
class Ground:
    """The folder for one input: a repository, and next to it files that must be neither read nor changed."""

    folder: Path

    @property
    def repository(self) -> Path:
        """The root of the tree that the input describes."""
        return self.folder / "repository"

    @property
    def outside(self) -> Path:
        """A folder next to the repository; every file there contains the canary."""
        return self.folder / "outside"

    def write(self, files: Mapping[str, str] | Mapping[str, bytes]) -> None:
        """Writes a tree into the repository; skips names that the file system refuses."""
        for name, text in files.items():
            path = self.repository / name
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)
            except (OSError, ValueError):
                continue

    def link(self, links: Mapping[str, str]) -> None:
        """Creates symbolic links in the repository, unless the name is taken."""
        for name, target in links.items():
            path = self.repository / name
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.unlink(missing_ok=True)
                path.symlink_to(target)
            except (OSError, ValueError):
                continue

    def check(self, result: object) -> None:
        """Raises FuzzError if a result contains the canary, or if something outside the repository changed."""
        if CANARY in str(result):
            raise FuzzError(f"the result contains text from outside the repository: {result!s:.2000}")
        if _listing(self.folder) != ["outside", "repository"] or _listing(self.outside) != sorted(_OUTSIDE):
            raise FuzzError(f"something was written outside: {_listing(self.folder)} {_listing(self.outside)}")
        for name, text in _OUTSIDE.items():
            if (self.outside / name).read_text(encoding="utf-8") != text:
                raise FuzzError(f"outside/{name} was changed")


_OUTSIDE = {
    "kustomization.yaml": f"namePrefix: {CANARY}-\nresources: [pod.yaml]\n",
    "pod.yaml": f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {CANARY}}}\nspec: {{containers: []}}\n",
    "secret.env": f"password={CANARY}\n",
    "kgate.yaml": f"select: [{CANARY}]\n",
    "rule.yaml": f"id: {CANARY}\n",
    ".gitignore": f"{CANARY}\n",
    "url.yaml": f"resources: ['https://user:{CANARY}@example.invalid/x']\n",
}


@contextmanager
def ground() -> Iterator[Ground]:
    """Creates a fresh folder for one input."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        made = Ground(Path(name).resolve())
        made.repository.mkdir()
        made.outside.mkdir()
        for file, text in _OUTSIDE.items():
            (made.outside / file).write_text(text, encoding="utf-8")
        yield made


def _listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ---------------------------------------------------------------------------------------------------- running


@dataclass(slots=True)
class _Tally:
    """The counts of a run."""

    count: int = 0
    slowest: float = 0.0
    slowest_seed: int = 0
    began: float = field(default_factory=time.monotonic)

    def add(self, seed: int, seconds: float) -> None:
        self.count += 1
        if seconds > self.slowest:
            self.slowest, self.slowest_seed = seconds, seed


def main(target: Target[Input], arguments: Sequence[str] | None = None) -> int:
    """Runs a target for some seconds. Returns 0 if no input failed, 1 after the first one that did."""
    parser = argparse.ArgumentParser(prog=f"python -m fuzz.{target.name}", description=sys.modules[__name__].__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to run")
    parser.add_argument("--seed", type=int, help="the first seed; default: from the clock")
    parser.add_argument("--count", type=int, help="the most seeds to run; 1 repeats a failure")
    chosen = parser.parse_args(arguments)
    seed = int(time.time() * 1000) % 2**32 if chosen.seed is None else chosen.seed
    tally = _Tally()
    while chosen.count is None or tally.count < chosen.count:
        if not _holds(target, seed, tally):
            return 1
        seed += 1
        if time.monotonic() - tally.began > chosen.seconds:
            break
    elapsed = time.monotonic() - tally.began
    slowest = f"slowest {tally.slowest:.2f} s of CPU (seed {tally.slowest_seed})"
    print(f"fuzz.{target.name}: {tally.count:,} inputs in {elapsed:.0f} s, up to seed {seed - 1}, {slowest}")
    return 0


def _holds(target: Target[Input], seed: int, tally: _Tally) -> bool:
    """True if one seed's input passes; if not, prints the seed, the input and what happened."""
    value: object = "(not made)"
    begin = time.process_time()
    try:
        value = made = target.make(random.Random(seed))
        with ground() as place, bounds(target.seconds):
            begin = time.process_time()
            target.check(made, place)
            tally.add(seed, time.process_time() - begin)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - any exception is a finding
        repeat = f"python -m fuzz.{target.name} --seed {seed} --count 1"
        print(f"fuzz.{target.name}: seed {seed} failed after {tally.count:,} inputs; again: {repeat}")
        print(f"input: {value!r}")
        traceback.print_exc(file=sys.stdout)
        return False
    return True


@contextmanager
def bounds(seconds: float) -> Iterator[None]:
    """Raises FuzzError if the block takes more CPU than the bound, or much more memory than the process had before."""
    before = _greatest_size()
    faulthandler.dump_traceback_later(seconds * _HANG_FACTOR, exit=True)
    try:
        with cpu_bound(seconds):
            yield
    finally:
        faulthandler.cancel_dump_traceback_later()
    if _greatest_size() - before > MOST_MEMORY:
        raise FuzzError(f"the process grew by more than {MOST_MEMORY >> 20} MiB")


@contextmanager
def cpu_bound(seconds: float) -> Iterator[None]:
    """Raises FuzzError in a block that takes more CPU, as soon as Python (or its module re) checks for signals."""
    previous = signal.signal(signal.SIGPROF, _too_slow)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)


def _too_slow(_signal: int, _frame: FrameType | None) -> None:
    raise FuzzError("took more CPU than the bound of the target")


def _greatest_size() -> int:
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else size << 10


# -------------------------------------------------------------------------------------------------- mutations


def mutated(numbers: random.Random, text: str, tokens: Sequence[str], most: int = 4) -> str:
    """Returns the text after a few edits: pieces deleted, repeated, moved, or replaced by a token or an odd letter."""
    for _ in range(numbers.randint(0, most)):
        begin = numbers.randint(0, len(text))
        end = min(len(text), begin + numbers.choice((0, 1, 1, 2, 5, 20, 200)))
        piece = text[begin:end]
        middle = numbers.choice(
            (
                "",
                piece * numbers.choice((2, 3, 50)),
                numbers.choice(tokens),
                numbers.choice(STRANGE),
                text[(at := numbers.randint(0, len(text))) : at + numbers.randint(0, 40)],
            )
        )
        text = text[:begin] + middle + text[end:]
    return text


STRANGE: tuple[str, ...] = (
    *"\0\t\r\n\x0b\x1b\x7f\x85\xa0\ud800\udfff\ufeff\ufffe\uffff\u2028\U0001f600",
    *"-:#&*!|>%@`'\"{}[],?\\/~$ ",
    "---\n",
    "---#\n",
    "\n...\n",
    "<<: ",
    "\r\n",
    "!!binary ",
    "*a",
    "&a ",
    "{{",
    "}}",
    "${",
    "9" * 40,
    "1e999",
    "a" * 300,
    "[" * 60,
    "- " * 60,
)
"""Letters and words that tend to break readers of text."""

ARGUMENTS = (
    "--post-renderer=/bin/true",
    "--set-file=x=/etc/passwd",
    "--output-dir=/tmp",
    "-f/etc/passwd",
    "--",
    "-",
    "-h",
)
"""Texts that must never become an argument of a program."""

PATHS = (
    "../outside",
    "../outside/secret.env",
    "../outside/url.yaml",
    "/etc/passwd",
    "/",
    "..",
    ".",
    "",
    "a/../../outside/pod.yaml",
    "./../outside/kustomization.yaml",
    "link",
    "link/pod.yaml",
    "x" * 300,
    "a\0b",
    "https://user:token@example.invalid/repo?ref=v1",
    "git::https://example.invalid/repo",
    "oci://example.invalid/chart",
)
"""Paths and addresses that lead out of a repository."""

LINKS = True
"""True if inputs may contain symbolic links."""


def links(numbers: random.Random, names: Sequence[str]) -> dict[str, str]:
    """Returns, now and then, a link out of the repository by one of these names, with its target."""
    if not LINKS or numbers.random() > 0.1:
        return {}
    name = numbers.choice(names)
    up = "../" * (name.count("/") + 1)
    return {name: up + "outside" + numbers.choice(("", *(f"/{file}" for file in _OUTSIDE)))}


PATTERNS = (
    "(a+)+$",
    "(a|a)*b",
    "(a*)*" * 3,
    "*a" * 40,
    "**/" * 30 + "x",
    "[a-",
    "[!]a]",
    "[[:alpha:]]",
    "(?<=a)b",
    "(?P<n>a)",
    "\\C",
    "\\pN",
    "a{1000}{1000}",
    "a{999999}",
    "(" * 1500 + ")" * 1500,
    "*" * 500,
    "?" * 500,
    "{a,b}" * 20,
    "\\",
)
"""Regular expressions and globs that are slow or hard for matchers."""
