"""Runs the real server on a free port of this machine."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.command import ROOT, installed
from tests.waiting import HANG


@dataclass(frozen=True)
class Answer:
    """What a server answered: the status, the headers by their names in lower case, and the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Served:
    """A server that runs."""

    process: subprocess.Popen[bytes]
    host: str
    port: int

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        context: ssl.SSLContext | None = None,
    ) -> Answer:
        """Sends one request over a connection of its own, encrypted in a context, and reads the answer."""
        if context is None:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=HANG)
        else:
            connection = http.client.HTTPSConnection(self.host, self.port, timeout=HANG, context=context)
        with contextlib.closing(connection):
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())


@contextlib.contextmanager
def serving(
    *arguments: str, within: Sequence[str] = (), variables: Mapping[str, str] | None = None
) -> Iterator[Served]:
    """A server with further options, which is told to stop at the end of the block; ``within`` is a command that runs
    it, and ``variables`` are set for it."""
    command = (*within, sys.executable, "-P", "-m", "kgate", "serve", "--port", "0", *arguments)
    env = {**os.environ, "PYTHONPATH": str(installed()), **(variables or {})}
    with subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.PIPE) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline().decode()
            found = re.search(r"//(.+):(\d+)$", line.strip())
            assert found, line
            yield Served(process, found[1], int(found[2]))
        finally:
            process.terminate()
            process.communicate(timeout=HANG)
