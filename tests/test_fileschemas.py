"""fileschemas.py: the schemas accept what the readers accept, and refuse what they refuse."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from kgate.commands.variables import OF_CI_JOBS
from kgate.config import KNOWN, read_config
from kgate.config.gatelist import GATE_FIELDS, MATCH_FIELDS
from kgate.config.rulesettings import RULE_SETTING_FIELDS
from kgate.errors import ConfigError, RuleError
from kgate.fileschemas import schemas
from kgate.policy.floor import FLOOR_FIELDS
from kgate.rendering.helm.releases import RELEASE_FIELDS
from kgate.repository import CONFIG_NAMES, Repository
from kgate.rules import rulefile
from kgate.yamltree.fields import UserFile
from tests.command import ROOT, kgate
from tests.test_waiverfile import MISTAKES, read

CONFIG, RULE, WAIVERS = (json.loads(schemas()[f"{name}-1.json"]) for name in ("config", "rule", "waivers"))
DOCUMENTS = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))


def body(text: str | bytes) -> Any:
    data = text.encode() if isinstance(text, str) else text
    return UserFile.parse(data, "x.yaml", ValueError).root.value


def accepts(schema: Any, text: str | bytes) -> bool:
    return bool(jsonschema.Draft202012Validator(schema).is_valid(body(text)))


def _blocks() -> Iterator[tuple[str, str, Any]]:
    """The YAML mappings in the documents: the name of the document, the text and what is read of it."""
    for path in DOCUMENTS:
        for text in re.findall(r"^```yaml\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S):
            try:
                found = body(text)
            except ValueError:  # a list of steps, or several documents
                continue
            if isinstance(found, dict):
                yield path.name, text, found


BLOCKS = tuple(_blocks())
CONFIGS = [text for _, text, found in BLOCKS if found.keys() & {*KNOWN} and not found.keys() & {"kind", "id"}]
RULES = [(name, text) for name, text, found in BLOCKS if {"id", "expression", "rationale"} <= found.keys()]


@pytest.mark.parametrize("schema", [CONFIG, RULE, WAIVERS])
def test_they_are_schemas(schema: Any) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)


def test_all_rules_fit() -> None:
    files = sorted((ROOT / "rules").glob("*.yaml"))
    assert len(files) > 70
    assert [path.name for path in files if not accepts(RULE, path.read_bytes())] == []


def test_all_documented_files_fit() -> None:
    assert len(CONFIGS) >= 5
    assert len(RULES) >= 2
    assert [text for text in CONFIGS if not accepts(CONFIG, text)] == []
    assert [one for one in RULES if not accepts(RULE, one[1])] == []


def test_the_command_prints_them() -> None:
    assert kgate("schema", "config").out == schemas()["config-1.json"]
    assert kgate("schema", "rule").out == schemas()["rule-1.json"]
    assert kgate("schema", "waivers").out == schemas()["waivers-1.json"]
    assert kgate("schema", "baseline").out == schemas()["baseline-1.json"]
    assert json.loads(kgate("schema").out)["title"] == "kgate report, version 2"


# ------------------------------------------------------------------------------------------ kgate.yaml

RIGHT = {
    "nothing": "",
    "all settings": (
        "min-score: restricted\nfail-on: high\nkubernetes-version: v1.30.1\nselect: []\nignore: [host-pid]\nrules: []\n"
        "allow-empty: true\nunjudged: note\nhelm-degraded: false\ntimeout: 10\nrender-timeout: 5\nrender-memory: 64\n"
        "repositories: ['https://example.com/a.git']\nfloor: {min-score: baseline, fail-on: low, never-ignore: [a]}\n"
        "flux: {variables: {NAME: value, EMPTY: ''}}\n"
        "argocd: {clusters: [{name: a, labels: {b: c}}], plugins: {p: helm}}\n"
        "pull-from: [ghcr.io, 'http://localhost:5000', 'https://[fd00::1]:8443']\n"
        "level: restricted\n"
        "rule-settings: {host-pid: {severity: low, points: 2}, a: {parameters: {b: [c], d: 1, e: true, f: g}}}\n"
        "clusters: [{name: prod, paths: clusters/prod/}, {name: b, paths: [b/, 'apps/*/b']}]\n"
        "gates:\n- {match: {paths: clusters/prod/}, min-score: 90}\n"
        "- {match: {namespaces: [a, 'b-*'], labels: {c: d}, kinds: [Pod, Deployment.apps], names: x},\n"
        "   level: baseline, fail-on: low, kubernetes-version: '1.30'}\n"
    ),
    "nulls": "min-score:\nfail-on: null\nkubernetes-version:\nselect:\nallow-empty:\nfloor:\nargocd: {clusters: }\n",
    "a chart": (
        "charts:\n- path: web\n  releases:\n"
        "  - {name: web, set: [a.b=c], values: [v.yaml], kubernetes-version: '1.3'}\n"
    ),
}
WRONG = {
    "an unknown key": "min-scor: 60\n",
    "a key of a similar program": "exclude: [a]\n",
    "a program": "helm-bin: /usr/bin/helm\n",
    "a score above": "min-score: 101\n",
    "a score below": "min-score: -1\n",
    "a score in quotes": "min-score: '60'\n",
    "a score that is true": "min-score: true\n",
    "a level without a band": "min-score: privileged\n",
    "a fraction": "min-score: 59.5\n",
    "a severity": "fail-on: severe\n",
    "a number as version": "kubernetes-version: 1.30\n",
    "a version of another world": "kubernetes-version: '2.1'\n",
    "text instead of a list": "ignore: host-pid\n",
    "a number in a list": "select: [1]\n",
    "no truth value": "allow-empty: maybe\n",
    "what becomes of the rest": "unjudged: pass\n",
    "no time": "timeout: 0\n",
    "too little memory": "render-memory: 63\n",
    "a chart without path": "charts: [{releases: []}]\n",
    "an unknown key of a chart": "charts: [{path: web, release: []}]\n",
    "an unknown key of a release": "charts: [{path: web, releases: [{nam: a}]}]\n",
    "a release with capitals": "charts: [{path: web, releases: [{name: Web}]}]\n",
    "a value that is an option": "charts: [{path: web, releases: [{set: ['-f=x']}]}]\n",
    "a value without name": "charts: [{path: web, releases: [{set: ['x']}]}]\n",
    "a floor with more": "floor: {ignore: []}\n",
    "a floor of rules": "floor: {never-ignore: host-pid}\n",
    "a variable's name": "flux: {variables: {a-b: c}}\n",
    "a variable's value": "flux: {variables: {A: 1}}\n",
    "a cluster without name": "argocd: {clusters: [{server: a}]}\n",
    "a host with a path": "pull-from: [ghcr.io/org]\n",
    "a pattern of hosts": "pull-from: ['*.example.com']\n",
    "settings of no rule": "rule-settings: {host-pid: {}}\n",
    "settings that are a list": "rule-settings: [host-pid]\n",
    "an unknown setting of a rule": "rule-settings: {host-pid: {score: 1}}\n",
    "a severity of a rule": "rule-settings: {host-pid: {severity: info}}\n",
    "points of a rule": "rule-settings: {host-pid: {points: 0}}\n",
    "a parameter that is a mapping": "rule-settings: {host-pid: {parameters: {a: {}}}}\n",
    "a parameter that is a fraction": "rule-settings: {host-pid: {parameters: {a: 1.5}}}\n",
    "an unknown level": "level: strict\n",
    "a floor of an unknown level": "floor: {level: strict}\n",
    "gates that are a mapping": "gates: {match: {names: a}, min-score: 1}\n",
    "a gate without match": "gates: [{min-score: 1}]\n",
    "a gate with an empty match": "gates: [{match: {}, min-score: 1}]\n",
    "a gate that matches null": "gates: [{match: {names: }, min-score: 1}]\n",
    "a gate that asks for nothing": "gates: [{match: {names: a}}]\n",
    "a gate with an unknown key": "gates: [{match: {names: a}, minscore: 1}]\n",
    "a gate with an unknown match": "gates: [{match: {name: a}, min-score: 1}]\n",
    "a gate without names": "gates: [{match: {names: []}, min-score: 1}]\n",
    "a gate of a plural": "gates: [{match: {kinds: deployments}, min-score: 1}]\n",
    "a gate of a label that is true": "gates: [{match: {labels: {a: true}}, min-score: 1}]\n",
    "a gate without labels": "gates: [{match: {labels: {}}, min-score: 1}]\n",
    "a gate of a wrong severity": "gates: [{match: {names: a}, fail-on: severe}]\n",
    "a gate of a number as version": "gates: [{match: {names: a}, kubernetes-version: 1.30}]\n",
    "clusters that are a mapping": "clusters: {prod: clusters/prod/}\n",
    "folders of a cluster without name": "clusters: [{paths: prod/}]\n",
    "a cluster without paths": "clusters: [{name: prod}]\n",
    "a cluster without any path": "clusters: [{name: prod, paths: []}]\n",
    "a cluster with an unknown key": "clusters: [{name: prod, path: prod/}]\n",
    "a plugin that is no tool": "argocd: {plugins: {p: jsonnet}}\n",
}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    (tmp_path / "web").mkdir()
    (tmp_path / "web/Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 1.0.0\n", encoding="utf-8")
    (tmp_path / "web/v.yaml").write_text("", encoding="utf-8")
    return Repository(tmp_path)


def reads(text: str, repository: Repository) -> bool:
    path = repository.root / "kgate.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        read_config(path, repository)
    except ConfigError:
        return False
    return True


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT.keys())
def test_right_configurations(text: str, repository: Repository) -> None:
    assert (reads(text, repository), accepts(CONFIG, text)) == (True, True)


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG.keys())
def test_wrong_configurations(text: str, repository: Repository) -> None:
    assert (reads(text, repository), accepts(CONFIG, text)) == (False, False)


# ------------------------------------------------------------------------------------------ rule files

WHOLE = next(text for name, text in RULES if name == "CONTRIBUTING.md")
WRONG_RULES = {
    "an unknown field": ("points: 1", "pionts: 1"),
    "no title": ("title: Standard input kept open\n", ""),
    "an id with capitals": ("id: standard-input-open", "id: Standard-Input-Open"),
    "a severity": ("severity: low", "severity: info"),
    "too many points": ("points: 1", "points: 11"),
    "a target": ("target: container", "target: node"),
    "no target": ("target: container", "target: []"),
    "kinds of a container": ("target: container", "target: container\nkinds: [Pod]"),
    "a resource without kinds": ("target: container", "target: resource"),
    "a path": ("fields: [stdin]", "fields: ['stdin[0]']"),
    "a level": ("points: 1", "points: 1\npss: {level: strict, check: a}"),
    "a check without name": ("points: 1", "points: 1\npss: {level: baseline}"),
    "a range": ("points: 1", "points: 1\nkubernetes: '1.25'"),
    "a variable's name": ("target: container", "target: container\nvariables: [{name: a-b, expression: 'true'}]"),
    "a reference without title": ('  - title: "Kubernetes: Attach to a running container"\n    url:', "  - url:"),
    "an expression that is a truth value": ("expression: container.?stdin.orValue(false) == false", "expression: true"),
    "a tag that is a number": ("tags: [cwe-653, T1609]", "tags: [653]"),
    "an example's version": ("    - {name: app, stdin: true}", "    - {name: app, stdin: true, kubernetes: latest}"),
    "no bad example": ("  bad:\n", "  worse:\n"),
    "a fix without safety": ("instead: remove it", "fix: {remove: [stdin]}"),
    "a fix of another safety": ("instead: remove it", "fix: {remove: [stdin], safety: mostly}"),
    "a fix that sets a mapping": ("instead: remove it", "fix: {set: {stdin: {a: b}}, safety: safe}"),
    "a fix that sets an empty list": ("instead: remove it", "fix: {set: {stdin: []}, safety: safe}"),
    "a fix of a path with a wildcard": ("instead: remove it", "fix: {remove: ['ports[*]'], safety: safe}"),
    "a condition without a reason": (
        "instead: remove it",
        "fix: {remove: [x], safety: safe, when: [{expression: 'true'}]}",
    ),
    "an example that is text": ("    - {name: app, stdin: true}", "    - app"),
}


def test_the_rule_is_right() -> None:
    assert rulefile.read(WHOLE.encode(), "standard-input-open", "x").title == "Standard input kept open"
    assert accepts(RULE, WHOLE)


@pytest.mark.parametrize("edit", WRONG_RULES.values(), ids=WRONG_RULES.keys())
def test_wrong_rules(edit: tuple[str, str]) -> None:
    assert edit[0] in WHOLE
    text = WHOLE.replace(*edit)
    assert not accepts(RULE, text)
    with pytest.raises(RuleError):
        rulefile.read(text.encode(), body(text).get("id"), "x")


def test_every_name_is_documented() -> None:
    page = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    names = (
        *KNOWN,
        *CONFIG_NAMES,
        *OF_CI_JOBS,
        *RELEASE_FIELDS,
        *FLOOR_FIELDS,
        *GATE_FIELDS,
        *MATCH_FIELDS,
        *RULE_SETTING_FIELDS,
    )
    assert [name for name in names if f"`{name}`" not in page] == []


# ----------------------------------------------------------------------------------- kgate-waivers.yaml

ONLY_READ = (
    "no rule has the id",
    "is not a day of the calendar",
    "the pattern is longer",
    "not valid YAML",
    "one mapping",
)
"""What a schema cannot know."""


def test_a_mistake_in_waivers_is_one_for_the_schema_too() -> None:
    known = [case.values for case in MISTAKES if not any(words in str(case.values[1]) for words in ONLY_READ)]
    assert len(known) > 30
    assert [message for text, message in known if accepts(WAIVERS, str(text))] == []


def test_what_is_read_of_waivers_fits(tmp_path: Path) -> None:
    documented = [
        text for name, text, found in BLOCKS if name == "waivers.md" and found.keys() <= {"accept", "waivers"}
    ]
    assert len(documented) >= 2
    for text in documented:
        is_file = "accept" in body(text)
        assert accepts(WAIVERS if is_file else CONFIG, text)
        if is_file:
            read(tmp_path, text)
        else:
            assert reads(text, Repository(tmp_path))
