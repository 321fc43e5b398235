"""URLs of repositories: which spellings mean the same repository, and how to show them without credentials."""

from __future__ import annotations

import re

_SCP_LIKE = re.compile(r"(?:[^@/:]+@)?([^/:@]+):(?!//)(.+)")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(?:[^@/]*@)?([^/]*)(.*)", re.DOTALL)


def normalise_url(url: str) -> str:
    """Returns ``host/owner/name`` of a URL, however it is spelled; ``/path`` of a local one; empty if there is no path.

    Scheme, credentials, port, ``.git`` and the case of letters do not distinguish repositories (as in Argo CD).
    """
    url = url.strip()
    match = _SCHEME.fullmatch(url)
    if match and match[1].lower() != "file":
        host, path = match[2].partition(":")[0], match[3]
    elif match:
        host, path = "", match[3]
    elif (scp := _SCP_LIKE.fullmatch(url)) and not url.startswith(("/", ".")):
        host, path = scp[1], scp[2]
    else:
        host, path = "", url
    path = path.partition("?")[0].strip("/").removesuffix(".git").strip("/")
    return f"{host}/{path}".lower() if path else ""


# ------------------------------------------------------------------------------- without credentials

_START = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]{1,30}+:{1,2})?[A-Za-z][A-Za-z0-9+.-]{1,30}+:[/\\]+)")
"""Where a URL begins, up to its host; kustomize writes ``https:/`` in messages, and browsers take backslashes."""

_BARE_START = re.compile(r"(?:https?:|[/\\]{2})", re.IGNORECASE)
_HOST = re.compile(r"(?:[\w.-]*|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?")
_SURE_HOST = re.compile(r"(?:[\w-]+(?:\.[\w-]+)+|localhost|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?")
"""A host that nobody could take for the beginning of a password with a slash in it."""

_HARMLESS = ("ref", "version", "timeout", "submodules", "depth")
"""Parameters of kustomize and of git-getters that are shown."""

_RANDOM = re.compile(
    r"(?:[0-9A-Fa-f]{32,}|(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=.*[A-Za-z][0-9]+[A-Za-z])[\w+=-]{16,})(?:\.[a-z]{1,5})?"
)
"""A segment of a path that may be a token: hexadecimal, or letters of both cases with digits among them."""

_TOKEN = re.compile(r"(?:gh[pousr]_|github_pat_|gl[a-z]{2,5}-|hf_|npm_|dckr_[a-z]{3}_|xox[a-z]-|eyJ)[\w.-]{8,}")
"""Tokens with a recognisable prefix: of GitHub, GitLab, Hugging Face, npm, Docker, Slack, and JSON Web Tokens."""


def shown_url(url: str) -> str:
    """Returns a URL, in any spelling that a tool may accept, without what may be secret.

    Scheme, host, port, path and harmless parameters are shown; never a user (except the ``git@`` of SSH), nor a segment
    of a path that looks like a token.
    """
    text = "".join(letter for letter in url if letter.isprintable()).strip()
    first, *pairs = _START.split(text)
    if not pairs and (start := _BARE_START.match(text)):
        first, pairs = "", [start[0], text[start.end() :]]
    shown = [_shown_bare(first)]
    shown += (f"{start}{_shown_rest(rest)}" for start, rest in zip(pairs[::2], pairs[1::2], strict=True))
    return _TOKEN.sub("…", "".join(shown))


def _shown_rest(rest: str) -> str:
    """What follows ``https://``."""
    host, tail = _split(rest)
    while "@" in host or ("@" in tail and not _SURE_HOST.fullmatch(host)):
        host, tail = _split(host.rpartition("@")[2] + tail if "@" in host else tail.rpartition("@")[2])
    return (host if _HOST.fullmatch(host) else "…") + _shown_tail(tail)


def _split(rest: str) -> tuple[str, str]:
    end = re.search(r"[/\\?#]", rest)
    return (rest[: end.start()], rest[end.start() :]) if end else (rest, "")


def _shown_bare(text: str) -> str:
    """A repository without a scheme: in the syntax of scp or kustomize, or a path."""
    host, _ = _split(text.removeprefix("git@").replace(":", "/"))
    if text.startswith("git@") and _SURE_HOST.fullmatch(host):
        return _shown_tail(text)
    user, at, rest = text.rpartition("@")
    if at and user != "git" and (":" in user or "%" in user or not re.search(r"[/\\]", user)):
        text = rest
    host, _ = _split(text)
    return "…" if "%40" in host.partition(":")[2] else _shown_tail(text)


def _shown_tail(tail: str) -> str:
    """A path and its parameters."""
    path, mark, rest = re.match(r"([^?#;]*)([?#;]?)(.*)", tail, re.DOTALL).groups()  # type: ignore[union-attr]
    path = "".join(map(_shown_segment, re.split(r"([/\\])", path)))
    parts = rest.replace("#", "&#").split("&") if mark == "?" else [rest]
    parts = parts if rest else []
    harmless = [part for part in parts if part.partition("=")[0] in _HARMLESS and mark == "?" and "@" not in part]
    return path + mark + "&".join([*harmless, *(["…"] if len(harmless) < len(parts) else [])])


def _shown_segment(segment: str) -> str:
    """A part of a path. In the path of a proxy, another URL may begin, with its user."""
    user, at, rest = segment.rpartition("@")
    segment = rest if at and ":" in user else segment
    return "…" if _RANDOM.fullmatch(segment) else segment


_WORD = re.compile(r"[^\s'\"`<>]+")
_USER_OF_URL = re.compile(r"(?<=[A-Za-z0-9]:)([/\\]+)[^/\\\s?#]*@")
_PIECE = re.compile(r"[^\s/\\'\"`<>]+")
_SCP_HOST = re.compile(r"[\w-]+\.[\w.-]+:[\w~./]")
_DIGEST = re.compile(r"sha\d{1,3}:")
_PARAMETER = re.compile(r"(?<=[?&])([\w.-]+)=[^&\s#'\"]+")
_HEADER = re.compile(
    r"(?i)(?<![\w-])((?:proxy-)?authorization|[\w-]{0,40}token)(['\"]?: ?)(?:(?:bearer|basic|token) )?[^\s'\",]+"
)


def shown_text(text: str) -> str:
    """Returns a text with its URLs as ``shown_url`` shows them, and without the values of headers that may be
    secret."""
    text = _USER_OF_URL.sub(r"\1", text)
    text = _WORD.sub(_shown_word, _PIECE.sub(_without_user, text))
    return _TOKEN.sub("…", _HEADER.sub(r"\1\2…", text))


def _without_user(piece: re.Match[str]) -> str:
    """A piece between blanks, slashes and quotes, without a user before a host as in the syntax of scp."""
    user, at, host = piece[0].rpartition("@")
    if not at:
        user, at, host = piece[0].rpartition("%40")
    if not at or not host[:1].isalnum() or _DIGEST.match(host):
        return piece[0]
    with_path = host + piece.string[piece.end() : piece.end() + 1]
    return host if ":" in user or (user != "git" and _SCP_HOST.match(with_path)) else piece[0]


def _shown_word(word: re.Match[str]) -> str:
    start = _START.search(word[0])
    if start is None:
        return _PARAMETER.sub(lambda found: found[0] if found[1] in _HARMLESS else f"{found[1]}=…", word[0])
    text = word[0].rstrip(".,:;!)")
    return word[0][: start.start()] + shown_url(text[start.start() :]) + word[0][len(text) :]
