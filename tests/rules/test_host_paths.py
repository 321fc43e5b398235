"""Every rule that reads a path of the node judges the path that is meant, however it is spelled."""

from __future__ import annotations

import json
import posixpath
import random
from dataclasses import replace

import pytest

from kgate.judgement.engine import Judge
from kgate.kubernetes.pss import NEWEST_MINOR
from kgate.rules import cel, load
from kgate.rules.variables import bound
from tests.manifests import resource

READERS = [rule for rule in load.load() if any("hostPath.path" in one.expression for one in rule.variables)]
JUDGE = Judge(load.load(), NEWEST_MINOR)

SPELLINGS = [
    pytest.param("/", "/", id="the root"),
    pytest.param("/..", "/", id="above the root"),
    pytest.param("/data/..", "/", id="above a directory"),
    pytest.param("//", "/", id="two slashes"),
    pytest.param("/.", "/", id="the root itself"),
    pytest.param("/./", "/", id="the root itself with a slash"),
    pytest.param("/a/b/../../../..", "/", id="further up than there are directories"),
    pytest.param("/a/../b/..", "/", id="down and up twice"),
    pytest.param("..", "/", id="relative"),
    pytest.param("C:\\data\\..", "/", id="the root of a drive"),
    pytest.param("/etc/.", "/etc/", id="a directory itself"),
    pytest.param("/x/../etc", "/etc/", id="a directory beside another"),
    pytest.param("/../etc/", "/etc/", id="a directory of the root"),
    pytest.param("/a/b/../../etc//", "/etc/", id="two directories up"),
    pytest.param("/a/./b/.././../etc", "/etc/", id="dots among the steps"),
    pytest.param("/x/../root/.aws", "/root/.aws/", id="a directory of credentials"),
    pytest.param("/var/lib/../run/docker.sock", "/run/docker.sock/", id="a socket through a link"),
    pytest.param("c:\\k\\..\\windows", "/windows/", id="a directory of Windows"),
    pytest.param("/a/.../..b/c..", "/a/.../..b/c../", id="names with dots"),
    pytest.param("/a" * 31 + "/..", "/a" * 30 + "/", id="as long as is followed"),
    pytest.param("/a" * 32 + "/..", "/", id="too long to be followed, which may be anything"),
    pytest.param("/a" * 100, "/a" * 100 + "/", id="long, but never up"),
]


def is_read_as(path: str, wanted: str) -> bool | cel.CelError:
    rule = replace(READERS[0], expression="variables.path == item.wanted")
    return cel.evaluate(bound(rule), {"item": {"hostPath": {"path": path}, "wanted": wanted}})


def test_all_of_them_read_it_in_the_same_way() -> None:
    assert len(READERS) >= 3
    assert len({rule.variables for rule in READERS}) == 1
    readers = {rule.id for rule in READERS}
    assert {rule.id for rule in load.load() if "hostPath.path" in rule.expression} <= readers


@pytest.mark.parametrize(("path", "wanted"), SPELLINGS)
def test_the_path_that_is_meant(path: str, wanted: str) -> None:
    assert is_read_as(path, wanted) is True


def test_it_is_what_posix_says() -> None:
    draw = random.Random(11)
    for _ in range(200):
        path = "/" + "/".join(draw.choices(("a", "b", "..", ".", ""), k=draw.randrange(12)))
        clean = posixpath.normpath("/" + path.lstrip("/"))
        assert is_read_as(path, clean if clean == "/" else f"{clean}/") is True, path


@pytest.mark.parametrize(
    ("spelling", "plain"),
    [
        pytest.param("/data/..", "/", id="the root"),
        pytest.param("/x/../etc", "/etc", id="a directory"),
        pytest.param("/a/b/../../root/.aws", "/root/.aws", id="credentials"),
        pytest.param("/opt/../run/./containerd/containerd.sock", "/run/containerd/containerd.sock", id="a socket"),
        pytest.param("/var/../var/run//crio/crio.sock", "/run/crio/crio.sock", id="a socket behind a link"),
    ],
)
def test_the_findings_are_those_of_the_path_that_is_meant(spelling: str, plain: str) -> None:
    way_up = {"sensitive-host-path"}  # through a link it may lead anywhere else
    assert offences(spelling) == offences(plain) | way_up


def offences(path: str) -> set[str]:
    volume = {"name": "v", "hostPath": {"path": path}}
    spec = {"containers": [{"name": "a", "image": "x"}], "volumes": [volume]}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec}
    judgement = JUDGE.judge(resource(body))
    assert not judgement.problems
    places = [one.location for one in judgement.findings if one.location.pointer.endswith("/hostPath/path")]
    shown = {place.snippet[place.start.column - 1 : place.end.column - 1] for place in places}
    assert shown == {f'"path": {json.dumps(path)}'}
    return set(judgement.offended)
