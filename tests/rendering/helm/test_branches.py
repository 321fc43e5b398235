"""rendering/helm/branches: what only some clusters get is judged in further renderings, or else said to be unjudged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kgate.rendering import gotemplate, process
from kgate.rendering.archive import pack
from kgate.rendering.helm import branches, releases
from kgate.rendering.helm.chart import Template
from kgate.rendering.helm.copy import Mount
from kgate.rendering.helm.release import Release
from kgate.rendering.helm.requests import ChartRequest
from kgate.rendering.requests import RenderContext
from kgate.rendering.tools import Tool
from kgate.rendering.workspace import Workspace
from kgate.repository import Repository
from tests.hostile import write
from tests.real_tools import helm_tool

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: evil}
spec: {hostPID: true, containers: [{name: c, image: x, securityContext: {privileged: true}}]}
"""
SECRET = """\
apiVersion: v1
kind: Secret
metadata: {name: a}
stringData: {a: {{ (lookup "v1" "Secret" "" "a").x }}}
"""
HELPERS = """\
{{- define "asks" }}{{ if semverCompare "<1.20-0" .Capabilities.KubeVersion.Version }}true{{ end }}{{ end }}
{{- define "more" }}{{ include "asks" . }}{{ end }}
{{- define "pod" }}{{ if .Release.IsUpgrade }}
EVIL{{ end }}{{ end }}
""".replace("EVIL", POD)
LOOKUP = 'lookup "v1" "Namespace" "" "kube-system"'


class _Tools:
    """The tools of a test: helm alone."""

    kustomize = None

    @property
    def helm(self) -> Tool:
        return helm_tool()


def starts_of_helm(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Collects the processes that are started from now on."""
    started: list[object] = []
    run = process.run

    def counted(*arguments: Any, **options: Any) -> process.Outcome:
        started.append(arguments)
        return run(*arguments, **options)

    monkeypatch.setattr(process, "run", counted)
    return started


def rendered(root: Path, templates: dict[str, str], values: str = "") -> tuple[list[str], list[str], list[str]]:
    """The variants in which the pod is found; what is not judged; the problems."""
    chart = {"web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 0.1.0\n", "web/values.yaml": values}
    write(root, {".git/config": "", **chart, **{f"web/templates/{name}": text for name, text in templates.items()}})
    repository = Repository.at(root)
    place = repository.root / "web"
    with Workspace(repository) as workspace:
        context = RenderContext(workspace, _Tools())
        batch = ChartRequest(place, releases.default_releases(place, repository)).render(context)
        pods = [one for one in batch.resources if one.id.name == "evil"]
        assert all(one.locate("").path.startswith("web/templates/") for one in pods)
    variants = [one.rendering.given for one in pods if one.rendering is not None]
    return variants, [str(one) for one in batch.unjudged], [str(one) for one in batch.problems]


UPGRADED, OLD = "upgraded, with more APIs", "on Kubernetes 1.11.0"


@pytest.mark.parametrize(
    ("condition", "clusters"),
    [
        pytest.param(
            f'or .Release.IsUpgrade ({LOOKUP}) (.Capabilities.APIVersions.Has "metrics.k8s.io/v1beta1") '
            "(gt (now | unixEpoch | int64) 4000000000)",
            [UPGRADED],
            id="template-for-another-cluster",
        ),
        pytest.param('.Capabilities.APIVersions.Has "example.com/v1/Thing"', [UPGRADED], id="an API of its own"),
        pytest.param('has (print "cert-manager.io" "/v1") .Capabilities.APIVersions', [UPGRADED], id="a common API"),
        pytest.param("not .Release.IsInstall", [UPGRADED], id="an upgrade, by another word"),
        pytest.param('semverCompare "<1.20-0" .Capabilities.KubeVersion.GitVersion', [OLD], id="an old version"),
        pytest.param("lt (int .Capabilities.KubeVersion.Minor) 20", [OLD], id="an old version, by its number"),
        pytest.param('include "more" .', [OLD], id="a helper that calls another one"),
        pytest.param('and .Values.live (not (eq (include "asks" .) ""))', [OLD], id="a helper, and a value that is on"),
    ],
)
def test_a_template_for_another_cluster_is_judged(tmp_path: Path, condition: str, clusters: list[str]) -> None:
    templates = {"_helpers.tpl": HELPERS, "p.yaml": f"{{{{- if {condition} }}}}\n{POD}{{{{- end }}}}\n"}
    assert rendered(tmp_path, templates, "live: true\n") == (clusters, [], [])


@pytest.mark.parametrize(
    ("template", "clusters"),
    [
        pytest.param(
            f"{{{{ if .Release.IsInstall }}}}a: 1{{{{ else }}}}\n{POD}{{{{ end }}}}", [UPGRADED], id="an else"
        ),
        pytest.param(
            f"{{{{ $old := lt (int .Capabilities.KubeVersion.Minor) 20 }}}}\n{{{{ if $old }}}}\n{POD}{{{{ end }}}}",
            [OLD],
            id="a variable",
        ),
        pytest.param(
            "{{ $x := false }}{{ if .Release.IsUpgrade }}{{ $x = true }}{{ end }}\n"
            f"{{{{ if $x }}}}\n{POD}{{{{ end }}}}",
            [UPGRADED],
            id="a variable that is set in a branch",
        ),
        pytest.param('{{ include "pod" . }}', [UPGRADED], id="a branch of a helper"),
        pytest.param(
            POD.replace("hostPID: true,", " {{ if .Release.IsUpgrade }}hostPID: true,{{ end }}"),
            ["", UPGRADED],
            id="a field",
        ),
    ],
)
def test_a_branch_for_another_cluster_is_judged(tmp_path: Path, template: str, clusters: list[str]) -> None:
    assert rendered(tmp_path, {"_helpers.tpl": HELPERS, "p.yaml": template}) == (clusters, [], [])


@pytest.mark.parametrize(
    "opening",
    [
        pytest.param(f"if {LOOKUP}", id="a lookup"),
        pytest.param(f"with {LOOKUP}", id="a lookup whose result is used"),
        pytest.param('range (lookup "v1" "Namespace" "" "").items', id="what a lookup lists"),
        pytest.param("if gt (now | unixEpoch | int64) 4000000000", id="the time"),
        pytest.param(
            'if and (.Capabilities.APIVersions.Has "a/v1") (not (.Capabilities.APIVersions.Has "b/v1"))',
            id="APIs that exclude each other",
        ),
        pytest.param(f"if and .Values.live ({LOOKUP})", id="a lookup, and a value that is on"),
    ],
)
def test_what_no_rendering_prints_is_not_judged(tmp_path: Path, opening: str) -> None:
    place = "web/templates/p.yaml:2: a branch of chart web is not judged"
    why = "only some clusters print it, none of those that kgate tries"
    templates = {"p.yaml": f"# a\n{{{{- {opening} }}}}\n{POD}{{{{- end }}}}\n"}
    assert rendered(tmp_path, templates, "live: true\n") == ([], [f"{place}: {why}: {{{{ {opening} }}}}"], [])


@pytest.mark.parametrize(
    "condition",
    [
        pytest.param('eq .Release.Namespace "production"', id="a namespace that nobody gives"),
        pytest.param('hasPrefix "shop" $.Release.Name', id="a name that nobody gives"),
        pytest.param("eq (randInt 0 100) 7", id="chance"),
        pytest.param('getHostByName "example.com"', id="an address"),
    ],
)
def test_what_only_some_releases_print_is_not_judged(tmp_path: Path, condition: str) -> None:
    found, unjudged, problems = rendered(tmp_path, {"p.yaml": f"{{{{ if {condition} }}}}\n{POD}{{{{ end }}}}\n"})
    assert (found, problems) == ([], [])
    (text,) = unjudged
    assert f"{{{{ if {condition} }}}}" in text
    assert ("list under charts in kgate.yaml" in text) is (".Release" in condition)


def test_a_release_with_a_name_and_a_namespace_prints_what_is_for_others_nowhere(tmp_path: Path) -> None:
    condition = 'or (eq .Release.Namespace "production") (eq .Release.Name "other")'
    write(tmp_path, {"web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 0.1.0\n"})
    write(tmp_path, {"web/templates/p.yaml": f"{{{{ if {condition} }}}}\n{POD}{{{{ end }}}}\n"})
    repository = Repository.at(tmp_path)
    with Workspace(repository) as workspace:
        request = ChartRequest(repository.root / "web", (Release("web", namespace="shop"),))
        batch = request.render(RenderContext(workspace, _Tools()))
    assert (batch.resources, batch.unjudged, batch.problems) == ((), (), ())


def test_a_branch_in_an_archive_is_named(tmp_path: Path) -> None:
    chart = "apiVersion: v2\nname: sub\nversion: 0.1.0\n"
    write(tmp_path / "sub", {"Chart.yaml": chart, "templates/p.yaml": f"{{{{ if {LOOKUP} }}}}\n{POD}{{{{ end }}}}"})
    packed = tmp_path / "r/web/charts/sub-0.1.0.tgz"
    packed.parent.mkdir(parents=True)
    pack(tmp_path / "sub", packed)
    _, unjudged, problems = rendered(tmp_path / "r", {"a.yaml": ""})
    (text,) = unjudged
    assert text.startswith("web/charts/sub-0.1.0.tgz:1: a branch of chart web is not judged")
    assert text.endswith(f"{{{{ if {LOOKUP} }}}} (templates/p.yaml:1)")
    assert problems == []


@pytest.mark.parametrize(
    "template",
    [
        pytest.param(f"{{{{ if and .Values.live ({LOOKUP}) }}}}\n{POD}{{{{ end }}}}", id="a value that is off"),
        pytest.param(
            f"{{{{ if .Values.live }}}}\n{{{{ if .Release.IsUpgrade }}}}\n{POD}{{{{ end }}}}{{{{ end }}}}",
            id="a block that is off",
        ),
        pytest.param(f"{{{{ if .Values.live }}}}\n{POD}{{{{ end }}}}", id="a value alone"),
        pytest.param(
            f"{{{{ if .Values.live }}}}{{{{ with {LOOKUP} }}}}\n{POD}{{{{ end }}}}{{{{ end }}}}",
            id="what a lookup finds, in a block that is off",
        ),
        pytest.param(
            f"{{{{ $image := `x` }}}}{{{{ with {LOOKUP} }}}}{{{{ $image = .spec.image }}}}{{{{ end }}}}",
            id="a variable that nothing prints",
        ),
        pytest.param(SECRET, id="a Secret that a cluster keeps"),
        pytest.param(f"{{{{ if {LOOKUP} }}}}\n{SECRET}{{{{ end }}}}", id="a Secret that only some clusters get"),
        pytest.param(
            '{{ if .Capabilities.APIVersions.Has "a/v1" }}\napiVersion: a/v1\nkind: ServiceMonitor\n'
            "metadata: {name: a}\n{{ end }}",
            id="what runs nothing",
        ),
    ],
)
def test_what_values_switch_off_is_nothing(tmp_path: Path, template: str) -> None:
    assert rendered(tmp_path, {"p.yaml": template}, "live: false\n") == ([], [], [])


def test_a_chart_that_asks_for_nothing_is_rendered_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = starts_of_helm(monkeypatch)
    assert rendered(tmp_path / "a", {"p.yaml": POD})[0] == [""]
    usual = len(started)
    assert (
        rendered(tmp_path / "b", {"p.yaml": f"{{{{ if .Values.live }}}}\n{POD}{{{{ end }}}}"}, "live: false\n")[0] == []
    )
    assert len(started) == 2 * usual > 0


def test_alternatives_are_tried_one_after_another_and_no_more_than_so_many() -> None:
    texts = [f'{{{{ {word} lookup "v1" "A" "" "{n}" }}}}\nkind: Pod' for n, word in enumerate(["if", *["else if"] * 4])]
    text = "".join(texts) + "\n{{ end }}\n{{ if .Release.IsUpgrade }}\nkind: Job\n{{ end }}"
    groups, others = branches.in_rounds(branches.asking_branches({"p.yaml": template_of(text)}), 3)
    assert [[one.line for one in group] for group in groups] == [[1, 8], [2], [3]]
    assert [one.line for one in others] == [4, 5]


BROKEN = [
    pytest.param("apiVersion: v1\nkind: Pod\nspec: {\n", id="YAML that ends too soon"),
    pytest.param("apiVersion: v1\nkind: Pod\nkind: Pod\nmetadata: {name: a}\n", id="a key twice"),
    pytest.param("kind: Pod\nmetadata: {name: a}\nspec: {hostPID: true}\n", id="no apiVersion"),
]


@pytest.mark.parametrize("text", BROKEN)
def test_what_cannot_be_read_in_another_cluster_is_told(tmp_path: Path, text: str) -> None:
    template = f"{{{{ if .Release.IsUpgrade }}}}\n{text}{{{{ end }}}}"
    found, unjudged, problems = rendered(tmp_path, {"p.yaml": template})
    assert found == []
    assert len([*problems, *unjudged]) == 1


def template_of(text: str) -> Template:
    return Template("p.yaml", Path("p.yaml"), Mount("p.yaml", "", "p.yaml"), text, tuple(gotemplate.tokens(text)))


ASKS = "{{ if .Release.IsUpgrade }}\nkind: Pod\n"
MANY = {
    "nested": (ASKS * 400 + "{{ end }}\n" * 400, 300),
    "alternatives": (ASKS + "{{ else if .Release.IsUpgrade }}\nkind: Pod\n" * 400 + "{{ end }}\n", 301),
    "one after another": ((ASKS + "{{ end }}\n") * 400, 0),
}


@pytest.mark.parametrize(("text", "far"), MANY.values(), ids=MANY)
def test_what_is_behind_too_many_conditions_is_neither_tried_nor_lost(text: str, far: int) -> None:
    found = branches.asking_branches({"p.yaml": template_of(text)})
    assert len(found) == text.count("if ")
    assert max(len(one.choices) for one in found) <= 100
    _, others = branches.in_rounds(found, 1_000)
    assert sum(one.is_far for one in found) == len(others) == far


def test_helpers_that_call_one_another_are_followed_once() -> None:
    calls = "".join(f'{{{{ define "a{n}" }}}}{{{{ include "a{n + 1}" . }}}}{{{{ end }}}}\n' for n in range(2_000))
    text = f'{calls}{{{{ define "a2000" }}}}{{{{ lookup "v1" "Pod" "" "" }}}}{{{{ end }}}}\n'
    use = '{{ if include "a0" . }}\nkind: Pod\n{{ end }}'
    (found,) = branches.asking_branches({"x.tpl": template_of(text), "p.yaml": template_of(use)})
    assert found.condition == 'if include "a0" .'


RULES = "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nspec:\n" + "  # a rule\n" * 5_000
ASKED = "{{ if .Release.IsUpgrade }}\n  a: {{ toYaml .Values.a }}\n{{ end }}\n"


@pytest.mark.parametrize(
    ("text", "is_idle"),
    [
        pytest.param(RULES + ASKED, True, id="far below its kind"),
        pytest.param(f"kind: Job\n---\n{RULES}{ASKED}---\nkind: Job\n", True, id="between other documents"),
        pytest.param(f"kind: Job\n{RULES}{ASKED}", False, id="another kind in the document"),
        pytest.param(
            RULES + "{{ if .Release.IsUpgrade }}kind: Pod{{ end }}", False, id="a kind of its own after an action"
        ),
        pytest.param(ASKED, False, id="no kind"),
    ],
)
def test_what_a_document_is_decides_however_long_it_is(text: str, is_idle: bool) -> None:
    (found,) = branches.asking_branches({"p.yaml": template_of(text)})
    assert found.is_idle == is_idle
