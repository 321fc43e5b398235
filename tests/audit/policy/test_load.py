"""What an API server makes of a policy when it starts, by upstream's tables (apiserver, reader_test.go and
validation_test.go) and by what a real one says."""

from __future__ import annotations

import pytest

from kgate.audit.policy import file
from kgate.audit.policy.load import Loaded
from kgate.audit.policy.policy import AuditPolicy, GroupResources, PolicyRule
from kgate.errors import ConfigError

HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
NEWEST = 37

WHOLE = """\
rules:
  - level: None
    nonResourceURLs: ["/healthz*", /version]
  - level: RequestResponse
    users: [tim]
    userGroups: [testers, developers]
    verbs: [patch, delete, create]
    resources:
      - group: ""
      - group: rbac.authorization.k8s.io
        resources: [clusterroles, clusterrolebindings]
    namespaces: [default, kube-system]
  - level: Metadata
"""


def loaded(text: str, minor: int = NEWEST) -> Loaded:
    return file.read("policy.yaml", text.encode(), minor).loaded


def rule(text: str) -> str:
    """A policy with one rule in flow style."""
    return f"{HEAD}rules: [{{{text}}}]\n"


def test_a_whole_policy() -> None:
    assert loaded(HEAD + WHOLE) == Loaded(
        AuditPolicy(
            (
                PolicyRule("None", urls=("/healthz*", "/version")),
                PolicyRule(
                    "RequestResponse",
                    users=("tim",),
                    groups=("testers", "developers"),
                    verbs=("patch", "delete", "create"),
                    resources=(
                        GroupResources(),
                        GroupResources("rbac.authorization.k8s.io", ("clusterroles", "clusterrolebindings")),
                    ),
                    namespaces=("default", "kube-system"),
                ),
                PolicyRule("Metadata"),
            )
        )
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(rule("level: Metadata"), id="the default"),
        pytest.param(rule("level: None, userGroups: ['system:serviceaccounts', 'system:nodes']"), id="groups"),
        pytest.param(
            rule(
                "level: RequestResponse, verbs: [get], namespaces: [kube-system],"
                "resources: [{group: rbac.authorization.k8s.io, resources: [roles, rolebindings]}]"
            ),
            id="resources",
        ),
        pytest.param(
            rule("level: Metadata, userGroups: [developers], nonResourceURLs: ['/logs*', '/healthz*', /metrics, '*']"),
            id="URLs",
        ),
        pytest.param(rule("level: Metadata, omitStages: [RequestReceived]"), id="a stage left out"),
        pytest.param(f"{HEAD}omitStages: [RequestReceived]\n{WHOLE}", id="a stage left out by the policy"),
        pytest.param(f"{HEAD}metadata: {{name: a}}\nomitManagedFields: true\n{WHOLE}", id="metadata"),
        pytest.param(rule("level: Metadata, verbs: ~, omitManagedFields: ~"), id="nulls"),
        pytest.param(rule("level: Metadata, verbs: ['*'], users: ['system:*']"), id="stars that are no wildcards"),
        pytest.param(rule("level: Metadata, resources: [{group: apps, resources: [deployment]}]"), id="a singular"),
        pytest.param(rule("level: Metadata, namespaces: ['']"), id="no namespace"),
        pytest.param(f"{HEAD}{WHOLE}---\n: [", id="a broken second document"),
        pytest.param('{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "None"}]}', id="JSON"),
    ],
)
def test_what_loads(text: str) -> None:
    found = loaded(text)
    assert found.faults == ()
    assert found.dropped == ()


@pytest.mark.parametrize(
    ("text", "pointers"),
    [
        # reader_test.go
        pytest.param(WHOLE, ["/apiVersion", "/kind"], id="no version and kind"),
        pytest.param(HEAD, ["/rules"], id="no rules"),
        # validation_test.go
        pytest.param(f"{HEAD}rules: [~]", ["/rules/0/level"], id="an empty rule"),
        pytest.param(
            rule("verbs: [get], resources: [{resources: [secrets]}], namespaces: [kube-system]"),
            ["/rules/0/level"],
            id="no level",
        ),
        pytest.param(rule("level: FooBar"), ["/rules/0/level"], id="another level"),
        pytest.param(
            rule("level: Metadata, namespaces: [default], nonResourceURLs: ['/logs*']"),
            ["/rules/0/nonResourceURLs"],
            id="URLs in namespaces",
        ),
        pytest.param(
            rule("level: Metadata, resources: [{resources: [secrets]}], nonResourceURLs: ['/logs*']"),
            ["/rules/0/nonResourceURLs"],
            id="URLs and resources",
        ),
        pytest.param(
            rule("level: Metadata, resources: [{group: rbac.authorization.k8s.io/v1beta1, resources: [roles]}]"),
            ["/rules/0/resources/0/group"],
            id="a group with a version",
        ),
        pytest.param(
            rule("level: Metadata, nonResourceURLs: [logs, '/healthz*']"),
            ["/rules/0/nonResourceURLs/0"],
            id="a URL without a slash",
        ),
        pytest.param(
            rule("level: Metadata, nonResourceURLs: ['', '/healthz*']"),
            ["/rules/0/nonResourceURLs/0"],
            id="an empty URL",
        ),
        pytest.param(
            rule("level: Metadata, nonResourceURLs: ['/logs/*/*', /metrics]"),
            ["/rules/0/nonResourceURLs/0"],
            id="several stars",
        ),
        pytest.param(
            rule("level: Metadata, nonResourceURLs: ['/logs/*.log', /metrics]"),
            ["/rules/0/nonResourceURLs/0"],
            id="a star inside",
        ),
        pytest.param(
            rule("level: Metadata, verbs: [get], resources: [{resourceNames: [leader]}], namespaces: [kube-system]"),
            ["/rules/0/resources/0/resourceNames"],
            id="names without resources",
        ),
        pytest.param(rule("level: Metadata, omitStages: [foo]"), ["/rules/0/omitStages/0"], id="another stage"),
        pytest.param(f"{HEAD}{WHOLE}  - {{}}\n", ["/rules/3/level"], id="one rule of several"),
        pytest.param(f"{HEAD}omitStages: [foo]\n{WHOLE}", ["/omitStages/0"], id="another stage in the policy"),
        # what a real API server refuses besides
        pytest.param("{}", ["/apiVersion", "/kind", "/rules"], id="an empty mapping"),
        pytest.param(HEAD.replace("v1", "v2") + WHOLE, ["/apiVersion"], id="a version to come"),
        pytest.param(HEAD.replace("audit.k8s.io/", "") + WHOLE, ["/apiVersion"], id="no group"),
        pytest.param(HEAD.replace("Policy", "PolicyList") + WHOLE, ["/kind"], id="a list"),
        pytest.param(f"{HEAD}rules: []", ["/rules"], id="an empty list of rules"),
        pytest.param(f"{HEAD}rules: {{}}", ["/rules"], id="rules that are no list"),
        pytest.param(f"{HEAD}Rules: [{{level: None}}]", ["/rules"], id="a capital"),
        pytest.param(rule("level: metadata"), ["/rules/0/level"], id="a level in small letters"),
        pytest.param(rule("Level: Metadata"), ["/rules/0/level"], id="the key of a level with a capital"),
        pytest.param(rule("level: ~"), ["/rules/0/level"], id="a level that is null"),
        pytest.param(rule("level: 1"), ["/rules/0/level"], id="a level that is a number"),
        pytest.param(rule("level: None, verbs: get"), ["/rules/0/verbs"], id="a word for a list"),
        pytest.param(rule("level: None, users: [y, on, 1]"), [f"/rules/0/users/{n}" for n in range(3)], id="YAML 1.1"),
        pytest.param(rule("level: None, users: [~], omitManagedFields: 1"), ["/rules/0/omitManagedFields"], id="flag"),
        pytest.param(rule("level: None, resources: [pods]"), ["/rules/0/resources/0"], id="a word for a mapping"),
        pytest.param(rule("level: None, resources: [{group: Apps}]"), ["/rules/0/resources/0/group"], id="capitals"),
        pytest.param(
            rule(f"level: None, resources: [{{group: {'a.' * 126}aa}}]"), ["/rules/0/resources/0/group"], id="long"
        ),
        pytest.param(f"{HEAD}metadata: a\n{WHOLE}", ["/metadata"], id="metadata that are no mapping"),
    ],
)
def test_what_does_not_load(text: str, pointers: list[str]) -> None:
    found = loaded(text)
    assert [fault.pointer for fault in found.faults] == pointers


@pytest.mark.parametrize(
    ("text", "refused_by"),
    [
        pytest.param(HEAD.replace("v1", "v1beta1") + WHOLE, range(24, 38), id="v1beta1"),
        pytest.param(HEAD.replace("v1", "v1alpha1") + WHOLE, range(24, 38), id="v1alpha1"),
        pytest.param(rule("level: None, resources: [{group: '*'}]"), range(20, 36), id="any group"),
    ],
)
def test_versions(text: str, refused_by: range) -> None:
    assert [minor for minor in range(20, 38) if loaded(text, minor).faults] == list(refused_by)


@pytest.mark.parametrize(
    ("text", "pointer", "message"),
    [
        pytest.param(
            rule("level: None, resources: [{group: coordination.k8s.io, resources: [leases], verbs: [watch, get]}]"),
            "/rules/0/resources/0/verbs",
            "an item of `resources` has no key `verbs`, so the API server drops it; it belongs in the rule",
            id="verbs too deep",
        ),
        pytest.param(
            rule("level: None, verb: [get]"),
            "/rules/0/verb",
            "a rule has no key `verb`, so the API server drops it; did you mean 'verbs'?",
            id="a misspelt key",
        ),
        pytest.param(
            f"{HEAD}codes: []\n{WHOLE}",
            "/codes",
            "a policy has no key `codes`, so the API server drops it",
            id="an unknown key",
        ),
    ],
)
def test_dropped_keys(text: str, pointer: str, message: str) -> None:
    found = loaded(text)
    assert [(key.pointer, file.dropped_message(key)) for key in found.dropped] == [(pointer, message)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "policy.yaml: its first document is not a mapping", id="nothing"),
        pytest.param(b"---\n---\n" + HEAD.encode(), "policy.yaml: its first document is not a mapping", id="no first"),
        pytest.param(b"- a", "policy.yaml: its first document is not a mapping", id="a list"),
        pytest.param(b"a: [\n", "policy.yaml:2: not valid YAML", id="no YAML"),
        pytest.param(b"a: 1\na: 2\n", "policy.yaml:2: key 'a' is set here and in line 1", id="a key twice"),
        pytest.param(b"\xff\xff", "policy.yaml: is not UTF-8", id="no text"),
    ],
)
def test_what_cannot_be_read(data: bytes, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        file.read("policy.yaml", data, NEWEST)
    assert str(error.value).startswith(message)
