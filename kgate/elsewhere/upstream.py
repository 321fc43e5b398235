"""What stands behind a path of the gateway: a chart repository, a registry, or a git repository."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import field
from typing import Protocol
from urllib.parse import parse_qs, quote, unquote, urlencode, urljoin, urlsplit

from kgate.elsewhere.index import ChartVersion, versions
from kgate.elsewhere.transfer import Answer, Client, TransferError
from kgate.elsewhere.wanted import Wanted, is_digest
from kgate.urls import shown_url
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class Asking:
    """A request that the gateway got: the rest of its path, with the query, its headers and its body."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


class Upstream(Protocol):
    """Where the gateway gets the answers from for one program."""

    def answer(self, asking: Asking, base: str) -> Answer:
        """The answer to a request; ``base`` is the URL of the gateway that stands for the upstream. Raises RefusedError
        and TransferError."""
        ...


# ------------------------------------------------------------------------------------------- repository


@dataclass(slots=True)
class ChartRepository:
    """A chart repository, of which Helm sees one chart. ``expected`` is the digest that the index has of the file that
    Helm was given, and ``origin`` its URL."""

    client: Client
    wanted: Wanted
    expected: str = ""
    origin: str = ""
    _found: list[ChartVersion] = field(default_factory=list)

    def answer(self, asking: Asking, base: str) -> Answer:
        """The index with the versions of this chart, or one of their files."""
        if asking.path == "index.yaml":
            return self._index(base)
        number, _, name = asking.path.partition("/")
        if not number.isdecimal() or int(number) >= len(self._found):
            raise TransferError(f"{shown_url(self.wanted.repository)}: helm asks for {asking.path:.100}")
        found = self._found[int(number)]
        url = urljoin(f"{self.wanted.repository}/", found.url)
        if name.endswith(".prov"):
            return self.client.get(f"{url}.prov")
        self.expected, self.origin = found.digest, shown_url(url)
        return needed(self.client.get(url))

    def _index(self, base: str) -> Answer:
        url = f"{self.wanted.repository}/index.yaml"
        answer = needed(self.client.get_once(url))
        self._found = versions(answer.body, self.wanted.name, shown_url(url))
        entries = [
            {
                "apiVersion": "v2",
                "name": self.wanted.name,
                "version": one.version,
                "urls": [f"{base}/{index}/{_file_name(one.url)}"],
            }
            for index, one in enumerate(self._found)
        ]
        body = json.dumps({"apiVersion": "v1", "entries": {self.wanted.name: entries}}).encode()
        return Answer(url, 200, {"content-type": "application/json"}, body)


_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,200}\.tgz")


def _file_name(url: str) -> str:
    """What the file of a chart is called, which its provenance file names."""
    name = unquote(url.partition("?")[0].rpartition("/")[2])
    return name if _FILE_NAME.fullmatch(name) else "chart.tgz"


def needed(answer: Answer) -> Answer:
    """The answer, unless the server refuses one. Raises TransferError."""
    if answer.status != 200:
        raise TransferError(_refusal(answer))
    return answer


def _refusal(answer: Answer) -> str:
    hint = "; give credentials with --registry-config" if answer.status in (401, 403) else ""
    return f"{shown_url(answer.url)}: the server answers {answer.status}{hint}"


# --------------------------------------------------------------------------------------------- registry

_CHALLENGE = re.compile(r'(?<![A-Za-z])([A-Za-z]+)="([^"]*)"')
_MOST_PAGES = 100
_PASSED = ("accept", "range")
_RETURNED = (
    "content-type",
    "docker-content-digest",
    "docker-distribution-api-version",
    "content-range",
    "content-length",
)


@dataclass(slots=True)
class Registry:
    """A registry (OCI distribution specification), whose tokens kgate asks for itself: Helm gets no credentials."""

    client: Client
    wanted: Wanted
    token: str
    _bearer: str = ""

    @property
    def origin(self) -> str:
        """Where the chart is."""
        return shown_url(f"{self.wanted.repository}/{self.wanted.name}")

    def answer(self, asking: Asking, base: str) -> Answer:  # noqa: ARG002 - of the protocol
        """The same as the registry's, but for links, which lead through the gateway."""
        host = urlsplit(self.wanted.repository).netloc
        scheme = "http" if f"http://{host}" in self.client.hosts.origins else "https"
        url = f"{scheme}://{host}/v2/{asking.path}"
        headers = {name.title(): text for name, text in asking.headers.items() if name in _PASSED}
        answer = self._authorised(asking.method, url, headers)
        if answer.status >= 400 and answer.status != 404:
            raise TransferError(_refusal(answer))
        found = {name: text for name, text in answer.headers.items() if name in _RETURNED}
        if link := self._link(answer):
            found["link"] = link
        return Answer(answer.url, answer.status, found, answer.body)

    def tags(self) -> list[str]:
        """All tags. Raises RefusedError and TransferError."""
        path, found = f"{self.path}/tags/list", list[str]()
        for _ in range(_MOST_PAGES):
            answer = needed(self.answer(Asking("GET", path, {}), ""))
            try:
                listed = json.loads(answer.body).get("tags") or []
            except (ValueError, AttributeError):
                raise TransferError(f"{self.origin}: answers without a list of tags") from None
            found += [tag for tag in listed if isinstance(tag, str)]
            link = re.match(rf"</v2/{self.token}/([^>]*)>", answer.headers.get("link", ""))
            if link is None:
                return found
            path = link[1]
        raise TransferError(f"{self.origin}: has more than {_MOST_PAGES} pages of tags")

    @property
    def path(self) -> str:
        """The path of the chart below ``/v2/``."""
        above = self.wanted.repository.removeprefix("oci://").partition("/")[2]
        return f"{above}/{self.wanted.name}".lstrip("/")

    def digest_of(self, tag: str) -> str:
        """The digest of the manifest that a tag names. Raises RefusedError and TransferError."""
        headers = {"accept": "application/vnd.oci.image.manifest.v1+json"}
        answer = self.answer(Asking("HEAD", f"{self.path}/manifests/{tag}", headers), "")
        digest = answer.headers.get("docker-content-digest", "")
        if answer.status != 200 or not is_digest(digest):
            raise TransferError(f"{self.origin}: there is no tag {tag}")
        return digest

    def _authorised(self, method: str, url: str, headers: dict[str, str]) -> Answer:
        if self._bearer:
            headers = {**headers, "Authorization": f"Bearer {self._bearer}"}
        answer = self.client.ask(method, url, headers)
        challenge = answer.headers.get("www-authenticate", "")
        if answer.status != 401 or self._bearer or not challenge.lower().startswith("bearer "):
            return answer
        self._bearer = self._fetched_token(challenge)
        return self._authorised(method, url, headers)

    def _fetched_token(self, challenge: str) -> str:
        """A token of the server that the registry names, which must be allowed like any other. Raises TransferError."""
        fields = dict(_CHALLENGE.findall(challenge))
        query = urlencode({name: fields[name] for name in ("service", "scope") if name in fields})
        realm = fields.get("realm", "")
        answer = needed(self.client.get(f"{realm}{'&' if '?' in realm else '?'}{query}"))
        try:
            found = json.loads(answer.body)
            token = found.get("token") or found.get("access_token")
        except (ValueError, AttributeError):
            token = None
        if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]{1,16000}", token):
            raise TransferError(f"{shown_url(answer.url)}: answers without a token")
        return token

    def _link(self, answer: Answer) -> str:
        """The next page of a list of tags, by its path here; empty if there is none."""
        found = re.match(r"<([^>]*)>", answer.headers.get("link", ""))
        if found is None:
            return ""
        parts = urlsplit(urljoin(answer.url, found[1]))
        path = parts.path.removeprefix("/v2/")
        return f'</v2/{self.token}/{path}{f"?{parts.query}" if parts.query else ""}>; rel="next"'


# -------------------------------------------------------------------------------------------------- git

_GIT_HEADERS = ("accept", "content-type", "content-encoding", "git-protocol")
_GIT_PATHS = ("info/refs", "git-upload-pack")


@dataclass(slots=True)
class GitRepository:
    """A git repository that is read by HTTP (gitprotocol-http)."""

    client: Client
    wanted: Wanted
    _moved: str = ""

    @property
    def origin(self) -> str:
        """Where the repository is."""
        return shown_url(self.wanted.repository)

    def answer(self, asking: Asking, base: str) -> Answer:  # noqa: ARG002 - of the protocol
        """The same as the server's; it is asked for objects where it has led when it was asked for references."""
        path, _, query = asking.path.partition("?")
        if path not in _GIT_PATHS or parse_qs(query).get("service", ["git-upload-pack"]) != ["git-upload-pack"]:
            raise TransferError(f"{self.origin}: git asks for {path:.100}")
        headers = {name.title(): text for name, text in asking.headers.items() if name in _GIT_HEADERS}
        url = f"{self._moved or self.wanted.repository}/{quote(path)}{f'?{query}' if query else ''}"
        answer = needed(self.client.ask(asking.method, url, headers, asking.body))
        if path == "info/refs":
            self._moved = answer.url.partition("?")[0].removesuffix("/info/refs")
        return Answer(answer.url, 200, {"content-type": answer.headers.get("content-type", "")}, answer.body)
