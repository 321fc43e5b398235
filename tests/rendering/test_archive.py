"""sources/helm/archive.py: only archives that Python, Go and tar take for the same files are read."""

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from kgate.rendering import archive
from tests.hostile import write
from tests.real_tools import LAYERS, helm_tool

LONG = f"templates/{'long-' * 30}/é.yaml"
CHART = {"Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n", "values.yaml": "", LONG: "kind: Pod\n"}


def read(path: Path) -> dict[str, bytes]:
    return dict(archive.read(path, lambda size: None))


def packed(*members: tuple[str, dict[str, object]], kind: int = tarfile.GNU_FORMAT) -> bytes:
    """An archive of members that hold ``x``, with fields of their headers, as tar and not yet as gzip."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=kind) as tar:
        for name, fields in members:
            member = tarfile.TarInfo(name)
            member.size = 1
            for field, value in fields.items():
                setattr(member, field, value)
            tar.addfile(member, io.BytesIO(b"x"))
    return buffer.getvalue()


@pytest.mark.parametrize("version", LAYERS)
def test_what_helm_packs(tmp_path: Path, version: str) -> None:
    write(tmp_path / "web", CHART)
    command = (helm_tool(version).path, "package", tmp_path / "web", "-d", tmp_path)
    subprocess.run(command, check=True, capture_output=True)
    assert read(tmp_path / "web-1.0.0.tgz").keys() == CHART.keys()


@pytest.mark.parametrize("name", ["web", "./web/../web/", "web/."])
@pytest.mark.parametrize("kind", ["gnu", "ustar", "posix"])
def test_what_tar_packs(tmp_path: Path, kind: str, name: str) -> None:
    files = CHART if kind != "ustar" else {name: text for name, text in CHART.items() if name != LONG}
    write(tmp_path / "web", files)
    folder, member = (tmp_path / "web", ".") if name == "web/." else (tmp_path, "web")
    subprocess.run(["tar", f"--format={kind}", "-czf", tmp_path / "web.tgz", "-C", folder, member], check=True)
    assert read(tmp_path / "web.tgz").keys() == files.keys()


def test_what_git_packs(tmp_path: Path) -> None:
    write(tmp_path / "web", CHART)
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org")
    for command in (("init", "-q"), ("add", "."), ("commit", "-qm", "a")):
        subprocess.run([*git, *command], cwd=tmp_path / "web", check=True)
    pack = (*git, "archive", "--format=tgz", "--prefix=web/", "-o", tmp_path / "web.tgz", "HEAD")
    subprocess.run(pack, cwd=tmp_path / "web", check=True)
    assert read(tmp_path / "web.tgz").keys() == CHART.keys()


PLAIN: tuple[str, dict[str, object]] = ("web/Chart.yaml", {})
PAX = tarfile.PAX_FORMAT


def member(name: str, **fields: object) -> Callable[[], bytes]:
    return lambda: gzip.compress(packed((name, fields)))


def paxed(**records: str) -> Callable[[], bytes]:
    return lambda: gzip.compress(packed(("web/a", {"pax_headers": records}), kind=PAX))


def edited(position: int, data: bytes) -> Callable[[], bytes]:
    """An archive with other bytes in its first header, whose checksum is right."""

    def make() -> bytes:
        block = bytearray(packed(PLAIN))
        block[position : position + len(data)] = data
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block[:512])
        return gzip.compress(bytes(block))

    return make


def broken_checksum() -> bytes:
    block = bytearray(packed(PLAIN))
    block[0:1] = b"W"
    return gzip.compress(bytes(block))


REFUSED = [
    pytest.param(lambda: gzip.compress(packed(PLAIN, PLAIN)), "'Chart.yaml' twice", id="a name twice"),
    pytest.param(lambda: gzip.compress(packed(PLAIN, ("b/Chart.yaml", {}))), "twice", id="a name in two folders"),
    pytest.param(member("web/a", type=tarfile.SYMTYPE, linkname="/etc", size=0), "neither", id="a symbolic link"),
    pytest.param(member("web/a", type=tarfile.LNKTYPE, linkname="web/b", size=0), "neither", id="a hard link"),
    pytest.param(member("web/a", type=tarfile.FIFOTYPE, size=0), "neither a file", id="a pipe"),
    pytest.param(member("web/a", type=tarfile.CONTTYPE), "neither a file", id="a contiguous file"),
    pytest.param(member("web/a", type=tarfile.GNUTYPE_SPARSE), "neither a file", id="a sparse file"),
    pytest.param(edited(100, b"0040644\0"), "a file and a folder", id="a file with the mode of a folder"),
    pytest.param(member("web/a", type=tarfile.DIRTYPE, size=1), "a file and a folder", id="a folder with content"),
    pytest.param(member("Chart.yaml"), "no folder of the chart", id="no folder"),
    pytest.param(member("web/../../a"), "no folder of the chart", id="above the folder"),
    pytest.param(member("web//a"), "no folder of the chart", id="an absolute path"),
    pytest.param(member("web/a/./b"), "no folder of the chart", id="a path that is not clean"),
    pytest.param(member("web/c:/a"), "name of a drive", id="a drive"),
    pytest.param(member("web/a/"), "no folder of the chart", id="a file that ends like a folder"),
    pytest.param(paxed(size="2"), "a header with size", id="a size in an extended header"),
    pytest.param(paxed(linkpath="a"), "a header with linkpath", id="a link in an extended header"),
    pytest.param(paxed(**{"GNU.sparse.name": "web/b"}), "GNU.sparse.name", id="a sparse file of pax"),
    pytest.param(paxed(path="web/a\0b"), "null byte", id="a null byte in a name"),
    pytest.param(broken_checksum, "checksum of 'Web/Chart.yaml'", id="a checksum that is wrong"),
    pytest.param(edited(257, bytes(8)), "not a plain one", id="a header of before POSIX"),
    pytest.param(edited(345, b"other"), "not a plain one", id="a prefix that GNU tar does not have"),
    pytest.param(edited(124, b"\x80" + bytes(10) + b"\1"), "unusual form", id="a size in binary"),
    pytest.param(edited(0, b"\xff"), "not UTF-8", id="a name that is not UTF-8"),
    pytest.param(lambda: gzip.compress(packed(PLAIN) + packed(PLAIN)), "behind its end", id="two"),
    pytest.param(lambda: gzip.compress(packed(PLAIN)) + b"x", "Not a gzipped", id="something behind gzip's end"),
    pytest.param(lambda: gzip.compress(packed(PLAIN)[:600]), "ends within a file", id="a file cut off"),
    pytest.param(lambda: gzip.compress(packed(PLAIN) + bytes(2 << 20)), "behind", id="zeros without end"),
    pytest.param(lambda: packed(PLAIN), "Not a gzipped", id="not compressed"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_readers_take_differently_is_refused(tmp_path: Path, make: Callable[[], bytes], message: str) -> None:
    path = tmp_path / "web.tgz"
    path.write_bytes(make())
    with pytest.raises(archive.ArchiveError, match=message):
        read(path)


def test_members_of_gzip_are_one_archive(tmp_path: Path) -> None:
    data = packed(PLAIN)
    (tmp_path / "web.tgz").write_bytes(gzip.compress(data[:700]) + gzip.compress(data[700:]))
    assert read(tmp_path / "web.tgz") == {"Chart.yaml": b"x"}


def test_a_header_for_all_members_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=PAX, pax_headers={"path": "web/b"}) as tar:
        tar.addfile(tarfile.TarInfo("web/a"))
    (tmp_path / "web.tgz").write_bytes(buffer.getvalue())
    with pytest.raises(archive.ArchiveError, match="a header for all of its members"):
        read(tmp_path / "web.tgz")


def test_a_backslash_in_the_name_of_a_file_is_not_packed(tmp_path: Path) -> None:
    write(tmp_path / "web", {"templates\\a.yaml": ""})
    with pytest.raises(archive.ArchiveError, match="holds a backslash"):
        archive.pack(tmp_path / "web", tmp_path / "web.tgz")
