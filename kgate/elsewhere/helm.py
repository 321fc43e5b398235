"""Has Helm fetch a chart: it chooses the version, checks the provenance, and asks nobody but the gateway."""

from __future__ import annotations

import os
import re
from dataclasses import field, replace
from pathlib import Path

from kgate.elsewhere.fetched import digest_of, identity
from kgate.elsewhere.gateway import Gateway, Passage, new_token
from kgate.elsewhere.transfer import Client, TransferError
from kgate.elsewhere.upstream import ChartRepository, Registry
from kgate.elsewhere.wanted import FILTER, MAX_BYTES, RANGE, Wanted
from kgate.regexp import PatternError, compile_go
from kgate.rendering import archive, process, scratch
from kgate.rendering.helm import semver
from kgate.rendering.sandbox import Reach
from kgate.rendering.tools import Tool
from kgate.textfile import read_bytes
from kgate.values import dataclass

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_REQUESTED = re.compile(r"[ -~]{1,200}")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,127}")
_RANGE = re.compile(r"[\s<>=~^*,|!]|\bx\b|^v?\d+(\.\d+)*$|^v?\d+\.\d+\.\d+[-+].*$", re.IGNORECASE)
_LONGEST_MESSAGE = 300
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")

NO_OTHER_WAY = {
    **dict.fromkeys((*_PROXIES[:3], *map(str.lower, _PROXIES[:3])), "http://127.0.0.1:9"),
    **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1"),
}
"""Variables that give a program a dead proxy for everything but the gateway."""


@dataclass(frozen=True, slots=True)
class Download:
    """Something that was fetched: its version, where it came from, and the file that it is."""

    version: str
    origin: str
    content: bytes = field(repr=False)


def pull(wanted: Wanted, client: Client, gateway: Gateway, helm: Tool, fetch: Fetching) -> Download:
    """The archive of a chart, in the version that Helm chooses. Raises RefusedError, TransferError, CancelledError and
    DeadlineError."""
    if not _NAME.fullmatch(wanted.name) or not _REQUESTED.fullmatch(wanted.requested):
        raise TransferError(
            f"'{wanted.name:.60}' in version '{wanted.requested:.60}' is not a name and version of a chart"
        )
    token = new_token()
    upstream = Registry(client, wanted, token) if wanted.kind == "oci" else ChartRepository(client, wanted)
    if isinstance(upstream, Registry) and wanted.requested.startswith(RANGE):
        wanted = replace(wanted, requested=f"@{upstream.digest_of(newest_tag(wanted, upstream))}")
    if isinstance(upstream, Registry) and not _RANGE.search(wanted.requested) and not wanted.requested.startswith("@"):
        wanted = replace(wanted, requested=f"@{upstream.digest_of(wanted.requested)}")  # Helm takes no other tags
    with gateway.passage(upstream, token) as passage, scratch.private_folder() as folder:
        content = _run(wanted, passage, helm, fetch, folder)
    expected = upstream.expected if isinstance(upstream, ChartRepository) else ""
    if expected and digest_of(content) != f"sha256:{expected}":
        raise TransferError(f"{upstream.origin}: is not the file whose digest is in the index of its repository")
    return Download(version_of(content), upstream.origin, content)


def newest_tag(wanted: Wanted, registry: Registry) -> str:
    """The newest tag in a range, of those that the filter of an OCIRepository matches. Raises RefusedError and
    TransferError."""
    ranges, _, pattern = wanted.revision.partition(FILTER)
    try:
        matches = compile_go(pattern).search
    except PatternError as error:
        raise TransferError(f"{registry.origin}: '{pattern:.60}' is not a regular expression: {error}") from None
    tags = [tag for tag in registry.tags() if matches(tag)]
    found = semver.newest(tags, ranges)
    if found is None:
        raise TransferError(f"{registry.origin}: none of the {len(tags)} tags that match {pattern:.60} is in {ranges}")
    return found


@dataclass(frozen=True, slots=True)
class Fetching:
    """How programs fetch: their limits, and the file with the public keys that Helm checks provenance against."""

    limits: process.Limits
    keyring: Path | None = None


def _run(wanted: Wanted, passage: Passage, helm: Tool, fetch: Fetching, folder: Path) -> bytes:
    target = folder / "charts"
    target.mkdir()
    command = [os.fspath(helm.path), "pull", f"--destination={target}", *_chart(wanted, passage)]
    reads: tuple[Path, ...] = ()
    if fetch.keyring is not None:
        command[2:2] = ["--verify", f"--keyring={fetch.keyring}"]
        reads = (fetch.keyring,)
    try:
        reach = Reach(reads=reads, writes=(target,))
        outcome = process.run(command, folder, fetch.limits, reach, environment=NO_OTHER_WAY, with_network=True)
    except OSError as error:
        raise TransferError(f"helm cannot be started: {error.strerror}") from None
    if passage.fault is not None:
        raise passage.fault
    if outcome.exceeded:
        raise TransferError(f"helm pull {outcome.exceeded}")
    found = sorted(target.glob("*.tgz"))
    if outcome.code or len(found) != 1:
        raise TransferError(_message(outcome.error_text, passage, wanted))
    try:
        return read_bytes(found[0], MAX_BYTES)
    except OSError as error:
        raise TransferError(f"the archive cannot be read: {error.strerror}") from None


def _chart(wanted: Wanted, passage: Passage) -> list[str]:
    """The arguments that name the chart."""
    if wanted.kind == "helm":
        return [f"--version={wanted.requested}", f"--repo={passage.url}", "--", wanted.name]
    path = wanted.repository.removeprefix("oci://").partition("/")[2]
    reference = f"{passage.registry}/{path}/{wanted.name}".replace("//", "/").replace("oci:/", "oci://")
    if wanted.requested.startswith("@"):
        return ["--plain-http", "--", f"{reference}{wanted.requested}"]
    return ["--plain-http", f"--version={wanted.requested}", "--", reference]


def _message(text: str, passage: Passage, wanted: Wanted) -> str:
    """What Helm says last, with the real repository in place of the gateway."""
    last = (text.splitlines() or ["helm pull failed"])[-1].removeprefix("Error: ")
    host = wanted.repository.partition("://")[2].partition("/")[0]
    last = re.sub(rf"(?:\w+://)?127\.0\.0\.1:{passage.port}(?:/v2)?(?:/(?:{passage.token}|…))?", host, last)
    return last if len(last) <= _LONGEST_MESSAGE else f"{last[:_LONGEST_MESSAGE]} …"


def version_of(content: bytes) -> str:
    """The version of a packed chart, all of which is read, within the bounds that hold when it is unpacked. Raises
    TransferError."""
    try:
        _, version = identity(content)
    except archive.ArchiveError as error:
        raise TransferError(f"what is there is not a chart: {error}") from None
    if not _VERSION.fullmatch(version):
        raise TransferError("what is there is not a chart: its Chart.yaml names no version")
    return version
