"""comments.py: whether a change can have written a waiver that stands in a manifest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kgate.model import ResourceId
from kgate.policy.gittree import open_tree
from kgate.repository import Repository
from kgate.scan import scan
from kgate.sources.comments import RepositoryComments
from tests.policy.clone import Clone

ALLOW = "allow[host-pid] owner=us why"
POD = f"""\
apiVersion: v1
kind: Pod
metadata: {{name: agent}}
spec:
  hostPID: true  # kgate: {ALLOW}
  containers: [{{name: c, image: x}}]
"""
OTHER = POD.replace("agent}", "other}").replace(f"  # kgate: {ALLOW}", "")
FILES = {"a.yaml": f"{POD}---\n{OTHER}", "values.yaml": f"allow: |\n  {ALLOW}\n", "plain.yaml": OTHER}


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return Clone.of(tmp_path_factory.mktemp("comments") / "shop", FILES)


@pytest.fixture
def clone(base: Clone, tmp_path: Path) -> Clone:
    return base.copy(tmp_path / "shop")


def comments(clone: Clone) -> RepositoryComments:
    repository = Repository.at(clone.folder)
    return RepositoryComments(replace(repository, trusted=open_tree(repository, "main")))


AGENT, ANOTHER = (ResourceId("v1", "Pod", "", name) for name in ("agent", "other"))
WORSE = OTHER.replace("hostPID: true", f"hostPID: true  # kgate: {ALLOW}")
TRUSTED = [
    pytest.param({}, AGENT, True, id="as it was"),
    pytest.param({"a.yaml": f"# more\n{POD}"}, AGENT, True, id="in another line"),
    pytest.param({"a.yaml": POD.replace("owner=us", "owner=them")}, AGENT, None, id="not word for word"),
    pytest.param({"a.yaml": f"{POD}---\n{WORSE}"}, AGENT, True, id="beside a copy"),
    pytest.param({"a.yaml": f"{POD}---\n{WORSE}"}, ANOTHER, False, id="copied to another object"),
    pytest.param({"a.yaml": f"{POD}#{ALLOW}\n"}, AGENT, False, id="copied in its object"),
    pytest.param({"a.yaml": f"{OTHER}---\n{WORSE}"}, ANOTHER, False, id="moved to another object"),
]


@pytest.mark.parametrize(("change", "who", "expected"), TRUSTED)
def test_a_waiver_is_trusted_if_the_object_had_it(
    clone: Clone, change: dict[str, str | None], who: ResourceId, expected: bool | None
) -> None:
    assert comments(clone.changed(change)).is_trusted("a.yaml", ALLOW, who) is expected


def test_a_values_file_names_no_object(clone: Clone) -> None:
    assert comments(clone).is_trusted("values.yaml", ALLOW, AGENT) is True
    clone.changed({"values.yaml": f"allow: |\n  {ALLOW}\n  {ALLOW}\n", "new.yaml": POD})
    assert comments(clone).is_trusted("values.yaml", ALLOW, AGENT) is False
    assert comments(clone).is_trusted("new.yaml", ALLOW, AGENT) is False


def test_without_a_trusted_revision_everything_counts(clone: Clone) -> None:
    assert RepositoryComments(Repository.at(clone.folder)).is_trusted("a.yaml", "anything", AGENT) is True


def test_only_files_with_a_mark_have_lines(clone: Clone) -> None:
    found = comments(clone)
    assert [len(found.lines(path)) > 0 for path in ("a.yaml", "plain.yaml", "gone.yaml")] == [True, False, False]


def test_what_a_change_adds_is_found_and_waives_nothing_until_it_is_merged(clone: Clone) -> None:
    clone.changed({"plain.yaml": WORSE})
    before = scan(clone.settings())
    assert [str(one.location) for one in before.findings if one.is_about_gate] == ["plain.yaml:5:20"]
    assert {one.location.path for one in before.findings if one.waiver is not None} == {"a.yaml"}
    merged = scan(clone.merged().settings())
    assert not any(one.is_about_gate for one in merged.findings)
    assert {one.location.path for one in merged.findings if one.waiver is not None} == {"a.yaml", "plain.yaml"}
