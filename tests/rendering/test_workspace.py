"""sources/workspace.py: what is copied, what is refused, and that nothing of it stays."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kgate.rendering import workspace
from kgate.rendering.workspace import CopyError, Workspace
from kgate.repository import Repository
from tests.command import ROOT
from tests.loopback import ends, lives
from tests.waiting import HANG, wait_for


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a chart, beside a folder that is nobody's business."""
    for name, text in {"repository/chart/Chart.yaml": "name: a\n", "outside/secret/token": "secret"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path / "repository"


@pytest.fixture
def space(repository: Path) -> Iterator[Workspace]:
    with Workspace(Repository.at(repository)) as found:
        yield found


def tree(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def copied(space: Workspace, name: str = "chart") -> dict[str, str]:
    target = space.folder() / "copy"
    space.copy(space.root / name, target)
    found = [path for path in target.rglob("*") if path.is_symlink()]
    assert not found, "a copy holds no links"
    return tree(target)


# ---------------------------------------------------------------------------------------- what is taken


def link_to_file(repository: Path) -> None:
    (repository / "values.yaml").write_text("a: 1\n")
    (repository / "chart/values.yaml").symlink_to("../values.yaml")


def link_to_folder(repository: Path) -> None:
    (repository / "library").mkdir()
    (repository / "library/x.yaml").write_text("x")
    (repository / "chart/charts").symlink_to("../library")


def absolute_link(repository: Path) -> None:
    (repository / "values.yaml").write_text("a: 1\n")
    (repository / "chart/values.yaml").symlink_to(repository / "values.yaml")


def chain_of_links(repository: Path) -> None:
    link_to_file(repository)
    (repository / "chart/b").symlink_to("values.yaml")
    (repository / "chart/c").symlink_to("b")


def same_folder_twice(repository: Path) -> None:
    link_to_folder(repository)
    (repository / "chart/again").symlink_to("../library")


def ignored(repository: Path) -> None:
    (repository / "chart/.git/objects").mkdir(parents=True)
    (repository / "chart/.git/config").write_text("[core]")
    (repository / "chart/sub").mkdir()
    (repository / "chart/sub/.git").symlink_to("/etc")


def odd_names(repository: Path) -> None:
    (repository / "chart/a\nb é").write_text("x")


TAKEN: dict[str, tuple[Callable[[Path], None], dict[str, str]]] = {
    "files": (lambda _repository: None, {}),
    "a link to a file": (link_to_file, {"values.yaml": "a: 1\n"}),
    "a link to a folder": (link_to_folder, {"charts/x.yaml": "x"}),
    "an absolute link that stays inside": (absolute_link, {"values.yaml": "a: 1\n"}),
    "a chain of links": (chain_of_links, {"b": "a: 1\n", "c": "a: 1\n", "values.yaml": "a: 1\n"}),
    "a folder twice": (same_folder_twice, {"again/x.yaml": "x", "charts/x.yaml": "x"}),
    "without .git": (ignored, {}),
    "odd names": (odd_names, {"a\nb é": "x"}),
}


@pytest.mark.parametrize(("make", "more"), TAKEN.values(), ids=TAKEN.keys())
def test_taken(repository: Path, space: Workspace, make: Callable[[Path], None], more: dict[str, str]) -> None:
    make(repository)
    assert copied(space) == {"Chart.yaml": "name: a\n", **more}


def test_a_single_file_and_the_folders_above_it(repository: Path, space: Workspace) -> None:
    target = space.folder() / "deep/er/values.yaml"
    space.copy(repository / "chart/Chart.yaml", target)
    assert target.read_text() == "name: a\n"


def test_the_root_itself_through_a_link(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(repository)
    link_to_file(repository)
    with Workspace(Repository.at(tmp_path / "alias")) as space:
        target = space.folder() / "copy"
        space.copy(tmp_path / "alias/chart", target)
        assert tree(target) == {"Chart.yaml": "name: a\n", "values.yaml": "a: 1\n"}


def test_copies_can_be_written(repository: Path, space: Workspace) -> None:
    (repository / "chart/Chart.yaml").chmod(0o444)
    (repository / "chart").chmod(0o555)
    space.copy(repository / "chart", space.folder() / "copy")
    (repository / "chart").chmod(0o755)
    for path in (space._folder / "0").rglob("*"):
        assert path.stat().st_mode & 0o200
    assert os.stat(space._folder).st_mode & 0o077 == 0, "nobody else looks in"


# -------------------------------------------------------------------------------------- what is refused

LEAVES = "leads out of the repository through a symbolic link, which is not followed"
NOWHERE = "is a symbolic link that leads nowhere"
CIRCLE = "is a symbolic link to a folder that contains it"
STRANGE = "is neither a file nor a folder"


def link(name: str, target: str) -> Callable[[Path], None]:
    def make(repository: Path) -> None:
        path = repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)

    return make


def chain_out(repository: Path) -> None:
    link("chart/a", "b")(repository)
    link("chart/b", "../c")(repository)
    link("c", "../outside/secret/token")(repository)


def bind_socket(repository: Path) -> None:
    here = os.getcwd()
    os.chdir(repository / "chart")  # the address has room for short paths only
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("socket")
    os.chdir(here)


def sparse(repository: Path) -> None:
    with open(repository / "chart/big", "wb") as stream:
        stream.truncate(workspace.MAX_COPIED_BYTES + 1)


def many_links(repository: Path) -> None:
    """Two to the thirtieth folders, of thirty."""
    for number in range(30):
        for name in "ab":
            link(f"chart/{number}/{name}", f"../../{number + 1}")(repository)
        (repository / str(number + 1)).symlink_to(f"chart/{number + 1}")
    (repository / "chart/30").mkdir()


REFUSED: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "a file outside": (link("chart/x", "../../outside/secret/token"), "chart/x", LEAVES),
    "a folder outside": (link("chart/x", "../../outside"), "chart/x", LEAVES),
    "an absolute link": (link("chart/x", "/etc/passwd"), "chart/x", LEAVES),
    "a device": (link("chart/x", "/dev/zero"), "chart/x", LEAVES),
    "the parent of the repository": (link("chart/x", "../.."), "chart/x", LEAVES),
    "a name that begins like the root's": (link("chart/x", "../../repository-2"), "chart/x", LEAVES),
    "a chain that ends outside": (chain_out, "chart/a", LEAVES),
    "nothing outside": (link("chart/x", "/no/such/place"), "chart/x", LEAVES),
    "nothing inside": (link("chart/x", "nowhere"), "chart/x", NOWHERE),
    "below a file": (link("chart/x", "Chart.yaml/y"), "chart/x", NOWHERE),
    "itself": (link("chart/x", "x"), "chart/x", NOWHERE),
    "its folder": (link("chart/sub/x", ".."), "chart/sub/x", CIRCLE),
    "the root": (link("chart/x", ".."), "chart", "is reached again through a symbolic link in it"),
    "a FIFO": (lambda repository: os.mkfifo(repository / "chart/x"), "chart/x", STRANGE),
    "a socket": (bind_socket, "chart/socket", STRANGE),
    "too much": (sparse, "chart/big", "belongs to more than 256 MiB of files to render"),
}


@pytest.mark.parametrize(("make", "place", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(repository: Path, space: Workspace, make: Callable[[Path], None], place: str, message: str) -> None:
    make(repository)
    with pytest.raises(CopyError) as caught:
        copied(space)
    assert str(caught.value) == message
    assert not place or caught.value.path == repository / place
    assert "secret" not in "".join(tree(space._folder).values())


def test_a_device_file(space: Workspace) -> None:
    with Workspace(Repository.at(Path("/"))) as everything, pytest.raises(CopyError, match=STRANGE):
        everything.copy(Path("/dev/zero"), space.folder() / "zero")


ASKED: dict[str, tuple[str, str]] = {
    "outside": ("../outside", "lies outside the repository"),
    "outside, absolute": ("/etc", "lies outside the repository"),
    "missing": ("chart/nowhere", "cannot be copied: No such file or directory"),
}


@pytest.mark.parametrize(("name", "message"), ASKED.values(), ids=ASKED.keys())
def test_what_was_asked_for_is_refused(space: Workspace, name: str, message: str) -> None:
    with pytest.raises(CopyError) as caught:
        space.copy(space.root / name, space.folder() / "copy")
    assert str(caught.value) == message


def test_too_many_files(repository: Path, space: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "MAX_COPIED_FILES", 10)
    for number in range(9):
        (repository / f"chart/{number}").write_text("")
    assert len(copied(space)) == 10
    (repository / "chart/9").write_text("")
    with pytest.raises(CopyError, match="belongs to more than 10 files to render"):
        copied(space)


def test_links_without_end(repository: Path, space: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "MAX_COPIED_FOLDERS", 300)
    many_links(repository)
    with pytest.raises(CopyError, match="belongs to more than 300 folders to render"):
        copied(space)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc has files that exist and cannot be read, for root neither")
def test_an_unreadable_file(space: Workspace) -> None:
    with Workspace(Repository.at(Path("/"))) as everything, pytest.raises(CopyError) as caught:
        everything.copy(Path("/proc/self/mem"), space.folder() / "mem")
    assert str(caught.value) == "cannot be copied: Input/output error"


def test_an_unreadable_folder(repository: Path, space: Workspace) -> None:
    (repository / "chart/closed").mkdir(mode=0)
    if os.getuid() == 0:  # to whom nothing is closed
        assert copied(space) == {"Chart.yaml": "name: a\n"}
        return
    with pytest.raises(CopyError, match="cannot be copied: Permission denied") as caught:
        copied(space)
    assert caught.value.path == repository / "chart/closed"


# --------------------------------------------------------------------------------------- what is left


def test_gone_at_the_end(repository: Path) -> None:
    with Workspace(Repository.at(repository)) as space:
        folder = space._folder
        space.copy(repository, space.folder() / "copy")
        assert folder.parent == Path(os.path.realpath(tempfile.gettempdir()))
    assert not folder.exists()


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit])
def test_gone_after_an_error(repository: Path, kind: type[BaseException]) -> None:
    own = Workspace(Repository.at(repository))

    def work() -> None:
        with own:
            own.copy(repository, own.folder() / "copy")
            raise kind

    with pytest.raises(kind):
        work()
    assert not own._folder.exists()


def test_gone_whatever_was_forbidden_in_it(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").chmod(0o555)
    with Workspace(Repository.at(repository)) as space:
        closed = space.folder() / "a/b/c"
        closed.mkdir(parents=True)
        (closed / "file").write_text("")
        (closed / "link").symlink_to(tmp_path / "outside")
        for path, mode in ((closed, 0), (closed.parent, 0o555), (closed.parent.parent, 0o111)):
            path.chmod(mode)
    assert not space._folder.exists()
    assert (tmp_path / "outside").stat().st_mode & 0o777 == 0o555, "what links lead to is left alone"
    assert (tmp_path / "outside/secret/token").exists()
    (tmp_path / "outside").chmod(0o755)


# ------------------------------------------------------------------------------------------- given up

SCRIPT = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from kgate.commands import console
from kgate.commands import main as cli
from kgate.rendering import process
from kgate.repository import Repository
from kgate.lifetime import Lifetime
from kgate.rendering.sandbox import Reach
from kgate.rendering.workspace import Workspace

LIFETIME = Lifetime()
SLEEP = ["/bin/sh", "-c", "echo $$ > pid-{}; : > ready-{}; /bin/sleep 600; echo"]


def sleep(space, number):
    folder = space.folder()
    reach = Reach(writes=(folder,), programs=(Path("/bin"),))
    process.run([part.format(number, number) for part in SLEEP], folder, process.Limits(lifetime=LIFETIME), reach)


@cli.main.command()
@click.argument("way")
def wait(way):
    console.install_signal_handlers()
    with Workspace(Repository.at(Path("."))) as space:
        (space.folder() / "copy").write_text("x")
        if way == "alone":
            sleep(space, 0)
        else:
            with ThreadPoolExecutor(3) as pool, LIFETIME.cancelled_on_error():
                list(pool.map(lambda number: sleep(space, number), range(6)))


sys.exit(cli.exit_code(["wait", sys.argv[1]]))
"""


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=lambda value: getattr(value, "name", str(value)),
)
@pytest.mark.parametrize(("way", "count"), [("alone", 1), ("pool", 3)])
def test_a_signal_leaves_nothing(tmp_path: Path, number: int, code: int, way: str, count: int) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    variables = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)}
    command = (sys.executable, "-c", SCRIPT, way)
    with subprocess.Popen(
        command, cwd=tmp_path, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        wait_for(lambda: running.poll() is not None or len(list(temporary.glob("*/*/ready-*"))) >= count)
        assert running.poll() is None, running.communicate()
        children = [int(path.read_text()) for path in temporary.glob("*/*/pid-*")]
        assert all(map(lives, children))
        running.send_signal(number)
        out, err = running.communicate(timeout=HANG)
    assert (running.returncode, out, err.strip()) == (code, b"", b"")
    assert os.listdir(temporary) == []
    assert len(children) == count
    assert all(map(ends, children))


def test_a_signal_that_is_ignored_stays_so(tmp_path: Path) -> None:
    """As under nohup."""
    code = (
        "from kgate.commands import console, main as cli; import signal, os\n@cli.main.command()\n"
        "def hang(): console.install_signal_handlers(); os.kill(os.getpid(), 1)\n"
    )
    code = f"import signal; signal.signal(1, signal.SIG_IGN)\n{code}raise SystemExit(cli.exit_code(['hang']))"
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == 0
