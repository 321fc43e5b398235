"""What all commands share with the terminal: streams, signals, and how errors are printed."""

from __future__ import annotations

import atexit
import codecs
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import NoReturn

import click

from kgate.commands.groups import usage_message
from kgate.errors import OutputError

BUG_TRACKER = "https://github.com/kgate/kgate/issues"
_CHUNK = 1 << 14


class TerminatedError(BaseException):
    """A signal that ends the process. Like KeyboardInterrupt, it passes through everything, which cleans up."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = number


class OverdueError(BaseException):
    """A command did not end in time by itself."""


class ClosedPipeError(Exception):
    """Nobody reads standard output any more (click would handle a BrokenPipeError itself)."""


# ----------------------------------------------------------------------------------------- signals


def install_signal_handlers() -> None:
    """Lets SIGTERM and SIGHUP end kgate as Ctrl-C does, unless they are ignored (nohup)."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _terminate)


def _terminate(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # a second one must not disturb the clean-up
    raise TerminatedError(number)


def end_after(seconds: float) -> None:
    """Raises OverdueError in the main thread after so many seconds, and again every second, if the system can."""
    if sys.platform != "win32":
        signal.signal(signal.SIGALRM, _end)
        signal.setitimer(signal.ITIMER_REAL, seconds, 1)


def _end(_number: int, _frame: FrameType | None) -> None:
    raise OverdueError


# ----------------------------------------------------------------------------------------- streams


def prepare_streams() -> None:
    """Makes the streams write what the terminal's encoding lacks in ASCII. Raises OutputError if standard error is
    closed. A closed standard output becomes one that cannot be written to, so that the reports of -o are still made."""
    if sys.stderr is None:
        raise OutputError("standard error is closed; leave it open, or redirect it to /dev/null")
    if sys.stdout is None:
        sys.stdout = open(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")  # noqa: SIM115
    codecs.register_error("kgate", _plainer)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="kgate")  # type: ignore[union-attr]


_PLAINER = {
    "✓": "+",
    "✗": "x",
    "•": "*",
    "→": "->",
    "←": "<-",
    "│": "|",
    "█": "#",
    "░": ".",
    "…": "...",
    "–": "-",
}
"""What kgate's own signs become where the encoding of a terminal (cp437, cp1252, ASCII) lacks them."""


def _plainer(error: UnicodeError) -> tuple[str | bytes, int]:
    """Handles what cannot be encoded: kgate's own signs become ASCII, all else escapes."""
    if isinstance(error, UnicodeEncodeError) and (sign := _PLAINER.get(error.object[error.start])):
        return sign, error.start + 1
    return codecs.backslashreplace_errors(error)


def end_process(code: int) -> NoReturn:
    """Ends the process, after the functions that are registered with atexit; drops what a stream does not accept. By
    itself Python frees all objects first, which takes a fifth of the time of a scan of one manifest."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError):  # where it was closed at the start, or nobody reads it
            stream.flush()
    os._exit(code)


def print_text(text: str) -> None:
    """Writes a text and a line end to standard output. Raises ClosedPipeError and OutputError."""
    print_pieces((text, "\n"))


def print_pieces(pieces: Iterable[str]) -> None:
    """Writes to standard output as the pieces come. Raises ClosedPipeError and OutputError."""
    for text in _chunks(pieces):
        _write(text)


def _chunks(pieces: Iterable[str]) -> Iterator[str]:
    """Yields the same text in chunks of about equal length: a write for each small piece would be slow, and one of a
    large piece would notice a closed pipe late."""
    waiting: list[str] = []
    length = 0
    for piece in pieces:
        waiting.append(piece)
        length += len(piece)
        if length >= _CHUNK:
            text = "".join(waiting)
            yield from (text[start : start + _CHUNK] for start in range(0, length, _CHUNK))
            waiting.clear()
            length = 0
    yield "".join(waiting)


def _write(text: str) -> None:
    try:
        click.echo(text, nl=False, color=True)
        sys.stdout.flush()
    except BrokenPipeError:
        raise ClosedPipeError from None
    except OSError as error:
        raise OutputError(f"standard output cannot be written: {error.strerror}") from None


@contextlib.contextmanager
def progress() -> Iterator[Callable[[int, int], None]]:
    """Counts on standard error, if that is a terminal that pre-commit does not record. It estimates nothing: a chart
    takes a thousand times as long as a manifest, and what one renders may name further ones."""
    if not sys.stderr.isatty() or os.environ.get("PRE_COMMIT"):
        yield lambda _done, _total: None
        return
    with click.progressbar(
        length=1,
        label="kgate",
        show_eta=False,
        show_percent=False,
        show_pos=True,
        bar_template="%(label)s: %(info)s read or rendered",
        file=sys.stderr,
    ) as bar:

        def show(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield show


# ------------------------------------------------------------------------------------------ errors


def print_error(message: str) -> None:
    """Prints an error as one inert line, unless standard error is closed."""
    if sys.stderr is not None:
        click.echo(f"kgate: {inert(message)}", err=True)


def print_usage_error(error: click.ClickException) -> None:
    """Prints the error as one inert line, after the usage of the command if it is known."""
    context = getattr(error, "ctx", None)
    if context is not None:
        click.echo(f"{context.get_usage()}\nTry '{context.command_path} --help' for help.\n", err=True)
    click.echo(f"Error: {inert(usage_message(error))}", err=True)


def print_bug(error: Exception, *, with_traceback: bool) -> None:
    """Prints an exception that nobody expected, and where to report it."""
    if with_traceback:
        import traceback

        traceback.print_exception(error)
    hint = "" if with_traceback else "; run it with --verbose for the details"
    message = f"kgate: this is a bug in kgate: {type(error).__name__}: {inert(str(error))}{hint}"
    click.echo(f"{message}\nplease report it at {BUG_TRACKER} with the command and the manifest", err=True)


def inert(text: str) -> str:
    """Returns text of others as one inert line without credentials of URLs."""
    from kgate.reports.safety import one_line
    from kgate.urls import shown_text

    return one_line(shown_text(text))
