"""fix/chartvalues.py: which field of the values a template may have a security context from."""

from __future__ import annotations

import pytest

from kgate.fix.chartvalues import moved
from kgate.model import FieldChange, Location, Position

VALUES = "image: x\nsecurityContext: {}\npodSecurityContext: {}\nweb:\n  securityContext:\n  image: y\ncount: 1\n"
TEMPLATE = (
    "spec:\n"
    "  {{- with .Values.podSecurityContext }}\n"
    "  securityContext: {{ toYaml . }}\n"
    "  {{- end }}\n"
    "  containers:\n"
    "  - name: a\n"
    "    {{- with $.Values.securityContext }}\n"
    "  - name: web\n"
    "    {{- with .Values.web.securityContext }}\n"
    "  - name: other\n"
    "    {{- with .Values.other.securityContext }}\n"
)


def change(line: int, pointer: str, parent: str) -> FieldChange:
    at = Position(line, 5)
    return FieldChange(pointer, True, Location("templates/web.yaml", at, at, parent))


@pytest.mark.parametrize(
    ("line", "pointer", "parent", "found"),
    [
        pytest.param(6, "/spec/containers/0/securityContext/x", "/spec/containers/0", 2, id="of a container"),
        pytest.param(8, "/spec/containers/1/securityContext/x", "/spec/containers/1", 5, id="of another container"),
        pytest.param(1, "/spec/securityContext/x", "/spec", 3, id="of the pod"),
        pytest.param(10, "/spec/containers/2/securityContext/x", "/spec/containers/2", None, id="not in the values"),
        pytest.param(1, "/spec/hostUsers", "/spec", None, id="another field"),
        pytest.param(
            6,
            "/spec/containers/0/securityContext/x",
            "/spec/containers/0/securityContext",
            None,
            id="one that is there",
        ),
    ],
)
def test_the_first_that_is_mentioned_behind_it_is_found(
    line: int, pointer: str, parent: str, found: int | None
) -> None:
    before = change(line, pointer, parent)
    after = moved(before, TEMPLATE, VALUES, "values.yaml")
    if found is None:
        assert after is before
        return
    assert (after.place.path, after.place.start.line) == ("values.yaml", found)
    assert after.place.pointer == pointer.removesuffix("/x")


def test_values_that_cannot_be_read_hold_none() -> None:
    before = change(6, "/spec/containers/0/securityContext/x", "/spec/containers/0")
    assert moved(before, TEMPLATE, "a: [", "values.yaml") is before
