"""A process that has imported all of kgate and judged a pod, and forks for each command, so that tests do not pay for
its start.

The copy has the working folder, the environment and the streams of the command and then does what ``python -m kgate``
does: it runs the command line and ends. Only what a start alone can show is not seen so, such as the order of imports
and the seed of hashes; the streams are those of an environment that says nothing of Python or the language.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SECONDS = 300
_REQUEST_BYTES = 1 << 20
_POD = b"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {hostPID: true, containers: [{name: a, image: b}]}\n"


class Forker:
    """The process, seen from the one that wants commands to be run."""

    def __init__(self, path: str) -> None:
        """Starts the process, which finds kgate and these tests on a path such as PYTHONPATH holds."""
        self._socket, other = socket.socketpair()
        self._socket.settimeout(SECONDS)
        command = (sys.executable, "-P", "-m", "tests.forked", str(other.fileno()))
        self.process = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[other.fileno()],
        )
        other.close()

    def end(self) -> None:
        """Ends the process."""
        self._socket.close()
        self.process.communicate()

    def run(self, arguments: Sequence[str], cwd: Path, env: Mapping[str, str]) -> tuple[int, bytes, bytes]:
        """The exit code of a command, its output and its errors; its input is empty."""
        (stdin, empty), (out, stdout), (err, stderr) = os.pipe(), os.pipe(), os.pipe()
        request = json.dumps([arguments, os.fspath(cwd), dict(env)]).encode()
        assert len(request) < _REQUEST_BYTES
        socket.send_fds(self._socket, [len(request).to_bytes(4)], [stdin, stdout, stderr])
        self._socket.sendall(request)
        for descriptor in (stdin, empty, stdout, stderr):
            os.close(descriptor)
        with ThreadPoolExecutor(2) as readers:
            texts = list(readers.map(_contents, (out, err)))
        code = self._socket.recv(4)
        assert code, f"the process that forks has ended: {self.process.communicate()}"
        return int.from_bytes(code, signed=True), texts[0], texts[1]


def _contents(descriptor: int) -> bytes:
    with open(descriptor, "rb") as file:
        return file.read()


def _serve(connection: socket.socket) -> list[str] | None:
    """Forks for each request. Returns its arguments in the copy, and None here once nobody asks any more."""
    while True:
        head, descriptors, _, _ = socket.recv_fds(connection, 4, 3)
        if not head:
            return None
        request = b""
        while len(request) < int.from_bytes(head):
            request += connection.recv(_REQUEST_BYTES)
        arguments, cwd, env = json.loads(request)
        child = os.fork()
        if not child:
            connection.close()
            for target, descriptor in enumerate(descriptors):
                os.dup2(descriptor, target)
                os.close(descriptor)
            os.chdir(cwd)
            os.environ.clear()
            os.environ.update(env)
            return list(map(str, arguments))
        for descriptor in descriptors:
            os.close(descriptor)
        _, status = os.waitpid(child, 0)
        connection.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, signed=True))


def _import_everything() -> None:
    import kgate

    for module in pkgutil.walk_packages(kgate.__path__, "kgate."):
        if module.name != "kgate.__main__":
            importlib.import_module(module.name)
    for name in ("jinja2", "multiprocessing.context", "orjson", "rich.console", "sarif_om"):
        importlib.import_module(name)


def _judge_once() -> None:
    """Reads the rules, starts the CEL engine and makes the methods of dataclasses, as the first scan of a process."""
    from kgate.judgement.engine import Judge
    from kgate.kubernetes import manifest, pss
    from kgate.rules import load

    judge = Judge(load.load(), pss.NEWEST_MINOR)
    (pod,) = manifest.read("pod.yaml", _POD).resources
    assert judge.judge(pod).findings


if __name__ == "__main__":
    _import_everything()
    _judge_once()
    gc.freeze()
    given = _serve(socket.socket(fileno=int(sys.argv[1])))
    if given is not None:
        from kgate.commands.main import run

        sys.argv = ["kgate", *given]
        run()
