"""ApplicationSets: the Applications that they make, as far as the repository can tell."""

from __future__ import annotations

import textwrap
from pathlib import Path
from types import ModuleType

import pytest

from kgate import repository
from kgate.environment import Cluster, Environment
from kgate.gitops.argocd import applicationset as applicationset_module
from kgate.gitops.argocd import generators
from kgate.gitops.argocd.generators import flatten
from kgate.gitops.argocd.names import normalise_name
from kgate.gitops.argocd.templating import Filler, FillError, Parameters
from kgate.rendering.helm.requests import ChartRequest
from kgate.rendering.requests import Request
from tests.gitops.objects import URL, Shop, told

NOT_HERE = "https://git.example.org/elsewhere/other.git"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    found = Shop(tmp_path.resolve() / "deploy")
    charts = ("apps/one", "apps/two", "apps/old", "apps/deep/three", ".hidden/four")
    found.touch(*(f"{chart}/Chart.yaml" for chart in charts), "apps/README.md")
    found.write(
        config__a__configDOTjson='{"cluster": {"name": "Prod_EU", "no": 1}, "tags": ["x"]}',
        config__b__configDOTyaml="- cluster: {name: dev}\n- cluster: {name: test}\n",
    )
    return found


def applicationset(generators: str, path: str, name: str = "web", *, go: bool = False, url: str = URL) -> str:
    """An ApplicationSet; its generators begin in line 6."""
    return (
        "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: all, namespace: argocd}\nspec:\n"
        "  generators:\n"
        + textwrap.indent(textwrap.dedent(generators).lstrip("\n"), "  ")
        + f"  goTemplate: {str(go).lower()}\n"
        f"  template:\n    metadata: {{name: '{name}'}}\n    spec:\n      destination: {{namespace: shop}}\n"
        f"      source:\n        repoURL: {url}\n        targetRevision: '{{{{nothing}}}}'\n        path: '{path}'\n"
    )


def made(shop: Shop, requests: tuple[Request, ...]) -> list[str]:
    """Chart and release name of each request."""
    found = []
    for request in requests:
        assert isinstance(request, ChartRequest)
        found += [f"{shop.path(request.chart)} {release.name}" for release in request.releases]
    return found


GIT = f"- git:\n    repoURL: {URL}\n"
DIRECTORIES = (
    GIT + "    directories: [{path: apps/*}, {path: apps/old, exclude: true}, {path: apps/deep, exclude: true}]\n"
)
LIST = "- list: {elements: [{env: dev}, {env: prod}]}\n"


def nested(kind: str, *generators: str) -> str:
    inner = "".join(textwrap.indent(textwrap.dedent(one), "    ") for one in generators)
    return f"- {kind}:\n    generators:\n{inner}"


RESOLVED: dict[str, tuple[str, list[str]]] = {
    "a list": (
        applicationset("- list: {elements: [{app: one}, {app: two}]}\n", "apps/{{app}}", "{{ app }}-x"),
        ["apps/one one-x", "apps/two two-x"],
    ),
    "values of a list": (
        applicationset("- list: {elements: [{values: {app: one}}]}\n", "apps/{{values.app}}"),
        ["apps/one web"],
    ),
    "a list, Go": (
        applicationset(
            "- list: {elements: [{app: {name: one}}]}\n", "apps/{{.app.name}}", "{{- .app.name | upper }}", go=True
        ),
        ["apps/one ONE"],
    ),
    "YAML elements": (
        applicationset("- list: {elementsYaml: '[{app: one}]'}\n", "apps/{{app}}"),
        ["apps/one web"],
    ),
    "directories": (
        applicationset(DIRECTORIES, "{{path}}", "{{path.basename}}-{{path[0]}}"),
        ["apps/one one-apps", "apps/two two-apps"],
    ),
    "directories, Go": (
        applicationset(DIRECTORIES, "{{.path.path}}", "{{index .path.segments 1}}-{{.path.basename}}", go=True),
        ["apps/one one-one", "apps/two two-two"],
    ),
    "directories, values and prefix": (
        applicationset(
            DIRECTORIES + "    pathParamPrefix: my\n    values: {called: 'x-{{my.path.basename}}'}\n",
            "{{my.path}}",
            "{{values.called}}",
        ),
        ["apps/one x-one", "apps/two x-two"],
    ),
    "directories, values and prefix, Go": (
        applicationset(
            DIRECTORIES + "    pathParamPrefix: my\n    values: {called: 'x-{{.my.path.basename}}'}\n",
            "{{.my.path.path}}",
            "{{.values.called}}",
            go=True,
        ),
        ["apps/one x-one", "apps/two x-two"],
    ),
    "directories are not searched in hidden folders": (
        applicationset(GIT + "    directories: [{path: '*/four'}, {path: apps/one}]\n", "{{path}}"),
        ["apps/one web"],
    ),
    "files": (
        applicationset(
            GIT + "    files: [{path: 'config/*/config.*'}]\n", "apps/one", "{{cluster.name}}-{{path.basename}}"
        ),
        ["apps/one Prod_EU-a", "apps/one dev-b", "apps/one test-b"],
    ),
    "files, flat": (
        applicationset(
            GIT + "    files: [{path: 'config/**/config.json'}]\n", "apps/one", "{{cluster.no}}-{{tags.0}}-{{path[1]}}"
        ),
        ["apps/one 1-x-a"],
    ),
    "files, Go": (
        applicationset(
            GIT + "    files: [{path: '**/config.json'}]\n",
            "apps/one",
            "{{.cluster.name}}-{{index .tags 0}}-{{.path.filename}}-{{.path.filenameNormalized}}",
            go=True,
        ),
        ["apps/one Prod_EU-x-config.json-config.json"],
    ),
    "files but some": (
        applicationset(
            GIT + "    files: [{path: config}, {path: config/a/*, exclude: true}]\n", "apps/one", "{{cluster.name}}"
        ),
        ["apps/one dev", "apps/one test"],
    ),
    "a matrix": (
        applicationset(nested("matrix", DIRECTORIES, LIST), "{{path}}", "{{path.basename}}-{{env}}"),
        ["apps/one one-dev", "apps/one one-prod", "apps/two two-dev", "apps/two two-prod"],
    ),
    "a matrix, Go, whose second refers to its first": (
        applicationset(
            nested(
                "matrix",
                GIT + "    files: [{path: '**/config.json'}]\n",
                "- list: {elements: [{app: 'one'}], elementsYaml: '[{app: \"{{.cluster.no}}\"}]'}\n",
            ),
            "apps/one",
            "{{.cluster.name}}-{{.app}}",
            go=True,
        ),
        ["apps/one Prod_EU-one", "apps/one Prod_EU-1"],
    ),
    "a merge": (
        applicationset(
            nested("merge", LIST, "- list: {elements: [{env: prod, app: two}]}\n", LIST.replace("dev", "x"))
            + "    mergeKeys: [env]\n",
            "apps/one",
            "{{env}}-{{app}}",
        ),
        ["apps/one dev-app", "apps/one prod-two"],
    ),
    "a selector": (
        applicationset(LIST + "  selector: {matchLabels: {env: prod}}\n", "apps/one", "{{env}}"),
        ["apps/one prod"],
    ),
    "a selector of expressions": (
        applicationset(
            LIST + "  selector: {matchExpressions: [{key: env, operator: NotIn, values: [prod]}]}\n",
            "apps/one",
            "{{env}}",
        ),
        ["apps/one dev"],
    ),
    "a template of the generator": (
        applicationset(
            "- list:\n    elements: [{env: dev}]\n    template: {spec: {source: {path: apps/two}}}\n",
            "apps/one",
            "{{env}}",
        ),
        ["apps/two dev"],
    ),
    "the same twice": (applicationset(LIST, "apps/one"), ["apps/one web"]),
}


@pytest.mark.parametrize(("text", "wanted"), RESOLVED.values(), ids=RESOLVED)
def test_what_is_made(shop: Shop, text: str, wanted: list[str]) -> None:
    planned = shop.plan(text)
    assert told(planned) == []
    assert made(shop, planned.requests) == wanted
    (by,) = {
        release.requested_by for one in planned.requests if isinstance(one, ChartRequest) for release in one.releases
    }
    assert by == "ApplicationSet/argocd/all apps.yaml:1"


CLUSTERS = "- clusters: {}\n"
LIST_THEM = "; list the clusters in kgate.yaml, under argocd.clusters"
WITH_THEM = "ApplicationSet/argocd/all with them is not judged"
MERGED_WITH_CLUSTERS = """\
- merge:
    mergeKeys: [name]
    generators:
    - list: {elements: [{name: a, path: apps/one}]}
    - clusters: {}
"""


def unknown(generator: str) -> str:
    return f"generator '{generator}' cannot be resolved from the repository"


def unresolved(generator: str) -> str:
    return f"note apps.yaml:6: {unknown(generator)}"


UNKNOWN = unresolved("clusters") + LIST_THEM


def missing(expression: str, generator: str, advice: str = "") -> str:
    """What is said of a template that needs a parameter of a generator which cannot be resolved."""
    advice = advice or "; write what the Applications deploy without its parameters"
    why = f"{expression} is not known: {unknown(generator)}{advice}"
    return f"unjudged apps.yaml:12: ApplicationSet/argocd/all is not judged: {why}"


def unfilled(expression: str) -> str:
    message = f"{expression} cannot be resolved from the repository"
    return f"problem apps.yaml:12: {message}, so the Applications of this template are not judged"


def unfilled_elsewhere(expression: str, line: int = 12) -> str:
    message = f"{expression} cannot be resolved from the repository, and its sources are not in this repository"
    return f"unjudged apps.yaml:{line}: ApplicationSet/argocd/all is not judged: {message}"


NO_MATCH = "note apps.yaml:8: spec.generators[0].git.{} match nothing in this repository, so there is no Application"
TOLD: dict[str, tuple[str, list[str], list[str]]] = {
    "clusters, and nothing depends on them": (
        applicationset(CLUSTERS, "apps/one", "{{name}}-web"),
        ["apps/one name-web"],
        [UNKNOWN],
    ),
    "clusters, and the path depends on them": (
        applicationset(CLUSTERS, "apps/{{name}}"),
        [],
        [missing("{{name}}", "clusters", LIST_THEM), UNKNOWN],
    ),
    "pull requests, and the path depends on them": (
        applicationset("- pullRequest: {github: {owner: o, repo: r}}\n", "apps/{{branch}}"),
        [],
        [missing("{{branch}}", "pullRequest"), unresolved("pullRequest")],
    ),
    "repositories of a server, and the path depends on them": (
        applicationset("- scmProvider: {github: {organization: o}}\n", "apps/{{repository}}"),
        [],
        [missing("{{repository}}", "scmProvider"), unresolved("scmProvider")],
    ),
    "a plugin, and the path depends on it": (
        applicationset("- plugin: {configMapRef: {name: p}}\n", "apps/{{.app}}", go=True),
        [],
        [missing("{{.app}}", "plugin"), unresolved("plugin")],
    ),
    "clusters that may replace the path": (
        applicationset(MERGED_WITH_CLUSTERS, "{{path}}"),
        ["apps/one web"],
        [
            f"unjudged apps.yaml:8: {WITH_THEM}: {unknown('clusters')}{LIST_THEM}; it may replace parameters",
            UNKNOWN.replace(":6:", ":10:"),
        ],
    ),
    "clusters, and the path depends on them, elsewhere": (
        applicationset(CLUSTERS, "apps/{{name}}", url=NOT_HERE),
        [],
        [
            unfilled_elsewhere("{{name}}"),
            UNKNOWN,
        ],
    ),
    "folders of another repository": (
        applicationset(GIT.replace(URL, NOT_HERE) + "    directories: [{path: '*'}]\n", "{{path}}", url=NOT_HERE),
        [],
        [
            unfilled_elsewhere("{{path}}", 14),
            f"note apps.yaml:7: directories of {NOT_HERE} cannot be resolved: it is not this repository",
        ],
    ),
    "folders from the root of a machine": (
        applicationset(GIT + "    directories: [{path: /apps/*}]\n", "{{path}}"),
        [],
        [f"{NO_MATCH.format('directories')}; begin paths without a slash, at the root of the repository"],
    ),
    "folders that are not there": (
        applicationset(GIT + "    directories: [{path: services/*}]\n", "{{path}}"),
        [],
        [NO_MATCH.format("directories")],
    ),
    "folders that are all left out": (
        applicationset(GIT + "    directories: [{path: apps/*}, {path: apps/*, exclude: true}]\n", "{{path}}"),
        [],
        [NO_MATCH.format("directories")],
    ),
    "files that are not there": (
        applicationset(GIT + "    files: [{path: 'apps/*/nothing.json'}]\n", "{{path}}"),
        [],
        [NO_MATCH.format("files")],
    ),
    "a matrix with clusters": (
        applicationset(nested("matrix", CLUSTERS, DIRECTORIES), "{{path}}", "{{path.basename}}"),
        ["apps/one one", "apps/two two"],
        ["note apps.yaml:8: generator 'clusters' cannot be resolved from the repository" + LIST_THEM],
    ),
    "a function": (
        applicationset(LIST, 'apps/{{ .env | replace "a" "b" }}', go=True),
        [],
        [unfilled('{{.env | replace "a" "b"}}')],
    ),
    "missing in Go": (
        applicationset(LIST, "apps/{{.nothing}}", go=True),
        [],
        [unfilled("{{.nothing}}")],
    ),
    "a patch of the template": (
        applicationset(LIST, "apps/one") + "  templatePatch: |\n    a: b\n",
        ["apps/one web"],
        ["problem apps.yaml:16: spec.templatePatch changes the Applications, which kgate does not do"],
    ),
    "missing path": (
        applicationset("- list: {elements: [{app: gone}]}\n", "apps/{{app}}"),
        [],
        [
            (
                "problem apps.yaml:15: spec.template.spec.source.path: "
                "there is no 'apps/gone' in this repository; fix the path"
            )
        ],
    ),
    "no generator": (
        applicationset("- {}\n", "apps/one"),
        [],
        ["problem apps.yaml:6: spec.generators[0] must have one generator, such as list, git or matrix"],
    ),
    "elements are no strings": (
        applicationset("- list: {elements: [{app: 1}]}\n", "apps/one"),
        ["apps/one web"],
        [
            (
                "problem apps.yaml:6: spec.generators[0].list.elements[0]: "
                "'app' must be a string, as spec.goTemplate is not true"
            )
        ],
    ),
    "a file that is no YAML": (
        applicationset(GIT + "    files: [{path: broken.json}]\n", "apps/one"),
        [],
        [
            (
                "problem apps.yaml:8: spec.generators[0].git.files: 'broken.json' cannot be read: "
                "not valid YAML: did not find expected ',' or '}'"
            )
        ],
    ),
    "one generator in a matrix": (
        applicationset(nested("matrix", LIST), "apps/one"),
        [],
        ["problem apps.yaml:7: spec.generators[0].matrix.generators must have two members"],
    ),
}


@pytest.mark.parametrize(("text", "wanted", "messages"), TOLD.values(), ids=TOLD)
def test_what_is_told(shop: Shop, text: str, wanted: list[str], messages: list[str]) -> None:
    shop.write(brokenDOTjson="{a")
    planned = shop.plan(text)
    assert told(planned) == messages
    assert made(shop, planned.requests) == wanted


ODD = ("generators: x", "generators: [1, null, {git: 1}, {list: {elements: x}}, {matrix: []}]", "template: []", "a: 1")


@pytest.mark.parametrize("spec", ODD)
def test_odd_objects(shop: Shop, spec: str) -> None:
    text = f"apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {{name: a}}\nspec:\n  {spec}\n"
    assert shop.plan(text).requests == ()


FILLED = {
    "trimmed": ("a {{- .x -}} b", "aXb"),
    "comment": ("a{{/* no */}}b", "ab"),
    "a text": ('{{"{{"}}', "{{"),
    "number": ("{{.n}}", "1"),
    "boolean": ("{{.yes}}", "true"),
    "key": ('{{index .map "a-b"}}', "in"),
    "key of all": ('{{ index . "x" }}', "X"),
    "JSON": ("{{.map | toJson}}", '{"a-b":"in"}'),
    "quoted": ("{{.x | lower | quote}}", '"x"'),
}
REFUSED = (
    "{{.map}}",
    "{{ if .x }}",
    "{{end}}",
    "{{.x.y}}",
    "{{(.x)}}",
    "{{.x)}}",
    "{{(.x}}",
    "{{.x .n}}",
    "{{index .map}}",
    "{{.x | lower .n}}",
    "{{index .map 1}}",
    "{{.x",
    "{{$x}}",
    '{{printf "a"}}',
    "{{}}",
)


@pytest.mark.parametrize(("text", "wanted"), FILLED.values(), ids=FILLED)
def test_go_templates(text: str, wanted: str) -> None:
    values = {"x": "X", "n": 1, "yes": True, "map": {"a-b": "in"}}
    assert Filler(is_go=True).fill_text(text, Parameters(values)) == wanted


@pytest.mark.parametrize("text", REFUSED)
def test_go_templates_that_are_not_filled_in(text: str) -> None:
    with pytest.raises(FillError):
        Filler(is_go=True).fill_text(text, Parameters({"x": "X", "map": {"a": 1}}))


def test_templates_of_helm_stay_in_values_without_go() -> None:
    text = '{{ .Release.Name }}-{{ include "x" . }}-{{ env }}'
    assert Filler(is_go=False).fill_text(text, Parameters({"env": "dev"}, unknown="no clusters")) == text[:-9] + "dev"


def test_parameters() -> None:
    assert flatten({"a": {"b": [1, True]}, "c": None, "d": "x"}) == {
        "a.b.0": "1",
        "a.b.1": "true",
        "c": "<nil>",
        "d": "x",
    }
    assert normalise_name("My_App.") == "my-app"


HOSTILE = [
    pytest.param(True, "{{ " + '"a" ' * 10_000, id="Go, strings without an end"),
    pytest.param(True, "{{" * 20_000, id="Go, braces without an end"),
    pytest.param(True, '{{ "' * 20_000, id="Go, quotes without an end"),
    pytest.param(True, "{{ 9" + "9" * 5000 + " }}", id="Go, a number of many digits"),
]


@pytest.mark.parametrize(("is_go", "text"), HOSTILE)
def test_hostile_templates_end(is_go: bool, text: str) -> None:
    with pytest.raises(FillError):
        Filler(is_go).fill_text(text, Parameters({}))


def test_braces_without_an_end_stay_without_go() -> None:
    text = "{{" * 50_000
    assert Filler(is_go=False).fill_text(text, Parameters({})) == text


@pytest.mark.parametrize(("is_go", "name"), [(True, ".x"), (False, "x")])
def test_a_text_that_grows_too_long_is_not_filled_in(is_go: bool, name: str) -> None:
    with pytest.raises(FillError, match="grows beyond"):
        Filler(is_go).fill_text(f"{{{{{name}}}}}" * 20, Parameters({"x": "x" * 100_000}))


BOUNDS = [
    pytest.param(generators, "MAX_MADE", 10, "makes more than 10 sets of parameters", id="sets of parameters"),
    pytest.param(generators, "MAX_PARAMETERS", 3, "gives more than 3 Applications", id="pairs of a matrix"),
    pytest.param(applicationset_module, "MAX_LENGTH", 100, "more than 100 characters of Applications", id="characters"),
    pytest.param(repository, "MAX_ENTRIES", 3, "more than 3 files and folders", id="files"),
    pytest.param(repository, "MAX_LOOKS", 30, "more than 30 comparisons", id="comparisons"),
]


@pytest.mark.parametrize(("module", "name", "bound", "told_by"), BOUNDS)
def test_bounds_are_problems(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, bound: int, told_by: str
) -> None:
    monkeypatch.setattr(module, name, bound)
    elements = "- list: {elements: [{a: x}, {a: y}, {a: z}]}\n"
    inner = elements.rstrip() + "\n  selector: {matchLabels: {a: none}}\n" if name == "MAX_MADE" else elements
    planned = shop.plan(
        applicationset(nested("matrix", elements, inner) + GIT + "    directories: [{path: 'apps/*'}]\n", "apps/one")
        + "---\n"
        + applicationset(GIT + "    directories: [{path: '*'}, {path: '*/*'}]\n", "{{path}}")
    )
    assert any(told_by in problem.message for problem in planned.problems), planned.problems


MAGIC = [
    pytest.param("files: [{path: ':(glob)config/**/config.json'}]", "begin with a colon", id="magic of git"),
    pytest.param("files: [{path: 'config/*.json'}, {path: ':!x', exclude: true}]", "a colon", id="that excludes"),
    pytest.param("directories: [{path: '[a'}]", "syntax error in pattern", id="a class without an end"),
]


@pytest.mark.parametrize(("section", "told_by"), MAGIC)
def test_what_is_not_a_pattern_is_a_problem(shop: Shop, section: str, told_by: str) -> None:
    planned = shop.plan(applicationset(GIT + f"    {section}\n", "{{path}}"))
    assert any(told_by in problem.message for problem in planned.problems), planned.problems


GIVEN = Environment(
    clusters=(
        Cluster("in-cluster"),
        Cluster("Prod_EU", "https://prod.example.org", {"env": "one", "tier": "a"}, {"path": "apps/one"}),
        Cluster("test", "https://test.example.org", {"env": "two"}, {"path": "apps/two"}),
    )
)
BY_LABEL = "- clusters: {selector: {matchLabels: {tier: a}}}\n"
ONE = "[path: apps/*e]"
FLAT = "- clusters: {flatList: true, selector: {matchLabels: {tier: a}}, values: {app: '{{.name}}!'}}\n"
BY_EXPRESSION = "- clusters: {selector: {matchExpressions: [{key: env, operator: NotIn, values: [one]}]}}\n"
CLUSTER_ROWS = {
    "all": (CLUSTERS, "apps/one", "web-{{name}}", False, ["in-cluster", "Prod_EU", "test"]),
    "all, in Go": (CLUSTERS, "apps/one", "web-{{.nameNormalized}}", True, ["in-cluster", "prod-eu", "test"]),
    "by a label": (BY_LABEL, "apps/{{metadata.labels.env}}", "web-{{nameNormalized}}", False, ["prod-eu"]),
    "by an expression": (BY_EXPRESSION, "apps/{{.metadata.labels.env}}", "web-{{.name}}", True, ["test"]),
    "by an annotation": (
        BY_LABEL,
        "{{metadata.annotations.path}}",
        "web-{{server}}",
        False,
        ["https://prod.example.org"],
    ),
    "with values": (
        "- clusters: {selector: {matchLabels: {env: two}}, values: {app: '{{metadata.labels.env}}'}}\n",
        "apps/{{values.app}}",
        "web-{{values.app}}",
        False,
        ["two"],
    ),
    "as one list": ("- clusters: {flatList: true}\n", "apps/one", "web-all", True, ["all"]),
    "as one list, of which one member is named": (
        FLAT,
        'apps/{{ index .clusters 0 "metadata" "labels" "env" }}',
        'web-{{ index .clusters 0 "values" "app" }}',
        True,
        ["Prod_EU!"],
    ),
    "as one list, without Go": ("- clusters: {flatList: true}\n", "apps/one", "web-{{clusters}}", False, ["clusters"]),
    "as one list in a matrix": (
        f"- matrix:\n    generators: [clusters: {{flatList: true}}, git: {{repoURL: {URL}, directories: {ONE}}}]\n",
        "{{.path.path}}",
        "web-{{.path.basename}}",
        True,
        ["one"],
    ),
    "in a matrix": (
        f"- matrix:\n    generators: [clusters: {{}}, git: {{repoURL: {URL}, directories: [path: apps/*e]}}]\n",
        "{{path}}",
        "web-{{name}}",
        False,
        ["in-cluster", "Prod_EU", "test"],
    ),
}


@pytest.mark.parametrize(("generators", "path", "name", "go", "names"), CLUSTER_ROWS.values(), ids=CLUSTER_ROWS)
def test_clusters_that_the_owner_states(
    shop: Shop, generators: str, path: str, name: str, go: bool, names: list[str]
) -> None:
    planned = shop.plan(applicationset(generators, path, name, go=go), environment=GIVEN)
    assert told(planned) == []
    assert [one.rpartition(" web-")[2] for one in made(shop, planned.requests)] == names


def test_no_cluster_is_stated(shop: Shop) -> None:
    planned = shop.plan(applicationset(CLUSTERS, "apps/one"), environment=Environment(clusters=()))
    assert told(planned) == []
    assert planned.requests == ()
