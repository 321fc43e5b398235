"""What is bound to the service account of a workload counts for its score, with the way to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgate.config import Settings
from kgate.model import Assessment, Finding, Persona, Report, Severity
from kgate.rendering.requests import RenderSettings
from kgate.repository import Repository
from kgate.scan import scan
from kgate.sources.clusters import ClusterFolders
from tests.hostile import write
from tests.manifests import HARDENED_CONTAINER, HARDENED_POD
from tests.rbac.objects import binding, role
from tests.real_tools import helm_tool, kustomize_tool

RULES = ("service-account-takes-cluster", "service-account-takes-namespace", "service-account-reaches-further")
ACCOUNT = "kind: ServiceAccount, name: web, namespace: apps"
ADMIN = binding("b", "ClusterRole/cluster-admin", ACCOUNT)
SECRETS = "apiGroups: [''], resources: [secrets], verbs: [get]"


def deployment(spec: str = "", namespace: str = "apps", name: str = "web") -> str:
    import json

    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace} if namespace else {"name": name},
        "spec": {
            "template": {
                "spec": {
                    **HARDENED_POD,
                    "serviceAccountName": "web",
                    "automountServiceAccountToken": True,
                    "containers": [HARDENED_CONTAINER],
                }
            }
        },
    }
    return f"---\n{json.dumps(body)}\n".replace('"serviceAccountName": "web"', spec or '"serviceAccountName": "web"')


def scanned(root: Path, files: dict[str, str], jobs: int = 1, **options: object) -> Report:
    write(root, {".git/config": "", **files})
    programs = {"helm": str(helm_tool().path), "kubectl": str(kustomize_tool().path)}
    rendering = RenderSettings(programs=programs)
    return scan(Settings(Repository.at(root), (str(root),), rendering=rendering, jobs=jobs, **options))  # type: ignore[arg-type]


def reached(report: Report) -> list[Finding]:
    return [finding for finding in report.findings if finding.rule.id in RULES]


def assessment(report: Report) -> Assessment:
    (found,) = report.assessments
    return found


@pytest.mark.parametrize(
    ("roles", "severity"),
    [
        pytest.param(ADMIN, "critical", id="an administrator"),
        pytest.param(role("r", SECRETS) + binding("b", "ClusterRole/r", ACCOUNT), "high", id="every Secret"),
        pytest.param(
            role("r", SECRETS) + binding("b", "ClusterRole/r", ACCOUNT, namespace="apps"),
            "medium",
            id="the Secrets of a namespace",
        ),
        pytest.param(
            role("r", SECRETS, extra="aggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}\n")
            + role("s", SECRETS).replace("name: s", "name: s, labels: {a: b}")
            + binding("b", "ClusterRole/r", ACCOUNT),
            "high",
            id="an aggregated role",
        ),
        pytest.param(
            binding("b", "ClusterRole/edit", "kind: Group, name: 'system:serviceaccounts'"), "critical", id="a group"
        ),
        pytest.param(
            binding("b", "ClusterRole/edit", "kind: User, name: 'system:serviceaccount:apps:web'"),
            "critical",
            id="a user",
        ),
        pytest.param(binding("b", "ClusterRole/view", ACCOUNT), None, id="a role that only looks"),
        pytest.param(binding("b", "ClusterRole/nowhere", ACCOUNT), None, id="a role that is nowhere"),
        pytest.param(ADMIN.replace("name: web", "name: other"), None, id="another account"),
        pytest.param(ADMIN.replace("namespace: apps", "namespace: other"), None, id="another namespace"),
        pytest.param(
            binding("b", "ClusterRole/edit", "kind: Group, name: 'system:serviceaccounts:other'"),
            None,
            id="another group",
        ),
    ],
)
def test_what_is_bound_sets_the_band(tmp_path: Path, roles: str, severity: str | None) -> None:
    report = scanned(tmp_path, {"web.yaml": deployment(), "roles.yaml": roles})
    assert [finding.rule.severity.label for finding in reached(report)] == ([severity] if severity else [])
    bands = {"critical": 30, "high": 60, "medium": 90, None: 101}
    assert bands[severity] - 31 < assessment(report).score.value < bands[severity]


def test_the_finding_shows_the_way(tmp_path: Path) -> None:
    text = role("r", SECRETS) + binding("b", "ClusterRole/r", ACCOUNT)
    (finding,) = reached(scanned(tmp_path, {"web.yaml": deployment(), "rbac/roles.yaml": text}))
    assert finding.location.path == "web.yaml"
    assert finding.location.pointer.endswith("/serviceAccountName")
    assert [(str(one.location), one.message) for one in finding.location.related] == [
        ("rbac/roles.yaml:11:1", "bound here to ClusterRole/r"),
        ("rbac/roles.yaml:6:3", "ClusterRole/r: get secrets everywhere"),
    ]


OTHERS = "kind: ServiceAccount, name: ci, namespace: apps"
DEPLOYER = role("r", "apiGroups: [apps], resources: [deployments], verbs: [create]")


def alone(report: Report) -> list[str]:
    """What fails by itself, since no score holds it."""
    failing = [one for one in report.findings if one.fails(report.fail_on)]
    assert report.verdict.passed is not bool(failing or any(not one.passed for one in report.assessments))
    return [f"{one.rule.id} {one.location}" for one in failing]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param(binding("b", "ClusterRole/edit", OTHERS), ["cluster-admin-binding"], id="a built-in role"),
        pytest.param(DEPLOYER + binding("b", "ClusterRole/r", OTHERS), ["binding-takes-cluster"], id="a role"),
        pytest.param(
            DEPLOYER + binding("b", "ClusterRole/r", "kind: User, name: ann"), ["binding-takes-cluster"], id="a user"
        ),
        pytest.param(
            DEPLOYER.replace("name: r", "name: part, labels: {a: b}")
            + role("r", extra="aggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}\n")
            + binding("b", "ClusterRole/r", OTHERS),
            ["binding-takes-cluster"],
            id="an aggregated role",
        ),
        pytest.param(
            binding("b", "ClusterRole/view", "kind: User, name: 'system:anonymous'", namespace="apps"),
            ["anonymous-binding"],
            id="anybody in one namespace",
        ),
        pytest.param(DEPLOYER, [], id="a role that is bound to nobody"),
        pytest.param(DEPLOYER + binding("b", "ClusterRole/r"), [], id="a binding without subjects"),
        pytest.param(DEPLOYER + binding("b", "ClusterRole/r", OTHERS, namespace="apps"), [], id="in one namespace"),
        pytest.param(role("r", SECRETS) + binding("b", "ClusterRole/r", OTHERS), [], id="less than the cluster"),
        pytest.param(binding("b", "ClusterRole/nowhere", OTHERS), [], id="a role that is nowhere"),
    ],
)
def test_a_binding_that_leads_to_the_cluster_fails_by_itself(tmp_path: Path, text: str, wanted: list[str]) -> None:
    assert [one.partition(" ")[0] for one in alone(scanned(tmp_path, {"rbac.yaml": text}))] == wanted


def test_the_finding_of_a_binding_shows_the_way(tmp_path: Path) -> None:
    text = DEPLOYER + binding("b", "ClusterRole/r", OTHERS, "kind: User, name: ann")
    report = scanned(tmp_path, {"rbac.yaml": text})
    (finding,) = [one for one in report.findings if one.fails(None)]
    assert str(finding.location).startswith("rbac.yaml:11:")
    assert [(str(one.location), one.message) for one in finding.location.related] == [
        ("rbac.yaml:13:3", "given to ServiceAccount/apps/ci and 1 other"),
        ("rbac.yaml:6:3", "ClusterRole/r: create deployments.apps everywhere"),
    ]
    assert report.verdict.reasons == ("1 critical finding of objects without a score",)


@pytest.mark.parametrize(
    ("min_score", "fail_on", "fails"),
    [
        pytest.param(30, None, True, id="a threshold that a critical finding misses"),
        pytest.param(29, None, False, id="a threshold that it reaches"),
        pytest.param(0, Severity.HIGH, True, id="a severity that fails by itself"),
    ],
)
def test_a_binding_is_held_to_the_threshold_of_workloads(
    tmp_path: Path, min_score: int, fail_on: Severity | None, fails: bool
) -> None:
    report = scanned(tmp_path, {"rbac.yaml": ADMIN}, min_score=min_score, fail_on=fail_on)
    assert bool(alone(report)) is fails


def test_a_binding_that_a_workload_answers_for_fails_only_with_it(tmp_path: Path) -> None:
    files = {"web.yaml": deployment(), "roles.yaml": DEPLOYER + binding("b", "ClusterRole/r", ACCOUNT)}
    report = scanned(tmp_path, files)
    assert "binding-takes-cluster" in {one.rule.id for one in report.findings}
    assert alone(report) == []
    assert not assessment(report).passed


def test_a_pod_without_a_token_answers_for_no_binding(tmp_path: Path) -> None:
    text = deployment().replace('"automountServiceAccountToken": true', '"automountServiceAccountToken": false')
    report = scanned(tmp_path, {"web.yaml": text, "roles.yaml": ADMIN})
    assert alone(report) == ["cluster-admin-binding roles.yaml:5:67"]
    assert assessment(report).passed


def test_bindings_that_are_only_counted_fail_too(tmp_path: Path) -> None:
    text = "".join(binding(f"b{number}", "ClusterRole/cluster-admin", OTHERS) for number in range(103))
    report = scanned(tmp_path, {"rbac.yaml": text})
    assert len(report.findings) == 100
    assert report.verdict.reasons == ("103 critical findings of objects without a score",)


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param('"serviceAccountName": "web", "x": 1', id="with the token"),
        pytest.param('"serviceAccount": "web"', id="the older field"),
        pytest.param(
            '"serviceAccountName": "web", "volumes": [{"projected": {"sources": [{"serviceAccountToken": {}}]}}]',
            id="a projected volume",
        ),
    ],
)
def test_pods_with_a_token(tmp_path: Path, spec: str) -> None:
    text = deployment(spec)
    if "projected" in spec:
        text = text.replace('"automountServiceAccountToken": true', '"automountServiceAccountToken": false')
    assert reached(scanned(tmp_path, {"web.yaml": text, "roles.yaml": ADMIN}))


def test_pods_without_a_token(tmp_path: Path) -> None:
    text = deployment().replace('"automountServiceAccountToken": true', '"automountServiceAccountToken": false')
    assert not reached(scanned(tmp_path, {"web.yaml": text, "roles.yaml": ADMIN}))


@pytest.mark.parametrize("word", ["ClusterRoleBindin\\x67", "\\u0043lusterRoleBinding"])
def test_an_odd_spelling_hides_no_binding(tmp_path: Path, word: str) -> None:
    text = ADMIN.replace("kind: ClusterRoleBinding", f'kind: "{word}"')
    assert text != ADMIN
    assert reached(scanned(tmp_path, {"web.yaml": deployment(), "roles.yaml": text}))


def test_a_rule_about_roles_that_is_left_out_does_not_count(tmp_path: Path) -> None:
    files = {"web.yaml": deployment(), "roles.yaml": role("r", SECRETS) + binding("b", "ClusterRole/r", ACCOUNT)}
    assert reached(scanned(tmp_path, files))
    assert not reached(scanned(tmp_path, files, ignore=("cluster-role-reads-secrets",)))
    assert reached(scanned(tmp_path, files, select=RULES))


def test_folders_of_clusters_are_not_mixed(tmp_path: Path) -> None:
    """Where bindings of one name are in several folders, those count that are nearest."""
    weak = role("r", "apiGroups: [''], resources: [pods], verbs: [get]") + binding("b", "ClusterRole/r", ACCOUNT)
    strong = role("r", SECRETS) + binding("b", "ClusterRole/r", ACCOUNT)
    files = {
        "prod/web.yaml": deployment(),
        "prod/rbac/roles.yaml": weak,
        "staging/web.yaml": deployment(),
        "staging/rbac/roles.yaml": strong,
    }
    assert [finding.location.path for finding in reached(scanned(tmp_path, files))] == ["staging/web.yaml"]


def test_several_processes_find_the_same(tmp_path: Path) -> None:
    files = {f"w{number}.yaml": deployment(name=f"web{number}") + "#" * 70_000 for number in range(20)}
    one = scanned(tmp_path, {**files, "roles.yaml": ADMIN})
    two = scanned(tmp_path, {**files, "roles.yaml": ADMIN}, jobs=2)
    assert len(reached(one)) == 20
    assert reached(one) == reached(two)
    related = [finding.location.related for finding in reached(one)]
    assert all(related)
    assert related == [finding.location.related for finding in reached(two)]


CHART = {
    "web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "web/templates/all.yaml": (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: '{{ .Release.Name }}'}\n"
        "spec:\n  serviceAccountName: {{ .Release.Name }}\n  containers: [{name: a, image: b}]\n"
        "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: b}\n"
        "roleRef: {kind: ClusterRole, name: cluster-admin, apiGroup: rbac.authorization.k8s.io}\n"
        "subjects: [{kind: ServiceAccount, name: '{{ .Release.Name }}', namespace: '{{ .Release.Namespace }}'}]\n"
    ),
}


def test_a_chart_whose_names_are_those_of_the_release(tmp_path: Path) -> None:
    (finding,) = reached(scanned(tmp_path, CHART))
    assert (finding.rule.id, finding.location.path, finding.location.start.line) == (
        RULES[0],
        "web/templates/all.yaml",
        5,
    )


def test_overlays_of_clusters_are_not_mixed(tmp_path: Path) -> None:
    files = {
        "base/kustomization.yaml": "resources: [web.yaml]\n",
        "base/web.yaml": deployment(),
        "staging/kustomization.yaml": "resources: [../base, b.yaml]\n",
        "staging/b.yaml": ADMIN,
        "prod/kustomization.yaml": "resources: [../base]\n",
    }
    found = reached(scanned(tmp_path, files))
    assert [rendering.path for finding in found for rendering in finding.renderings] == ["staging"]


def test_rules_that_are_too_large_together_are_judged_one_by_one(tmp_path: Path) -> None:
    many = ", ".join(f"x{number}" for number in range(4000))
    rules = [f"apiGroups: [''], resources: [{many}, y{number}], verbs: [get]" for number in range(2)]
    roles = [role("large", *rules), role("more", *rules, SECRETS)]
    text = "".join(roles) + binding("b", "ClusterRole/large", ACCOUNT) + binding("c", "ClusterRole/more", ACCOUNT)
    (finding,) = reached(scanned(tmp_path, {"web.yaml": deployment(), "roles.yaml": text}))
    assert finding.rule.id == "service-account-takes-namespace"


# ----------------------------------------------------------------------------- what is deployed by other means

KUSTOMIZATION = "resources: [{}]\n"
NOWHERE = binding("b", "ClusterRole/r", OTHERS)


@pytest.mark.parametrize(
    ("files", "is_found"),
    [
        pytest.param(
            {
                "app/kustomization.yaml": KUSTOMIZATION.format("web.yaml"),
                "app/web.yaml": deployment(),
                "rbac.yaml": ADMIN,
            },
            True,
            id="a plain binding above an overlay",
        ),
        pytest.param(
            {
                "app/overlay/kustomization.yaml": KUSTOMIZATION.format("web.yaml"),
                "app/overlay/web.yaml": deployment(),
                "app/rbac/roles.yaml": ADMIN,
            },
            False,
            id="a plain binding beside an overlay",
        ),
        pytest.param(
            {
                "prod/app/kustomization.yaml": KUSTOMIZATION.format("web.yaml"),
                "prod/app/web.yaml": deployment(),
                "staging/rbac.yaml": ADMIN,
            },
            False,
            id="a plain binding of another cluster",
        ),
        pytest.param(
            {
                "app/kustomization.yaml": KUSTOMIZATION.format("web.yaml"),
                "app/web.yaml": deployment(),
                "rbac.yaml": ADMIN.replace(", namespace: apps", ""),
            },
            False,
            id="a plain binding that names no namespace",
        ),
        pytest.param(
            {
                "app/kustomization.yaml": KUSTOMIZATION.format("rbac.yaml"),
                "app/rbac.yaml": ADMIN,
                "app/web.yaml": deployment(),
            },
            True,
            id="a binding that a kustomization uses, and a plain workload beside it",
        ),
        pytest.param(
            {
                "rbac/kustomization.yaml": KUSTOMIZATION.format("r.yaml"),
                "rbac/r.yaml": ADMIN,
                "app/web.yaml": deployment(),
            },
            False,
            id="a binding that a kustomization uses, and a plain workload elsewhere",
        ),
    ],
)
def test_bindings_that_are_applied_by_other_means(tmp_path: Path, files: dict[str, str], is_found: bool) -> None:
    assert bool(reached(scanned(tmp_path, files))) is is_found


def test_a_role_that_is_applied_by_other_means(tmp_path: Path) -> None:
    files = {
        "app/kustomization.yaml": KUSTOMIZATION.format("web.yaml"),
        "app/web.yaml": deployment() + binding("b", "ClusterRole/r", ACCOUNT),
        "roles/r.yaml": role("r", SECRETS),
    }
    report = scanned(tmp_path, files)
    (finding,) = reached(report)
    assert finding.location.related[-1].message == "ClusterRole/r: get secrets everywhere"
    assert not report.unjudged


# ------------------------------------------------------------------------------ folders of clusters

PROD = ClusterFolders.of("prod", ("prod/", "shared/prod-*"))
STAGING = ClusterFolders.of("staging", ("staging/",))
OVERLAY = "resources: [../../base]\n"
BASE = {"base/kustomization.yaml": KUSTOMIZATION.format("web.yaml"), "base/web.yaml": deployment()}
APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: {0}}}
spec:
  source: {{repoURL: https://example.org/shop, path: web}}
  destination: {{name: {0}, namespace: apps}}
"""
RELEASED = {
    "web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "web/templates/all.yaml": deployment().replace('"web", "namespace"', '"{{ .Release.Name }}", "namespace"'),
    "prod/web.yaml": APPLICATION.format("prod"),
    "staging/web.yaml": APPLICATION.format("staging"),
}


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        pytest.param(
            {"prod/apps/web.yaml": deployment(), "staging/roles.yaml": ADMIN}, [], id="a plain binding of another one"
        ),
        pytest.param(
            {"shared/prod-web.yaml": deployment(), "prod/roles.yaml": ADMIN},
            ["shared/prod-web.yaml"],
            id="a plain binding of the same one",
        ),
        pytest.param(
            {"base/web.yaml": deployment(), "prod/roles.yaml": ADMIN},
            ["base/web.yaml"],
            id="a plain workload of which nobody says where it goes",
        ),
        pytest.param(
            {**BASE, "prod/apps/kustomization.yaml": OVERLAY, "prod/rbac/roles.yaml": ADMIN},
            ["prod/apps"],
            id="a plain binding beside an overlay",
        ),
        pytest.param(
            {**BASE, "prod/apps/kustomization.yaml": OVERLAY, "staging/rbac/roles.yaml": ADMIN},
            [],
            id="a plain binding and an overlay of another one",
        ),
        pytest.param(
            {
                "prod/kustomization.yaml": KUSTOMIZATION.format("r.yaml"),
                "prod/r.yaml": ADMIN,
                "shared/prod-web.yaml": deployment(),
            },
            ["shared/prod-web.yaml"],
            id="a binding that a kustomization uses",
        ),
        pytest.param(
            {**RELEASED, "prod/rbac/roles.yaml": ADMIN, "staging/rbac/roles.yaml": NOWHERE},
            ["helm web, release prod, for Application/prod prod/web.yaml:1"],
            id="a chart of which each one has a release",
        ),
        pytest.param(
            {
                "prod/web.yaml": deployment() + binding("b", "ClusterRole/r", ACCOUNT),
                "prod/roles.yaml": role("r", "apiGroups: [''], resources: [pods], verbs: [get]"),
                "staging/roles.yaml": role("r", SECRETS),
            },
            [],
            id="a role of another one",
        ),
    ],
)
def test_folders_of_clusters(tmp_path: Path, files: dict[str, str], wanted: list[str]) -> None:
    report = scanned(tmp_path, files, clusters=(PROD, STAGING))
    found = {str(rendering) for finding in reached(report) for rendering in finding.renderings}
    plain = {finding.location.path for finding in reached(report) if not finding.renderings}
    assert [one.removeprefix("kustomize ") for one in sorted(found | plain)] == wanted


def test_each_object_is_placed_once_however_many_clusters_there_are(tmp_path: Path) -> None:
    asked: list[str] = []

    class _Noted(ClusterFolders):
        def holds(self, path: str) -> bool:
            asked.append(path)
            return super().holds(path)

    def count(number: int) -> int:
        asked.clear()
        clusters = tuple(_Noted.of(f"c{index}", (f"c{index}/",)) for index in range(number))
        files = {f"c{index}/a.yaml": deployment() + "---\n" + ADMIN for index in range(number)}
        assert len(reached(scanned(tmp_path / str(number), files, clusters=clusters))) == number
        return len(asked)

    assert count(24) < 20 * count(6)


def test_what_clusters_do_not_share(tmp_path: Path) -> None:
    """Accounts, labels of namespaces and network policies hold in their cluster only."""
    pod = deployment().replace('"automountServiceAccountToken": true, ', "")
    account = "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web, namespace: apps}\n"
    namespace = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: apps, labels: {LABEL: restricted}}\n"
    policy = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: all, namespace: apps}\n"
    policy += "spec: {podSelector: {}, policyTypes: [Ingress, Egress]}\n"
    files = {
        "prod/web.yaml": pod.replace('"runAsNonRoot": true', '"runAsNonRoot": false'),
        "staging/a.yaml": account + "automountServiceAccountToken: false\n",
        "staging/n.yaml": namespace.replace("LABEL", "pod-security.kubernetes.io/enforce") + policy,
    }
    reports = [scanned(tmp_path, files, persona=Persona.PEDANTIC, clusters=known) for known in ((), (PROD, STAGING))]
    mixed, apart = ({finding.rule.id for finding in report.findings} for report in reports)
    assert mixed - apart == {"refused-by-pod-security"}
    assert apart - mixed == {"no-network-policy", "service-account-token-mounted"}


RUNS = (
    "ClusterRoleBinding/b: Deployment/apps/web runs as ServiceAccount/apps/web and is deployed by other means, "
    "so it is judged without this binding; kgate reach joins them"
)
NOBODY = (
    "ClusterRoleBinding/b: ServiceAccount/apps/web is nowhere defined, and nothing runs as it, "
    "so what is bound to it counts for no workload"
)
DEFINED = "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web, namespace: apps}\n"
RBAC = {"rbac/kustomization.yaml": KUSTOMIZATION.format("r.yaml"), "rbac/r.yaml": ADMIN}
APPS = {"apps/kustomization.yaml": KUSTOMIZATION.format("web.yaml"), "apps/web.yaml": deployment()}


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        pytest.param({**RBAC, **APPS}, [("rbac/r.yaml", 5, RUNS)], id="two kustomizations"),
        pytest.param({**RBAC, "web.yaml": deployment()}, [], id="a workload that is judged with it"),
        pytest.param({**APPS, "rbac/r.yaml": ADMIN}, [("rbac/r.yaml", 5, RUNS)], id="a plain binding"),
        pytest.param({**RBAC, "apps/web.yaml": deployment()}, [("rbac/r.yaml", 5, RUNS)], id="a plain workload"),
        pytest.param(RBAC, [("rbac/r.yaml", 5, NOBODY)], id="an account that is nowhere defined"),
        pytest.param(
            {"a.yaml": ADMIN, "b.yaml": ADMIN.replace("name: b", "name: c")},
            [("a.yaml", 5, NOBODY)],
            id="an account that several bindings name",
        ),
        pytest.param({**RBAC, "a.yaml": DEFINED}, [], id="an account that something else defines"),
        pytest.param({**RBAC, "a.yaml": DEFINED.replace(", namespace: apps", "")}, [], id="in some namespace"),
        pytest.param({"a.yaml": ADMIN.replace("name: web", "name: default")}, [], id="the account of each namespace"),
    ],
)
def test_bindings_that_no_workload_is_judged_with(
    tmp_path: Path, files: dict[str, str], wanted: list[tuple[str, int, str]]
) -> None:
    notes = scanned(tmp_path, files).notes
    assert [(note.path, note.line, note.message) for note in notes if "Binding" in note.message] == wanted


def test_a_cluster_without_anything(tmp_path: Path) -> None:
    clusters = (
        ClusterFolders.of("prod", ("prdo/",), "kgate.yaml", 3),
        ClusterFolders.of("charts", ("web/Chart.yaml",)),
        ClusterFolders.of("rbac", ("rbac/kustomization.yaml",)),
    )
    notes = scanned(tmp_path, {"prod/web.yaml": deployment(), **CHART, **RBAC}, clusters=clusters).notes
    wanted = "the cluster prod has nothing in the repository; correct its `paths`, or remove it"
    assert [(note.path, note.line, note.message) for note in notes if "cluster " in note.message] == [
        ("kgate.yaml", 3, wanted)
    ]


def test_a_workload_of_another_cluster_does_not_lack_a_binding(tmp_path: Path) -> None:
    files = {"staging/r.yaml": ADMIN, "prod/web.yaml": deployment()}
    (note,) = scanned(tmp_path, files, clusters=(PROD, STAGING)).notes
    assert note.message == NOBODY


def test_a_role_that_only_another_cluster_defines(tmp_path: Path) -> None:
    files = {"prod/b.yaml": NOWHERE, "staging/r.yaml": role("r", SECRETS)}
    (one,) = scanned(tmp_path, files, clusters=(PROD, STAGING)).unjudged
    wanted = "ClusterRole/r is not defined in the cluster prod, or rendered for it by something else"
    assert one.message == wanted
    assert not scanned(tmp_path, files).unjudged


GIVES = "{}: what {} gives is not judged: {}/r {}"
GONE = "is nowhere defined; scan its manifest, too"
RENDERED = "is rendered by something else, which a scan does not join with it; kgate reach does"


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        pytest.param(
            {"a.yaml": NOWHERE}, GIVES.format("a.yaml:5", "ClusterRoleBinding/b", "ClusterRole", GONE), id="nowhere"
        ),
        pytest.param(
            {"a.yaml": binding("b", "Role/r", OTHERS, namespace="apps") + role("r", SECRETS, namespace="other")},
            GIVES.format("a.yaml:5", "RoleBinding/apps/b", "Role", GONE),
            id="in another namespace",
        ),
        pytest.param(
            {
                "a/kustomization.yaml": KUSTOMIZATION.format("a.yaml"),
                "a/a.yaml": NOWHERE,
                "b/kustomization.yaml": KUSTOMIZATION.format("b.yaml"),
                "b/b.yaml": role("r", SECRETS),
            },
            GIVES.format("a/a.yaml:5", "ClusterRoleBinding/b", "ClusterRole", RENDERED),
            id="in another rendering",
        ),
        pytest.param({"a.yaml": NOWHERE, "b/c.yaml": role("r", SECRETS)}, "", id="in another file"),
        pytest.param({"a.yaml": binding("b", "ClusterRole/view", OTHERS)}, "", id="built in"),
        pytest.param({"a.yaml": binding("b", "ClusterRole/r")}, "", id="bound to nobody"),
    ],
)
def test_a_role_that_is_nowhere(tmp_path: Path, files: dict[str, str], wanted: str) -> None:
    report = scanned(tmp_path, files)
    assert "".join(map(str, report.unjudged)) == wanted
    assert report.verdict.incomplete is bool(wanted)


def test_named_files_say_what_was_not_seen(tmp_path: Path) -> None:
    write(tmp_path, {".git/config": "", "web.yaml": deployment(), "b.yaml": NOWHERE, "r.yaml": ADMIN})
    paths = (str(tmp_path / "web.yaml"), str(tmp_path / "b.yaml"))
    report = scan(Settings(Repository.at(tmp_path), paths))
    assert not report.unjudged
    assert [(note.path, note.line, note.message) for note in report.notes] == [
        (
            "b.yaml",
            5,
            (
                "ClusterRoleBinding/b: ClusterRole/r is not in the files that were scanned, "
                "so what the binding gives is not known"
            ),
        ),
        (
            "web.yaml",
            2,
            "Deployment/apps/web: ServiceAccount/web is judged without what other files bind to it; scan the folder",
        ),
    ]
    assert reached(scan(Settings(Repository.at(tmp_path), (*paths, str(tmp_path / "r.yaml")))))
