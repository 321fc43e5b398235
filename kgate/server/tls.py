"""The certificate of the server, read again when its files change, as those of a mounted secret do."""

from __future__ import annotations

import contextlib
import os
import ssl

from kgate.errors import ConfigError
from kgate.server.settings import Certificate


def context_for(certificate: Certificate) -> ssl.SSLContext:
    """Returns the context in which connections are accepted. A new certificate counts for the connections that begin
    once it is there; while its files do not fit each other, the old one does. Raises ConfigError."""
    files = _Files(certificate)
    context = files.current = _read(certificate)

    def choose(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = files.latest()

    context.sni_callback = choose
    return context


def _read(certificate: Certificate) -> ssl.SSLContext:
    """Reads the files. Raises ConfigError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2

    def refuse_to_ask() -> str:
        raise ConfigError(
            f"{certificate.key}: is encrypted with a pass phrase, which a server cannot be asked for; "
            f"write the key without one: openssl pkey -in KEY -out NEW"
        )

    try:
        context.load_cert_chain(certificate.certificate, certificate.key, refuse_to_ask)
    except OSError as error:
        names = f"{certificate.certificate} and {certificate.key}"
        raise ConfigError(f"{names}: not a certificate with its key, in PEM: {_reason(error)}") from None
    if certificate.client_authorities is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(certificate.client_authorities)
        except OSError as error:
            name = certificate.client_authorities
            raise ConfigError(f"{name}: holds no certificate in PEM: {_reason(error)}") from None
    return context


def _reason(error: OSError) -> str:
    reason: str | None = getattr(error, "reason", None) or error.strerror
    return reason or str(error)


class _Files:
    """The files of a certificate, and what was read from them."""

    def __init__(self, certificate: Certificate) -> None:
        self._certificate = certificate
        self._state = self._look()
        self.current: ssl.SSLContext

    def latest(self) -> ssl.SSLContext:
        """Returns what the files hold now, or held when they were last right."""
        with contextlib.suppress(OSError, ConfigError):
            state = self._look()
            if state != self._state:
                self.current, self._state = _read(self._certificate), state
        return self.current

    def _look(self) -> tuple[tuple[int, int, int], ...]:
        found = map(os.stat, (self._certificate.certificate, self._certificate.key))
        return tuple((one.st_ino, one.st_size, one.st_mtime_ns) for one in found)
