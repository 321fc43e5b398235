"""The proxies of the environment (``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY``, ``NO_PROXY``), as curl reads them."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping
from dataclasses import field
from urllib.parse import unquote, urlsplit

from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class Proxies:
    """The URL of the proxy for each scheme, with a user and password if it has them; ``no`` lists the hosts that are
    asked without one."""

    urls: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of_environment(cls) -> Proxies:
        """Those that the user's variables name."""
        from urllib.request import getproxies_environment

        return cls(getproxies_environment())

    def find(self, scheme: str, host: str, port: int) -> str:
        """The proxy for a server; empty if it is asked directly, as every server of this machine is."""
        from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

        url = self.urls.get(scheme) or self.urls.get("all") or ""
        if not url or _is_here(host) or proxy_bypass_environment(f"{host}:{port}", dict(self.urls)):
            return ""
        return url if "://" in url else f"http://{url}"


def parts(url: str) -> tuple[str, dict[str, str]]:
    """The URL of a proxy without user and password, and the header that has these. Raises ValueError with a clause that
    says what is wrong."""
    try:
        found = urlsplit(url)
        is_complete = bool(found.hostname) and found.port != 0
    except ValueError:
        is_complete = False
    if not is_complete:
        raise ValueError("is not a URL; write http://HOST:PORT")
    if found.scheme not in ("http", "https"):
        raise ValueError("is neither http nor https")
    place = f"{found.scheme}://{found.netloc.rpartition('@')[2]}"
    if not found.username:
        return place, {}
    pair = f"{unquote(found.username)}:{unquote(found.password or '')}".encode()
    return place, {"proxy-authorization": f"Basic {base64.b64encode(pair).decode()}"}


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
