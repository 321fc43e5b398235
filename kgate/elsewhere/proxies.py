"""The proxies of the environment (``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY``, ``NO_PROXY``), as curl reads them."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import field

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


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
