"""URLs of repositories: which spellings mean the same one, and how they are shown without credentials."""

from __future__ import annotations

import re

_SCP_LIKE = re.compile(r"(?:[^@/:]+@)?([^/:@]+):(?!//)(.+)")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(?:[^@/]*@)?([^/]*)(.*)", re.DOTALL)


def normalise_url(url: str) -> str:
    """``host/owner/name`` of a URL, however it is spelled; ``/path`` of a local one; empty if it says nothing.

    Scheme, credentials, port, ``.git`` and the case of letters do not tell repositories apart (as Argo CD has it).
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


_USER_OF_URL = re.compile(r"(?<=[A-Za-z0-9]:)(/{1,3})[^/\s'\"?#]*@")  # kustomize writes https:/ in messages
_USER_OF_SCP = re.compile(r"(?<![\w.+/:-])[\w.+-]+:[^\s/@:'\"]+@(?=[\w.-]+:)")
_PARAMETER = re.compile(r"(?<=[?&])([\w.-]+)=[^&\s#'\"]+")
_HEADER = re.compile(
    r"(?i)(?<![\w-])((?:proxy-)?authorization|[\w-]{0,40}token)(['\"]?: ?)(?:(?:bearer|basic|token) )?[^\s'\",]+"
)
_HARMLESS = ("ref", "version", "timeout", "submodules", "depth")


def shown_url(text: str) -> str:
    """A URL, or any text with URLs in it, without user information, and without the values of parameters and
    headers that may be secrets."""
    text = _USER_OF_URL.sub(r"\1", text)
    text = _USER_OF_SCP.sub("", text)
    text = _PARAMETER.sub(lambda found: found[0] if found[1] in _HARMLESS else f"{found[1]}=…", text)
    return _HEADER.sub(r"\1\2…", text)
