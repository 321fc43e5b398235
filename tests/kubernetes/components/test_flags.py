"""kubernetes/components/flags.py: the flags of the programs, as these list them, and their defaults."""

from __future__ import annotations

import re
import subprocess

import pytest

from kgate.kubernetes.components.flags import NAMES, defaults, flags, parsed
from kgate.kubernetes.pss import NEWEST_MINOR
from tests.waiting import HANG
from upstream import apiserver

_LISTED = re.compile(r"^ +(?:-\w, )?--([a-z0-9-]+)(?: (\w+))?(?= |$)", re.MULTILINE)
_KINDS = {"": "bool", "int": "int", "int32": "int", "duration": "duration", "strings": "list"}


@pytest.mark.needs_apiserver
def test_the_flags_of_the_api_server_are_those_that_it_lists() -> None:
    apiserver.build(apiserver.folder())
    command = (apiserver.folder() / "kube-apiserver", "--help")
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=HANG).stdout
    known = {name: flag for name, flag in flags("kube-apiserver").items() if NEWEST_MINOR in flag}
    listed = dict(_LISTED.findall(text))
    assert len(listed) > 150
    assert set(listed) <= set(known)
    assert {name for name, kind in listed.items() if known[name].kind != _KINDS.get(kind, known[name].kind)} <= {
        "version",
        "vmodule",
    }, "of these the help does not say that they take a value"


@pytest.mark.parametrize("name", NAMES)
def test_every_default_is_one_of_a_flag_and_of_its_type(name: str) -> None:
    spelt = {bool: "true", int: "1", float: "1s", list: "a", str: "a"}
    for minor in (17, NEWEST_MINOR):
        found = defaults(name, 5 if name == "etcd" else minor)
        assert found
        for setting, value in found.items():
            assert type(parsed(flags(name)[setting], spelt[type(value)])) is type(value), setting
