"""The review of a pull request: suggestions that GitHub takes, which make of each file what kgate fix makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.command import kgate
from tests.commands.test_fix import POD
from tests.policy.clone import Clone
from tests.real_tools import tools_env

COMMENT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["path", "body", "line", "side"],
    "properties": {
        "path": {"type": "string"},
        "body": {"type": "string", "maxLength": 65536},
        "line": {"type": "integer", "minimum": 1},
        "side": {"enum": ["LEFT", "RIGHT"]},
        "start_line": {"type": "integer", "minimum": 1},
        "start_side": {"enum": ["LEFT", "RIGHT"]},
    },
}
REVIEW = {
    "type": "object",
    "additionalProperties": False,
    "required": ["event", "body", "comments"],
    "properties": {
        "event": {"enum": ["APPROVE", "REQUEST_CHANGES", "COMMENT"]},
        "body": {"type": "string", "minLength": 1},
        "comments": {"type": "array", "items": COMMENT},
    },
}
"""What GitHub documents of a review (REST API, pulls/create-review), as far as kgate uses it."""

SECOND = POD.replace("name: app", "name: app  # first\n    securityContext: {}").replace("web", "two")
FILES = {
    "one pod": POD,
    "a pod with an empty context": SECOND,
    "two pods": f"{POD}---\n{SECOND}",
    "no line end at the end": POD.rstrip("\n"),
    "backquotes": POD.replace("image: x", "image: x  # ```suggestion"),
    "Windows": POD.replace("\n", "\r\n"),
    "nothing to fix": "kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\n",
}


def review(folder: Path, *arguments: str) -> Any:
    done = kgate("scan", ".", "-f", "github-review", *arguments, cwd=folder, env=tools_env())
    found = json.loads(done.out)
    jsonschema.validate(found, REVIEW)
    return found


def committed(text: str, comments: list[Any]) -> str:
    """The text of a file after every suggestion was committed, as GitHub does it: whole lines take the place of others,
    with the line ends that the file has."""
    ends = "\r\n" if "\r\n" in text else "\n"
    lines = text.replace("\r\n", "\n").split("\n")
    for one in sorted(comments, key=lambda one: one["line"], reverse=True):
        head, _, rest = one["body"].partition("suggestion\n")
        fence = head.rpartition("\n")[2]
        block, end, _ = rest.rpartition(f"{fence}\n")
        assert end
        assert fence not in block
        lines[one.get("start_line", one["line"]) - 1 : one["line"]] = block.removesuffix("\n").split("\n")
    return ends.join(lines)


@pytest.mark.parametrize("name", FILES)
def test_committed_suggestions_are_what_fix_writes(tmp_path: Path, name: str) -> None:
    clone = Clone.of(tmp_path / "shop", {"README.md": "x\n"})
    place = clone.folder / "new.yaml"
    place.write_bytes(FILES[name].encode())
    clone.merged()
    comments = review(clone.folder, "--diff-base", "main~1")["comments"]
    assert {one["path"] for one in comments} <= {"new.yaml"}
    made = committed(FILES[name], comments)
    kgate("fix", cwd=clone.folder)
    assert made.rstrip("\r\n") == place.read_bytes().decode().rstrip("\r\n")
    assert bool(comments) == (name != "nothing to fix")


def test_only_lines_of_the_change_are_commented(tmp_path: Path) -> None:
    """GitHub refuses a review with a comment elsewhere."""
    clone = Clone.of(tmp_path / "shop", {"old.yaml": POD})
    clone.changed(
        {"old.yaml": POD.replace("# metrics", "# for metrics"), "new.yaml": POD.replace("web", "new")}
    ).merged()
    found = review(clone.folder, "--diff-base", "main~1")
    assert {one["path"] for one in found["comments"]} == {"new.yaml"}
    assert found["body"] == "kgate: failed; 1 suggestion; 1 more safe fix with kgate fix."
    assert review(clone.folder, "--policy-from", "main~1")["comments"] == found["comments"]


def test_without_a_revision_nothing_is_commented(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(POD, encoding="utf-8")
    found = review(tmp_path)
    assert found["comments"] == []
    assert found["body"].endswith("scan with --diff-base or --policy-from.")


def test_a_suggestion_has_the_same_mark_each_time(tmp_path: Path) -> None:
    """A job leaves out by it what it has suggested before."""
    clone = Clone.of(tmp_path / "shop", {"README.md": "x\n"})
    clone.changed({"new.yaml": POD}).merged()
    first = review(clone.folder, "--diff-base", "main~1")["comments"]
    clone.changed({"new.yaml": f"# moved\n{POD}"}).merged()
    second = review(clone.folder, "--diff-base", "main~2")["comments"]
    marks = [[one["body"].split("\n")[0] for one in found] for found in (first, second)]
    assert marks[0] == marks[1]
    assert marks[0][0].startswith("<!-- kgate-suggestion:")
