"""policy/: what a change weakens in its own gate is a finding at its line; what it strengthens is none."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from kgate.config import KNOWN
from kgate.elsewhere.lock import text_of
from kgate.elsewhere.wanted import Locked, Wanted
from kgate.limits import LIMITS
from kgate.model import Note, Problem, Rule
from kgate.policy.fieldchanges import COMPARED
from kgate.policy.weakened import find_weakenings
from kgate.rules.load import joined, load
from kgate.scan import scan
from tests.command import ROOT
from tests.policy.clone import Clone, git

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: evil}\nspec: {hostPID: true, containers: [{name: c, image: x}]}\n"
RULE = (ROOT / "rules/host-pid.yaml").read_text(encoding="utf-8").replace("id: host-pid", "id: own-pid")
CHART = "apiVersion: v2\nname: web\nversion: 1.0.0\n"
CONFIG = """\
min-score: 70
fail-on: high
kubernetes-version: "1.30"
ignore: [naked-pod]
rules: [own]
repositories: ["https://example.org/shop"]
charts:
- path: charts/web
  releases:
  - {name: web, values: [charts/web/prod.yaml]}
flux: {variables: {A: "1"}}
argocd:
  clusters: [{name: prod}]
  plugins: {envsubst: kustomize}
level: baseline
gates:
- match: {paths: prod/}
  min-score: 90
  level: restricted
- match: {namespaces: "old-*"}
  min-score: 30
  fail-on: critical
rule-settings:
  low-user-id: {points: 5, parameters: {least: 20000}}
  host-ipc: {severity: critical}
"""
FIRST_GATE = CONFIG[CONFIG.index("- match: {paths") : CONFIG.index("- match: {name")]
SECOND_GATE = CONFIG[CONFIG.index("- match: {name") : CONFIG.index("rule-settings:")]
NESTED = CONFIG.replace("own", "../own").replace("charts/", "../charts/")
"""The same in a folder of the repository."""

FILES = {
    "kgate.yaml": CONFIG,
    "a.yaml": POD,
    "prod/b.yaml": POD,
    "prod/compose.yaml": "services: {}\n",
    "own/own-pid.yaml": RULE,
    "own/own-ipc.yaml": RULE.replace("own-pid", "own-ipc"),
    "charts/web/Chart.yaml": CHART,
    "charts/web/values.yaml": "{}\n",
    "charts/web/prod.yaml": "{}\n",
    "charts/web/mild.yaml": "{}\n",
    ".kgateignore": "tmp/*\n!tmp/kept.yaml\n",
    "tmp/kept.yaml": POD,
    "tmp/hidden.yaml": POD,
}


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return Clone.of(tmp_path_factory.mktemp("weakened") / "shop", FILES)


@pytest.fixture
def clone(base: Clone, tmp_path: Path) -> Clone:
    return base.copy(tmp_path / "shop")


@cache
def builtin() -> tuple[Rule, ...]:
    return load()


def edited(*pairs: tuple[str, str], text: str = CONFIG) -> str:
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


def config(*pairs: tuple[str, str]) -> dict[str, str | None]:
    return {"kgate.yaml": edited(*pairs)}


def rule(*pairs: tuple[str, str]) -> Mapping[str, str | None]:
    return {"own/own-pid.yaml": edited(*pairs, text=RULE)}


def line_of(text: str, words: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if words in line)


LOWEST = "The score that every workload must reach falls from 70 to"
EXPRESSION = next(line for line in RULE.splitlines() if line.startswith("expression:"))
WEAKER: dict[str, tuple[Mapping[str, str | None], list[str]]] = {
    "threshold": (config(("min-score: 70", "min-score: 0")), [f"kgate.yaml:1:1 {LOWEST} 0."]),
    "threshold left out": (config(("min-score: 70\n", "")), [f"kgate.yaml:1:1 {LOWEST} 60."]),
    "threshold by a merge key": (
        config(("min-score: 70\n", "<<: {min-score: 1}\n")),
        [f"kgate.yaml:1:6 {LOWEST} 1."],
    ),
    "severity": (
        config(("fail-on: high", "fail-on: critical")),
        ["kgate.yaml:2:1 The severity that fails by itself rises from high to critical."],
    ),
    "a further host": (
        config(("min-score: 70\n", "min-score: 70\npull-from: [ghcr.io]\n")),
        ["kgate.yaml:2:13 A further host, ghcr.io, may be asked for what is deployed."],
    ),
    "a lower level": (
        config(("level: baseline", "level: privileged")),
        ["kgate.yaml:15:1 The Pod Security level that every workload must reach falls from baseline to privileged."],
    ),
    "no level": (config(("level: baseline\n", "")), ["kgate.yaml:1:1 The Pod Security level that every workload"]),
    "a gate that asks for less": (
        config(("min-score: 90", "min-score: 80"), ("level: restricted", "level: baseline")),
        [
            "kgate.yaml:18:3 The min-score of a gate asks for less.",
            "kgate.yaml:19:3 The level of a gate asks for less.",
        ],
    ),
    "a gate that no longer states its level": (
        config(("  level: restricted\n", "")),
        ["kgate.yaml:17:3 A gate no longer states its level."],
    ),
    "a gate for less": (
        config(("gates:\n", "gates:\n- match: {names: x}\n  min-score: 60\n")),
        [
            "kgate.yaml:18:3 A gate that states its min-score anew asks for less than the trusted revision does some",
        ],
    ),
    "a gate that matches something else": (
        config(("paths: prod/", "paths: other/")),
        ["kgate.yaml:16:1 A gate is gone that asks for more than the others."],
    ),
    "a gate with a milder severity": (
        config(("  level: restricted\n", "  level: restricted\n  fail-on: critical\n")),
        ["kgate.yaml:20:3 A gate that states its fail-on anew asks for less"],
    ),
    "an older version for some": (
        config(("  min-score: 30\n", "  min-score: 30\n  kubernetes-version: '1.20'\n")),
        ["kgate.yaml:22:3 A gate that states its kubernetes-version anew asks for less"],
    ),
    "gates in another order": (
        config((FIRST_GATE, ""), ("rule-settings:", f"{FIRST_GATE}rule-settings:")),
        ["kgate.yaml:16:1 The gates are in another order"],
    ),
    "folders of a cluster": (
        config(("level: baseline\n", "level: baseline\nclusters:\n- {name: prod, paths: prod/}\n")),
        ["kgate.yaml:16:1 The folders of clusters are stated differently, so other objects are joined."],
    ),
    "a rule of less severity": (
        config(("{severity: critical}", "{severity: medium}")),
        ["kgate.yaml:25:14 The rule host-ipc falls from critical to medium."],
    ),
    "a rule of its own severity again": (
        config(("  host-ipc: {severity: critical}\n", "")),
        ["kgate.yaml:23:1 The rule host-ipc falls from critical to high."],
    ),
    "fewer points": (
        config(("points: 5", "points: 4")),
        ["kgate.yaml:24:17 The rule low-user-id costs 4 points instead of 5."],
    ),
    "another parameter": (
        config(("least: 20000", "least: 30000")),
        ["kgate.yaml:24:28 The rule low-user-id changes its parameters."],
    ),
    "a parameter that allows more": (
        config(("  low-user-id", "  host-path-volume: {parameters: {allowedPaths: [/]}}\n  low-user-id")),
        ["kgate.yaml:24:22 The rule host-path-volume changes its parameters."],
    ),
    "no severity": (
        config(("fail-on: high\n", "")),
        ["kgate.yaml:1:1 Findings of severity high no longer fail by themselves."],
    ),
    "version": (
        config(('"1.30"', '"1.0"')),
        ["kgate.yaml:3:1 The Kubernetes version that is judged for falls from 1.30 to 1.0."],
    ),
    "an ignored rule": (
        config(("[naked-pod]", "[naked-pod, host-pid]")),
        ["kgate.yaml:4:21 The rule host-pid is ignored."],
    ),
    "an ignored rule that is used by name": (
        config(("ignore: [naked-pod]", "select: [host-pid]\nignore: [host-pid]")),
        ["kgate.yaml:5:10 The rule host-pid is ignored.", "kgate.yaml:4:1 The rules added-"],
    ),
    "few rules": (
        config(("ignore: [naked-pod]", "select: [host-pid, host-network, host-ipc, own-pid, own-ipc]")),
        ["kgate.yaml:4:1 The rules added-"],
    ),
    "nothing is enough": (
        config(("min-score: 70", "allow-empty: true\nmin-score: 70")),
        ["kgate.yaml:1:1 A scan that finds no Kubernetes object passes."],
    ),
    "what is not judged passes": (
        config(("min-score: 70", "unjudged: note\nmin-score: 70")),
        ["kgate.yaml:1:1 A scan passes though not everything that is deployed was judged."],
    ),
    "half a chart is enough": (
        config(("min-score: 70", "helm-degraded: true\nmin-score: 70")),
        ["kgate.yaml:1:1 Charts that do not render whole are judged in part."],
    ),
    "another repository": (
        config(("shop", "other")),
        [
            "kgate.yaml:6:1 A URL is no longer taken for that of this repository.",
            "kgate.yaml:6:16 A further URL is taken for that of this repository.",
        ],
    ),
    "variables": (
        config(('A: "1"', 'A: "2", B: "x"')),
        [
            "kgate.yaml:11:20 The variable A of Flux is stated differently.",
            "kgate.yaml:11:28 The variable B of Flux is stated differently.",
        ],
    ),
    "clusters": (
        config(("name: prod", "name: test")),
        ["kgate.yaml:13:3 The clusters of Argo CD are stated differently."],
    ),
    "plugins": (config(("envsubst: kustomize", "envsubst: helm")), ["kgate.yaml:14:13 The plugin envsubst of Argo CD"]),
    "harmless values": (
        config(("prod.yaml", "mild.yaml")),
        ["kgate.yaml:8:3 The chart charts/web is no longer judged as release web with charts/web/prod.yaml."],
    ),
    "values over the others": (
        config(("[charts/web/prod.yaml]", "[charts/web/prod.yaml, charts/web/mild.yaml]")),
        ["kgate.yaml:8:3 The chart charts/web is no longer judged as release web"],
    ),
    "a value over the others": (
        config(("{name: web,", "{name: web, set: ['a=b'],")),
        ["kgate.yaml:8:3 The chart charts/web is no longer judged as release web"],
    ),
    "an older version for a chart": (
        config(("{name: web,", "{name: web, kubernetes-version: '1.20',")),
        ["kgate.yaml:8:3 The chart charts/web is no longer judged as release web"],
    ),
    "a pattern": (
        config(("path: charts/web\n  releases:\n  - {name: web, values: [charts/web/prod.yaml]}", "path: charts/*")),
        ["kgate.yaml:8:3 The chart charts/web is no longer judged as release web"],
    ),
    "no charts": (
        {"kgate.yaml": CONFIG[: CONFIG.index("charts:")] + CONFIG[CONFIG.index("flux:") :]},
        ["kgate.yaml:1:1 The chart charts/web is no longer judged as release web with charts/web/prod.yaml."],
    ),
    "no rules of ours": (
        config(("rules: [own]\n", "")),
        ["kgate.yaml:1:1 The rules in the folder own are no longer used."],
    ),
    "other rules of ours": (
        config(("rules: [own]", "rules: [mild]")) | {"mild/own-pid.yaml": RULE},
        ["kgate.yaml:5:1 The rules in the folder own are no longer used."],
    ),
    "a rule removed": ({"own/own-ipc.yaml": None}, ["own/own-ipc.yaml:1:1 The rule own-ipc is gone."]),
    "a rule renamed": (
        {"own/own-pid.yaml": None, "own/mild-pid.yaml": RULE.replace("own-pid", "mild-pid")},
        ["own/own-pid.yaml:1:1 The rule own-pid is gone."],
    ),
    "a rule that allows all": (
        rule((EXPRESSION, "expression: 'true'")),
        [f"own/own-pid.yaml:{line_of(RULE, 'expression:')}:1 The rule own-pid changes its expression."],
    ),
    "a rule that weighs less": (
        rule(("severity: high", "severity: low")),
        [f"own/own-pid.yaml:{line_of(RULE, 'severity:')}:1 The rule own-pid falls from high to low."],
    ),
    "a rule for few versions": (
        rule((EXPRESSION, f'kubernetes: "<1.10"\n{EXPRESSION}')),
        [f"own/own-pid.yaml:{line_of(RULE, 'expression:')}:1 The rule own-pid applies to fewer versions of"],
    ),
    "a folder of rules that is a link": (
        {"own": "-> mild", "mild/own-pid.yaml": RULE},
        ["kgate.yaml:5:1 The rules in the folder own are no longer used."],
    ),
    "configuration removed": (
        {"kgate.yaml": None},
        [
            "kgate.yaml:1:1 Findings of severity high no longer fail by themselves.",
            f"kgate.yaml:1:1 {LOWEST} 60.",
            "kgate.yaml:1:1 The chart charts/web",
            "kgate.yaml:1:1 The clusters of Argo CD",
            "kgate.yaml:1:1 A URL is no longer",
            "kgate.yaml:1:1 The rule host-ipc falls",
            "kgate.yaml:1:1 The rule low-user-id costs",
            "kgate.yaml:1:1 The rule low-user-id changes",
            "kgate.yaml:1:1 The Pod Security level that",
            "kgate.yaml:1:1 A gate is gone that",
            "kgate.yaml:1:1 A gate is gone that",
            "kgate.yaml:1:1 The plugin envsubst",
            "kgate.yaml:1:1 The rules in the folder own",
            "kgate.yaml:1:1 The variable A",
        ],
    ),
    "configuration of another name": (
        {"kgate.yaml": None, "kgate.yml": edited(("min-score: 70", "min-score: 0"))},
        [f"kgate.yml:1:1 {LOWEST} 0."],
    ),
    "configuration that hides the other": (
        {".kgate.yaml": edited(("min-score: 70", "min-score: 0")), "kgate.yaml": None},
        [f".kgate.yaml:1:1 {LOWEST} 0."],
    ),
    "configuration that is a link": (
        {"kgate.yaml": "-> mild.yaml", "mild.yaml": edited(("min-score: 70", "min-score: 0"))},
        [f"kgate.yaml:1:1 {LOWEST} 0."],
    ),
    "everything hidden": (
        {"prod/.kgateignore": "# all\n*\n"},
        ["prod/.kgateignore:2:1 This line hides prod/b.yaml from the gate."],
    ),
    "a file hidden": (
        {".kgateignore": "prod/b.*\n" + FILES[".kgateignore"]},
        [".kgateignore:1:1 This line hides prod/b.yaml from the gate."],
    ),
    "a chart hidden": (
        {".kgateignore": "charts\n" + FILES[".kgateignore"]},
        [".kgateignore:1:1 This line hides charts/web"],
    ),
    "no longer kept": ({".kgateignore": "tmp/*\n"}, [".kgateignore:1:1 This line hides tmp/kept.yaml from the gate."]),
    "hidden by the folder above": (
        {"kgate.yaml": CONFIG, ".kgateignore": FILES[".kgateignore"] + "/prod/\n/a.yaml\n"},
        [
            ".kgateignore:3:1 This line hides prod/b.yaml from the gate.",
            ".kgateignore:4:1 This line hides a.yaml from the gate.",
        ],
    ),
    "what is built is hidden": (
        {"out/c.yaml": POD, ".gitignore": "/out\n"},
        [".gitignore:1:1 This line hides out/c.yaml from the gate."],
    ),
}


def told(clone: Clone, path: str = ".", name: str | None = None) -> list[str]:
    git(clone.folder, "add", "-A")
    found = find_weakenings(clone.settings(path, name), builtin())
    assert not [remark for remark in found.remarks if isinstance(remark, Problem)]
    return sorted(f"{finding.location} {finding.message}" for finding in found.findings)


@pytest.mark.parametrize(("change", "wanted"), WEAKER.values(), ids=WEAKER.keys())
def test_what_is_weaker_is_told_at_its_line(clone: Clone, change: Mapping[str, str | None], wanted: list[str]) -> None:
    found = told(clone.changed(change))
    assert len(found) == len(wanted), found
    for line, start in zip(found, sorted(wanted), strict=True):
        assert line.startswith(start), (line, start)
    assert told(clone.merged()) == []


STRICTER: dict[str, Mapping[str, str | None]] = {
    "nothing": {},
    "threshold": config(("min-score: 70", "min-score: 90")),
    "severity": config(("fail-on: high", "fail-on: medium")),
    "a rule of more severity": config(("points: 5", "severity: high, points: 6")),
    "a level": config(("level: baseline", "level: restricted")),
    "a gate that asks for more": config(("min-score: 90", "min-score: 95"), ("fail-on: critical", "fail-on: low")),
    "a gate for as much as anything": config(("gates:\n", "gates:\n- match: {names: x}\n  min-score: 90\n")),
    "a gate for a newer version": config(("gates:\n", "gates:\n- match: {names: x}\n  kubernetes-version: '1.35'\n")),
    "a mild gate that is gone": config((SECOND_GATE, "")),
    "version": config(('kubernetes-version: "1.30"\n', "")),
    "a rule no longer ignored": config(("ignore: [naked-pod]\n", "")),
    "a further release": config(("  releases:\n", "  releases:\n  - {name: other, values: [charts/web/mild.yaml]}\n")),
    "another order": config(("min-score: 70\nfail-on: high\n", "fail-on: high\nmin-score: 70\n")),
    "anchors": config(("min-score: 70\nfail-on: high", "<<: &a {min-score: 70}\nfail-on: high")),
    "what is not judged stays so": config(("min-score: 70", "min-score: 70\nunjudged: incomplete")),
    "shorter limits": config(("min-score: 70", "min-score: 70\ntimeout: 10")),
    "another name": {"kgate.yaml": None, "kgate.yml": CONFIG},
    "a link": {
        "kgate.yaml": "-> conf/k.yaml",
        "conf/k.yaml": CONFIG,
    },
    "a further rule": {"own/own-net.yaml": RULE.replace("own-pid", "own-net")},
    "a rule that weighs more": rule(("severity: high", "severity: critical")),
    "a rule that says more": rule(("\ntitle: ", "\ntitle: Really ")),
    "what is no manifest is hidden": {".kgateignore": "compose.yaml\n" + FILES[".kgateignore"]},
    "what is not there is hidden": {".kgateignore": "nothing\n" + FILES[".kgateignore"]},
    "what is tracked stays": {".gitignore": "*\n"},
    "what is not part of the change": {".venv/.gitignore": "*\n", ".venv/x.yaml": POD},
    "less is hidden": {".kgateignore": ""},
    "comments": {".kgateignore": "# why\n" + FILES[".kgateignore"], "kgate.yaml": "# why\n" + CONFIG},
    "line ends": {
        "kgate.yaml": CONFIG.replace("\n", "\r\n"),
        ".kgateignore": FILES[".kgateignore"].replace("\n", "\r\n"),
    },
}


@pytest.mark.parametrize("change", STRICTER.values(), ids=STRICTER.keys())
def test_what_is_no_weaker_is_no_finding(clone: Clone, change: Mapping[str, str | None]) -> None:
    assert told(clone.changed(change)) == []


def test_a_chart_that_is_gone_with_its_entry_is_a_note(clone: Clone) -> None:
    clone.changed({"charts": None, "kgate.yaml": CONFIG[: CONFIG.index("charts:")] + CONFIG[CONFIG.index("flux:") :]})
    found = find_weakenings(clone.settings(), builtin())
    assert (found.findings, [type(remark) for remark in found.remarks]) == ([], [Note])
    assert str(found.remarks[0]).startswith("kgate.yaml:8: charts[] of the trusted revision names 'charts/web'")


def test_the_nearest_configuration_counts_as_the_path_is_written(clone: Clone) -> None:
    """Also where the change puts a nearer one, or makes a link of the scanned folder to one with a milder gate."""
    clone.changed({"mild/kgate.yaml": "min-score: 0\n", "mild/c.yaml": POD}).merged()
    assert clone.settings("prod").min_score == 70
    clone.changed(
        {"prod/kgate.yaml": CONFIG.replace("70", "0").replace("own", "../own").replace("charts/", "../charts/")}
    )
    assert clone.settings("prod").min_score == 70
    assert told(clone, "prod")[0].startswith(f"prod/kgate.yaml:1:1 {LOWEST} 0.")
    clone.changed({"prod": "-> mild"})
    assert clone.settings("prod").min_score == 70
    assert any(LOWEST in line for line in told(clone, "prod"))


def test_a_configuration_that_is_named_is_taken_from_the_revision(clone: Clone, tmp_path: Path) -> None:
    clone.changed({"gate/k.yaml": "min-score: 80\n"}).merged()
    clone.changed({"gate/k.yaml": "min-score: 10\n"})
    assert clone.settings(config="gate/k.yaml").min_score == 80
    assert told(clone, name="gate/k.yaml") == [
        "gate/k.yaml:1:1 The score that every workload must reach falls from 80 to 10."
    ]
    clone.changed({"gate/k.yaml": None})
    assert told(clone, name="gate/k.yaml") == [
        "gate/k.yaml:1:1 The score that every workload must reach falls from 80 to 60."
    ]


def test_rules_that_a_flag_names_are_taken_from_the_revision(clone: Clone) -> None:
    """In place of those of the configuration; a link does not lead to others."""
    clone.changed({"flag/flag-pid.yaml": RULE.replace("own-pid", "flag-pid"), "mild/flag-pid.yaml": "id: x\n"}).merged()
    mild = RULE.replace("own-pid", "flag-pid").replace("severity: high", "severity: low")
    for change in ({"flag/flag-pid.yaml": mild}, {"flag": "-> mild", "mild/flag-pid.yaml": mild}):
        clone.changed(change)
        settings = clone.settings(rules=(str(clone.folder / "flag"),))
        assert [rule.severity.label for rule in joined((), settings.rule_folders)] == ["high"]
        found = find_weakenings(settings, builtin())
        assert [finding.message for finding in found.findings] == ["The rule flag-pid falls from high to low."]


BROKEN: dict[str, tuple[Mapping[str, str | None], str]] = {
    "a setting of a parameter that is none": (
        {"kgate.yaml": CONFIG.replace("least", "lest")},
        "the rule low-user-id has no parameter 'lest'; did you mean 'least'?",
    ),
    "a key twice": ({"kgate.yaml": CONFIG + "min-score: 0\n"}, "key 'min-score' is set here and in line 1"),
    "an unknown key": ({"kgate.yaml": CONFIG + "min-scor: 0\n"}, "unknown field 'min-scor'"),
    "no YAML": ({"kgate.yaml": "{"}, "this change breaks the configuration"),
    "a second configuration": ({".kgate.yml": ""}, ".kgate.yml: lies beside kgate.yaml"),
    "a table beside it": ({"pyproject.toml": "[tool.kgate]\n"}, "pyproject.toml: [tool.kgate] lies beside kgate.yaml"),
    "one that is not read": ({"kgate.toml": ""}, "kgate.toml: is not read"),
    "a folder": ({"kgate.yaml/a": ""}, "not a regular file"),
    "a link to nowhere": ({"kgate.yaml": "-> nowhere"}, "No such file"),
    "a link out": ({"kgate.yaml": "-> /etc/hostname"}, "leads out of the repository"),
    "a link in a circle": ({"kgate.yaml": "-> kgate.yaml"}, "symbolic links"),
    "a rule that is no rule": ({"own/own-pid.yaml": "id: own-pid\n"}, "this change breaks its rules"),
    "a rule of kgate's own": ({"own/host-pid.yaml": RULE.replace("own-pid", "host-pid")}, "the id 'host-pid' is taken"),
    "the rule about the gate": (
        {"own/gate-weakened.yaml": RULE.replace("own-pid", "gate-weakened")},
        "to the gate itself",
    ),
}


@pytest.mark.parametrize(("change", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_what_cannot_be_compared_is_a_problem(clone: Clone, change: Mapping[str, str | None], words: str) -> None:
    clone.changed({"kgate.yaml": None} if "kgate.yaml/a" in change else {}).changed(change)
    found = find_weakenings(clone.settings(), builtin())
    (problem,) = [remark for remark in found.remarks if isinstance(remark, Problem)]
    assert words in problem.message
    assert str(clone.folder) not in str(problem)


def locked(*entries: tuple[str, str, str]) -> str:
    """A kgate.lock with charts of version 1: name, server, and the digit that its digest is made of."""
    found = {}
    for name, server, digit in entries:
        wanted = Wanted.chart(f"https://{server}/charts", name, "1.x")
        origin = f"https://{server}/{name}.tgz"
        found[wanted] = Locked(wanted, "1.0.0", f"sha256:{digit * 64}", origin)
    return text_of(found)


def test_a_change_of_the_lock_decides_nothing_about_what_it_had(tmp_path: Path) -> None:
    """What is new is taken from it, and told if it comes from a further server."""
    a, b = ("a", "charts.example.com", "1"), ("b", "charts.example.com", "2")
    clone = Clone.of(tmp_path / "shop", {"kgate.lock": locked(a, b)})
    assert told(clone.changed({"kgate.lock": locked(a, b, ("d", "charts.example.com", "4"))})) == []
    clone.changed({"kgate.lock": locked(("a", "charts.example.com", "9"), ("c", "evil.example.com:8443", "3"))})
    assert told(clone) == [
        "kgate.lock:11:3 The lock names a further server, evil.example.com:8443.",
        "kgate.lock:4:3 The lock has something else for chart a 1.x of https://charts.example.com/charts.",
    ]
    entries = clone.settings().rendering.fetched.entries
    digits = {wanted.name: entry.digest[-1] for wanted, entry in entries.items()}
    assert digits == {"a": "1", "b": "2", "c": "3"}


def test_every_key_of_a_configuration_is_compared() -> None:
    elsewhere = {"persona", "select", "ignore", "rules", "rule-settings", "charts", "extends", "baseline"}
    harmless = {limit.key for limit in LIMITS}
    assert COMPARED.keys() | elsewhere | harmless == set(KNOWN)


WAIVERS = """\
accept:
- {rule: host-pid, path: [a.yaml, b.yaml], container: c, owner: us, until: 2027-01-31, reason: tried out.}
- {problem: helm failed, path: charts/*, owner: us, reason: broken}
"""
CONFIG_OF_WAIVERS = "waivers: {require: [owner, until], max-days: 90, inline: false, never: [host-ipc, host-network]}\n"
HARMLESS_WAIVERS = [
    pytest.param(("until: 2027-01-31", "until: 2027-01-30"), id="an earlier end"),
    pytest.param(("[a.yaml, b.yaml]", "b.yaml"), id="one file of two"),
    pytest.param(("container: c,", "container: c, field: hostPID,"), id="one field"),
    pytest.param(("tried out.", "still tried out."), id="another reason"),
    pytest.param(("- {rule", "# first\n- {rule"), id="another line"),
    pytest.param(("- {problem", "# - {problem"), id="an entry less"),
]
WEAKER_WAIVERS = [
    pytest.param(
        ("until: 2027-01-31, ", ""),
        "kgate-waivers.yaml:2:3 The change waives host-pid for longer, without end.",
        id="no end",
    ),
    pytest.param(
        ("2027-01-31", "2027-02-01"),
        "kgate-waivers.yaml:2:3 The change waives host-pid for longer, until 2027-02-01.",
        id="a later end",
    ),
    pytest.param(
        (", container: c", ""), "kgate-waivers.yaml:2:3 The change waives host-pid: tried out.", id="all containers"
    ),
    pytest.param(
        ("b.yaml", "c.yaml"), "kgate-waivers.yaml:2:3 The change waives host-pid: tried out.", id="another file"
    ),
    pytest.param(
        ("rule: host-pid", "rule: [host-pid, host-ipc]"),
        "kgate-waivers.yaml:2:3 The change waives host-pid, host-ipc: tried out.",
        id="another rule",
    ),
    pytest.param(
        ("helm failed", "'*'"), "kgate-waivers.yaml:3:3 The change waives the problem '*': broken.", id="any problem"
    ),
    pytest.param(
        ("problem: helm", "unjudged: helm"),
        "kgate-waivers.yaml:3:3 The change waives not judging 'helm failed': broken.",
        id="another kind",
    ),
]


@pytest.fixture(scope="session")
def waiving(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    files = {"kgate-waivers.yaml": WAIVERS, "kgate.yaml": "{}", "a.yaml": POD}
    return Clone.of(tmp_path_factory.mktemp("waiving") / "shop", files)


@pytest.mark.parametrize(("pair", "expected"), WEAKER_WAIVERS)
def test_what_a_change_waives_is_found_at_its_line(
    waiving: Clone, tmp_path: Path, pair: tuple[str, str], expected: str
) -> None:
    changed = waiving.copy(tmp_path / "shop").changed({"kgate-waivers.yaml": edited(pair, text=WAIVERS)})
    assert told(changed) == [expected]


@pytest.mark.parametrize("pair", HARMLESS_WAIVERS)
def test_what_a_change_waives_no_longer_is_not(waiving: Clone, tmp_path: Path, pair: tuple[str, str]) -> None:
    assert told(waiving.copy(tmp_path / "shop").changed({"kgate-waivers.yaml": edited(pair, text=WAIVERS)})) == []


def test_the_waivers_of_the_trusted_revision_decide(waiving: Clone, tmp_path: Path) -> None:
    clone = waiving.copy(tmp_path / "shop").changed({"kgate-waivers.yaml": "accept:\n- {rule: host-pid}\n"})
    (entry, _) = clone.settings().waivers.file.entries
    assert entry.entry.waiver.place == "kgate-waivers.yaml:2"
    (problem,) = find_weakenings(clone.settings(), builtin()).remarks
    assert isinstance(problem, Problem)
    message = "accept[0] waives host-pid everywhere; name a path, resource, image or fingerprint, or write path: '**'"
    broken = "this change breaks the configuration, so what it weakens is not known"
    assert str(problem) == f"kgate-waivers.yaml:2: {broken}: {message} if that is meant"
    clone.changed({"kgate-waivers.yaml": None})
    assert len(clone.settings().waivers.file.entries) == 2


def test_what_waivers_must_say_is_compared(waiving: Clone, tmp_path: Path) -> None:
    clone = (
        waiving.copy(tmp_path / "shop").changed({"kgate.yaml": CONFIG_OF_WAIVERS, "kgate-waivers.yaml": None}).merged()
    )
    clone.changed({"kgate.yaml": "waivers: {require: [owner], max-days: 900, never: [host-ipc]}\n"})
    assert told(clone) == [
        "kgate.yaml:1:1 Comments and annotations in manifests may waive findings.",
        "kgate.yaml:1:11 Waivers no longer need to say when they end.",
        "kgate.yaml:1:29 The days that a waiver may last rise from 90 to 900.",
        "kgate.yaml:1:44 Findings of host-network may be waived.",
    ]


def test_the_order_of_clusters_is_compared(tmp_path: Path) -> None:
    """A file belongs to the first cluster whose folders hold it."""
    one, other = "- {name: prod, paths: prod/}\n", "- {name: all, paths: '**'}\n"
    clone = Clone.of(tmp_path / "shop", {"kgate.yaml": f"clusters:\n{one}{other}", "prod/a.yaml": POD})
    clone.changed({"kgate.yaml": f"clusters:\n{other}{one}"})
    assert told(clone) == [
        "kgate.yaml:1:1 The folders of clusters are stated differently, so other objects are joined."
    ]


SLIPS = ROOT / "tests/data/slips"


@pytest.mark.parametrize(
    ("slip", "added"),
    [("configuration-in-the-change", "kgate.yaml"), ("kgateignore-in-the-change", "prod/.kgateignore")],
)
def test_a_change_does_not_judge_itself(tmp_path: Path, slip: str, added: str) -> None:
    """The manifest that the change would hide is judged, the gate fails, and the finding about it comes first."""
    files = {path.relative_to(SLIPS / slip).as_posix(): path for path in (SLIPS / slip).rglob("*") if path.is_file()}
    texts = {name: path.read_text("utf-8") for name, path in files.items() if name != "expect.json"}
    clone = Clone.of(tmp_path / "shop", {name: text for name, text in texts.items() if name != added})
    clone.changed({added: texts[added]})
    report = scan(clone.settings())
    assert report.verdict.exit_code == 1
    assert report.verdict.reasons[0].startswith("the change weakens the gate in 1 place")
    assert report.findings[0].rule.id == "gate-weakened"
    assert report.findings[0].location.path == added
    assert "privileged-container" in {finding.rule.id for finding in report.findings}
    after = scan(clone.merged().settings())
    assert "gate-weakened" not in {finding.rule.id for finding in after.findings}
    assert after.verdict.exit_code == 0
