"""Finds the programs of a cluster in the command of a container, and the flags that each is given."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence

from kgate.kubernetes.components.component import Hint, WrittenSetting, shortened
from kgate.kubernetes.components.flags import NAMES, flags
from kgate.model import Pointer
from kgate.values import dataclass

_OF_HYPERKUBE = {
    "apiserver": "kube-apiserver",
    "controller-manager": "kube-controller-manager",
    "scheduler": "kube-scheduler",
    "proxy": "kube-proxy",
}
"""Short names that hyperkube knew up to 1.17 (cmd/hyperkube)."""

_SHELLS = ("sh", "bash", "ash", "dash")
_WRAPPERS = frozenset(
    (
        *("exec", "env", "nice", "ionice", "nohup", "sudo", "stdbuf", "time", "tini", "dumb-init", "setsid"),
        *("chroot", "gosu", "nsenter", "su-exec", "timeout", "unshare"),
        *("go-runner", "kube-log-runner"),
    )
)
"""Programs that run their arguments."""

_KEYWORDS = ("if", "then", "else", "elif", "while", "until", "do", "!", "{")
"""Words of the shell before which a command may stand."""

_SHELL_OPTION = re.compile(r"--[a-z].*|[-+](?P<letters>[a-zA-Z]*)", re.DOTALL)

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_OPTION = re.compile(r"-.*|\d+", re.DOTALL)
"""An option of a wrapper, or a number that is the value of one (``nice -n 5``)."""

_PLACEHOLDER = re.compile(r"\{\{|<%|\$|`")
"""What a template, or the shell, replaces by something that is not known."""

_MENTION = re.compile(rf"(?<![\w-])(?:{'|'.join(NAMES)})(?![\w-])")
_SINGLE_DASH = ("etcd",)
"""Programs whose flags may begin with one dash, as those of Go's own package flag do."""


@dataclass(frozen=True, slots=True)
class Argument:
    """A word of a command line and the pointer of what it is written in. ``is_known`` is False if a part of it is
    replaced by what only the cluster knows, or the shell."""

    text: str
    pointer: Pointer
    is_known: bool = True


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A program of NAMES as it is started, and its arguments."""

    program: str
    arguments: Sequence[Argument]


def command_lines(words: Sequence[Argument]) -> Iterator[CommandLine | Hint]:
    """Yields the programs that a command starts, directly or through a shell, and a hint for a script that mentions one
    and cannot be read."""
    rest = deque(words)
    while rest:
        first = rest.popleft()
        name = _base_name(first.text)
        if name in NAMES:
            if not _is_other(name, rest):
                yield CommandLine(name, tuple(rest))
            return
        if name == "hyperkube" and rest:
            word = rest.popleft()
            rest.appendleft(Argument(_OF_HYPERKUBE.get(word.text, word.text), word.pointer))
        elif name in _SHELLS:
            yield from _of_script(tuple(rest))
            return
        elif name in _WRAPPERS:
            while rest and (_OPTION.fullmatch(rest[0].text) or _stands_before_program(rest)):
                rest.popleft()
        elif name not in _KEYWORDS and not _ASSIGNMENT.fullmatch(first.text):
            return


def _stands_before_program(words: Sequence[Argument]) -> bool:
    """True if words begin with one for a wrapper, as in ``sudo -u root kubelet --v=2`` and ``chroot /host sh -c …``."""
    if len(words) < 3 or _base_name(words[0].text) in (*NAMES, *_SHELLS):
        return False
    name, following = _base_name(words[1].text), words[2].text
    return following.startswith("--") if name in NAMES else name in _SHELLS and following.startswith("-")


def _is_other(program: str, arguments: Sequence[Argument]) -> bool:
    """True if a program is started as something else than a server, or only to say what it is."""
    first = arguments[0].text if arguments else ""
    return first in ("--version", "--help", "-h") or (program == "etcd" and first in ("gateway", "grpc-proxy"))


def _base_name(text: str) -> str:
    """Returns the name of the program that a word names, without its folders; empty for a flag and an assignment."""
    if text.startswith("-") or "=" in text:
        return ""
    return re.split(r"[/\\]", text)[-1].removesuffix(".exe")


# ----------------------------------------------------------------------------------------- scripts


def _of_script(words: Sequence[Argument]) -> Iterator[CommandLine | Hint]:
    """Yields what the script behind ``-c`` starts."""
    rest = deque(words)
    has_script = False
    while rest and (option := _SHELL_OPTION.fullmatch(rest[0].text)):
        rest.popleft()
        has_script = has_script or "c" in (option["letters"] or "")
        if (option["letters"] or "").endswith("o") and rest:  # the name of one, as in -o pipefail
            rest.popleft()
    if has_script and rest:
        yield from _parsed(rest[0])


def _parsed(script: Argument) -> Iterator[CommandLine | Hint]:
    if not _MENTION.search(script.text):
        return
    try:
        commands = list(_commands(script))
    except ValueError:
        reason = "the shell script cannot be read, so the flags of the program that it runs are not known"
        yield Hint(script.pointer, reason)
        return
    for command in commands:
        yield from command_lines(command)


_TOKEN = re.compile(
    r"(?:[ \t\r]|\\\n)+|#[^\n]*|(?P<end>[;&|()\n]+)"
    r"|(?P<word>(?:\$\([^()]*\)|`[^`]*`|[^\s;&|()'\"\\`]|\\(?:.|\Z)|'[^']*'|\"(?:[^\"\\]|\\.)*\")+)",
    re.DOTALL,
)
_PIECE = re.compile(r"'([^']*)'|\"((?:[^\"\\]|\\.)*)\"|\\(.)|([^'\"\\]+|\\\Z)", re.DOTALL)


def _commands(script: Argument) -> Iterator[list[Argument]]:
    """Yields the simple commands of a script. Raises ValueError for what is not understood, such as open quotes."""
    text, end = script.text, 0
    command: list[Argument] = []
    while end < len(text):
        match = _TOKEN.match(text, end)
        if match is None or ((match["end"] or "").startswith("(") and text[end - 1 : end] == "$"):
            raise ValueError(text[end : end + 1])
        end = match.end()
        if match["end"]:
            yield command
            command = []
        elif match["word"]:
            command.append(_unquoted(match["word"], script.pointer))
    yield command


def _unquoted(token: str, pointer: Pointer) -> Argument:
    """Returns a word of a script without its quotes; only single ones keep the shell from replacing anything."""
    text, is_known = "", True
    for single, double, escaped, plain in _PIECE.findall(token):
        text += single or re.sub(r"\\(?:\n|([$`\"\\]))", r"\1", double) or escaped.strip("\n") or plain
        is_known = is_known and not _PLACEHOLDER.search(re.sub(r"\\.", "", double) + plain)
    return Argument(text, pointer, is_known)


# ------------------------------------------------------------------------------------------- flags


def written(line: CommandLine) -> Iterator[WrittenSetting | Hint]:
    """Yields the flags of a command line as pflag reads them, and a hint for each word that may stand for flags."""
    known, words = flags(line.program), iter(line.arguments)
    for word in words:
        if word.text == "--":
            return
        if not word.text.startswith("-"):
            if not word.is_known and _is_opaque(word.text):
                yield Hint(word.pointer, f"what {shortened(word.text.strip())} stands for is not known")
            continue
        name, equals, value = _split(word.text, line.program)
        flag, is_known = known.get(name), word.is_known
        if not equals and flag is not None and flag.kind == "bool":
            value = "true"
        elif not equals and flag is not None:
            following = next(words, None)
            value, is_known = ("", False) if following is None else (following.text, is_known and following.is_known)
        yield WrittenSetting(name, value, word.pointer, is_known)


def _split(text: str, program: str) -> tuple[str, str, str]:
    """Returns the name and value of a flag, and in between what parts them, empty where the next word is the value."""
    name, equals, value = text.lstrip("-").partition("=")
    if program in _SINGLE_DASH:
        return name, equals, value
    if not text.startswith("--") and not equals:  # a flag of one letter, as -v4
        return name[:1], name[1:], name[1:]
    return name.replace("_", "-"), equals, value


def _is_opaque(text: str) -> bool:
    """True if a word is replaced as a whole, by flags perhaps."""
    return re.fullmatch(r"\s*(?:\$|\{\{|<%|`).*", text, re.DOTALL) is not None
