"""Decides which servers may be asked: those that the user allows, and no private addresses unless they are meant."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import field, replace
from urllib.parse import SplitResult, urlsplit

from kgate.elsewhere.proxies import Proxies
from kgate.errors import ConfigError
from kgate.urls import shown_url
from kgate.values import dataclass

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_PORTS = {"https": 443, "http": 80}
_EMBEDDING = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("2002::/16"))
"""NAT64 and 6to4: addresses of version 6 that lead to one of version 4."""


class RefusedError(Exception):
    """A server that must not be asked; ``allow`` is the value of --pull-from that would allow it, if any."""

    def __init__(self, message: str, allow: str = "") -> None:
        super().__init__(message)
        self.allow = allow


@dataclass(frozen=True, slots=True)
class Server:
    """A server that may be asked: its scheme, name and port, its addresses, and the URL of the proxy that asks it, if
    there is one."""

    scheme: str
    host: str
    port: int
    addresses: tuple[str, ...] = ()
    proxy: str = field(default="", repr=False)

    @property
    def authority(self) -> str:
        """Its name, with the port if that is not the usual one: what credentials are given for."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == _PORTS[self.scheme] else f"{name}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme and authority."""
        return f"{self.scheme}://{self.authority}"


@dataclass(frozen=True, slots=True)
class Hosts:
    """The servers that may be asked: ``names`` by https at public addresses, ``origins`` (with their scheme) wherever
    they are."""

    names: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Hosts:
        """Those of ``--pull-from``: a name, with a port if it is not 443, or scheme and name. Raises ConfigError."""
        hosts = cls()
        for text in texts:
            hosts = hosts.allowing(text)
        return hosts

    def allowing(self, text: str) -> Hosts:
        """The same and one more. Raises ConfigError."""
        url = text.strip().rstrip("/").lower()
        try:
            server = _server(url if "://" in url else f"https://{url}")
        except RefusedError as error:
            raise ConfigError(f"--pull-from {text}: {error}") from None
        if server.origin != (url if "://" in url else f"https://{url}").removesuffix(f":{_PORTS[server.scheme]}"):
            raise ConfigError(f"--pull-from {text}: name a host, such as ghcr.io, or https://charts.example.com:8443")
        if "://" in url:
            return replace(self, origins=self.origins | {server.origin})
        return replace(self, names=self.names | {server.authority})

    def allow(self, url: str) -> bool:
        """True if the server of a URL may be asked, as far as its name says."""
        try:
            self._named(url)
        except RefusedError:
            return False
        return True

    def server(self, url: str, proxies: Proxies = Proxies()) -> Server:  # noqa: B008 - frozen
        """The server of a URL, with its addresses and its proxy, if it has one. Raises RefusedError if it must not be
        asked, OSError if it has no address.

        A proxy looks up names itself: what this machine knows of a name is checked all the same, but it need not know
        it.
        """
        named = self._named(url)
        server = replace(named, proxy=proxies.find(named.scheme, named.host, named.port))
        try:
            found = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
        except OSError:
            if not server.proxy:
                raise
            found = []
        addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
        private = [] if server.origin in self.origins else [one for one in addresses if not _is_public(one)]
        if private:
            message = f"{server.authority} is at {private[0]}, which is not a public address"
            raise RefusedError(f"{message}; if that is meant, allow it with its scheme", server.origin)
        return replace(server, addresses=addresses)

    def _named(self, url: str) -> Server:
        server = _server(url)
        if server.origin in self.origins or (server.scheme == "https" and server.authority in self.names):
            return server
        if server.scheme == "http":
            raise RefusedError(f"{server.origin} is not encrypted", server.origin)
        raise RefusedError(f"{server.authority} is not among the hosts that are allowed", server.authority)


def _server(url: str) -> Server:
    """The server that a URL names. Raises RefusedError if it is none that could be asked."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise RefusedError(f"{shown_url(url)} is not a URL") from None
    if parts.scheme not in _PORTS:
        raise RefusedError(f"{shown_url(url)} is neither https nor oci")
    if parts.username is not None or parts.password is not None:
        raise RefusedError(f"{shown_url(url)} holds a user or password; give them with --registry-config")
    host = _host(parts)
    if not host:
        raise RefusedError(f"{shown_url(url)} names no host")
    return Server(parts.scheme, host, port or _PORTS[parts.scheme])


def _host(parts: SplitResult) -> str:
    """The name or address of a host; empty if it is neither. Names that are not ASCII are written as in DNS, so that no
    letter looks like another one."""
    host = (parts.hostname or "").lower().removesuffix(".")
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host if len(host) < 254 and _NAME.fullmatch(host) else ""


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return _is_public(str(address.ipv4_mapped))
        if any(address in network for network in _EMBEDDING):
            return False
    return address.is_global and not address.is_multicast
