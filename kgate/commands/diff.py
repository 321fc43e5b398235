"""``kgate diff``: compares two states of a repository, workload by workload."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgate.commands import console, screen
from kgate.commands.groups import format_option
from kgate.commands.judging import take_over_options
from kgate.commands.scan import refuse_link_out, settings_in, settings_of, settings_there
from kgate.errors import ConfigError
from kgate.reports.presentation import Detail, Presentation
from kgate.values import dataclass

if TYPE_CHECKING:
    from kgate.config.settings import Settings
    from kgate.diffing import Side
    from kgate.model import Diff
    from kgate.repository import Repository, UntrustedFolders

_FORMATS = ("text", "markdown", "json")
_WRITING_SECONDS = 120


@click.command(
    epilog="""\b
Examples:
  kgate diff main .                         what the checkout makes of a branch
  kgate diff v1.2.0 v1.3.0 -f markdown      two revisions of the clone around the current folder
  kgate diff old/k8s new/k8s                two folders
  kgate diff before.json after.json         two reports of kgate scan -f json

\b
Exit codes:
  0  nothing that fails the gate is new in B
  1  B fails the gate for something that A does not have
  2  usage, configuration or a report is wrong
  3  incomplete: something of B was not read, rendered or judged
  4  a bug in kgate
"""
)
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@format_option(_FORMATS, "Format of the comparison.")
@click.option("-v", "--verbose", is_flag=True, help="Text: list everything. Errors: show tracebacks.")
def diff(**flags: Any) -> int:
    """Compare two states, workload by workload: score before and after, and findings that are new, gone or moved.

    A and B are each a folder, a revision of git, or a JSON report. What has to be judged is judged by the settings of B
    if that is a folder, else of A, else of the current folder. A revision is compared in that folder alone.
    """
    from kgate.repository import UntrustedFolders

    words = flags["before"], flags["after"]
    if not all(words) or "-" in words:
        raise click.UsageError("name a folder, a revision or a report for each of A and B, not '-' or an empty text")
    console.install_signal_handlers()
    untrusted = UntrustedFolders.around(Path(word) for word in words if os.path.lexists(word))
    found = _compared(_Operands.of(flags, untrusted))
    render = importlib.import_module(f"kgate.reports.diffs.{flags['format_name']}").render
    console.print_pieces(render(found, _presentation(flags)))
    code = found.after.verdict.exit_code
    return 0 if code == 1 and flags["exit_zero"] else code


take_over_options(diff)


@dataclass(frozen=True, slots=True)
class _Operands:
    """Both words of a command line, and the settings that judge what they name; None if both name reports."""

    words: tuple[str, str]
    flags: Mapping[str, Any]
    untrusted: UntrustedFolders
    settings: Settings | None

    @classmethod
    def of(cls, flags: Mapping[str, Any], untrusted: UntrustedFolders) -> _Operands:
        """Reads the settings. Raises KgateError."""
        from kgate.reportfile import is_report

        words = flags["before"], flags["after"]
        scanned = [word for word in reversed(words) if not is_report(Path(word))]
        if not scanned:
            return cls(words, flags, untrusted, None)
        places = [word for word in scanned if os.path.lexists(word)]
        for word in places:
            _refuse_pipe(word)
            refuse_link_out(word)
        flags = {**flags, "paths": (places[0] if places else ".",), "baseline": None, "no_baseline": True}
        settings = replace(settings_of(flags, untrusted), baseline=None, lists_all=True)
        console.end_after(settings.timeout + _WRITING_SECONDS)
        return cls(words, flags, untrusted, settings)

    def side(self, word: str, stack: ExitStack) -> Side:
        """Returns what a word names; a revision lasts as long as the stack. Raises KgateError and OSError."""
        from kgate.diffing import Side
        from kgate.reportfile import is_report, read

        path, settings = Path(word), self.settings
        if settings is None or is_report(path):
            return Side(word, read(path))
        if not os.path.lexists(path):
            return self._revision(word, settings, stack)
        _refuse_two_meanings(word, settings.repository)
        there = settings if word == settings.paths[0] else self._other_folder(word, settings)
        return Side(word, there, _place(there))

    def _revision(self, word: str, settings: Settings, stack: ExitStack) -> Side:
        from kgate.diffing import Side
        from kgate.policy.basetree import exported
        from kgate.policy.gittree import open_tree

        try:
            tree = open_tree(settings.repository, word, "kgate diff")
        except ConfigError as error:
            raise ConfigError(f"'{word}' is no file or folder, so it should be a revision: {error}") from None
        base = stack.enter_context(exported(tree, settings.repository))
        there = settings_there(self.flags, settings, self.untrusted, base.repository)
        return Side(tree.title, there, _place(settings), base)

    def _other_folder(self, word: str, settings: Settings) -> Settings:
        """Returns what a scan of a folder has to know that is judged by the settings of another one."""
        from kgate.policy.basetree import SameSettings
        from kgate.repository import Repository, find_root

        here = settings.repository
        root = Repository.at(find_root([Path(word)])).root
        if root == here.root:
            return replace(settings, paths=(word,))
        other = Repository(root, here.urls, SameSettings(root, here, word, word))
        return settings_in({**self.flags, "paths": (word,)}, other, self.untrusted)


def _compared(operands: _Operands) -> Diff:
    """Returns the comparison. Raises KgateError."""
    from kgate import diffing
    from kgate.repository import SearchError

    try:
        with ExitStack() as stack, console.progress() as progress:
            before, after = (operands.side(word, stack) for word in operands.words)
            return diffing.diff(before, after, operands.settings, progress)
    except (OSError, SearchError) as error:
        raise ConfigError(f"{' and '.join(operands.words)} cannot be compared: {error}") from None


def _place(settings: Settings) -> str:
    """Returns the scanned path from the root of its repository."""
    path = settings.repository.as_written(Path(settings.paths[0])) if settings.paths else settings.repository.root
    return settings.repository.inner(path)


def _refuse_pipe(word: str) -> None:
    """Raises click.UsageError for what can be read only once, or never ends."""
    if os.path.exists(word) and not (os.path.isfile(word) or os.path.isdir(word)):
        raise click.UsageError(f"'{word}' is neither a file nor a folder; write what it holds to a file")


def _refuse_two_meanings(word: str, repository: Repository) -> None:
    """Raises click.UsageError for the name of a file or folder that is one of a revision as well."""
    from kgate.policy.gittree import is_revision

    if word not in (os.curdir, os.pardir) and Path(word).name == word and is_revision(repository, word):
        raise click.UsageError(f"'{word}' is both a path and a revision; write ./{word}, or refs/heads/{word}")


def _presentation(flags: Mapping[str, Any]) -> Presentation:
    """Returns how the comparison is shown: in lines that fit, wherever they go."""
    return Presentation(
        color=screen.wants_color(flags["color"]),
        width=screen.width(),
        breaks=True,
        detail=Detail.VERBOSE if flags["verbose"] else Detail.NORMAL,
        link_base=flags["link_base"],
        max_chars=flags["max_chars"],
    )
