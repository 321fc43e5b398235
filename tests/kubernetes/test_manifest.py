"""manifest.py: read as the API server would, with positions, within bounds."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgate.kubernetes import manifest
from kgate.kubernetes.manifest import read, read_object
from kgate.yamltree import streams
from kgate.yamltree.nodes import ManifestError, compose, resolve
from kgate.yamltree.text import SNIPPET_LENGTH, find_span, source_text
from tests.manifests import HARDENED_CONTAINER, Body, workloads

DATA = Path(__file__).parents[1] / "data"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
POD_BODY: Body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}


# ------------------------------------------------------------------------- as sigs.k8s.io/yaml does


def _number(digits: str) -> int | float:
    """What does not fit 64 bits is a float in Go too, whatever its JSON looks like."""
    return int(digits) if -(2**63) <= int(digits) < 2**64 else float(digits)


ROWS: list[tuple[str, Any]] = [
    (text, wanted)
    for text, wanted in json.loads((DATA / "sigs_yaml_1.6.0.json").read_text(encoding="utf-8"), parse_int=_number)
]
"""Texts and what sigs.k8s.io/yaml v1.6.0 made of them (YAMLToJSON); an object with only `error` where it refused."""

STRICTER = {
    "a: 1\na: 2": "duplicate keys are a Problem, the API server's last one wins",
    "a: {b: 1, b: 1}": "the same in flow style",
    '1: a\n"1": b': "keys that are equal in JSON",
    '{"a":1,"a":2}': "the same in JSON",
    "a: &x {b: 1}\nc:\n  b: 2\n  <<: *x": "a merge key after a field with another value: kustomize keeps the field",
    "c: {z: {r: 2}, <<: {z: {q: 1}}}": "the same in flow style",
    "a: 1\n...\nb: 2": "a document without a marker after an end mark; the API server drops it without a word",
}
LAXER = {
    'v: "\\/"': "libyaml takes JSON's escape",
    "%YAML 1.2\n---\nv: yes": "libyaml takes the version",
}


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(member) for key, member in value.items() if member is not None}
    return [without_nulls(member) for member in value] if isinstance(value, list) else value


def is_error(wanted: Any) -> bool:
    return isinstance(wanted, dict) and set(wanted) == {"error"}


def test_there_are_rows() -> None:
    assert len(ROWS) > 200
    assert {text for text, _ in ROWS} >= STRICTER.keys() | LAXER.keys()


@pytest.mark.parametrize(("text", "wanted"), ROWS, ids=[text for text, _ in ROWS])
def test_reads_like_the_api_server(text: str, wanted: Any) -> None:
    try:
        roots = list(compose(text))
    except ManifestError:
        assert is_error(wanted) or text in STRICTER
        return
    assert text not in STRICTER
    if is_error(wanted):
        assert text in LAXER
        return
    value = roots[0].value if roots else None
    assert json.dumps(without_nulls(wanted), sort_keys=True) == json.dumps(value, sort_keys=True)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a: [--listen=:80, http://x:80]", {"a": ["--listen=:80", "http://x:80"]}),
        ("{a:1}", {"a:1": None}),
        ("{a: fe80::, b: [1.2.3.4, 001:db8::]}", {"a": "fe80::", "b": ["1.2.3.4", "001:db8::"]}),
        ("{a:, b: [c:, d:], e: 'f:'}", {"a:": None, "b": ["c:", "d:"], "e": "f:"}),
        ("{a:: b, c: !t d:, e: [&x f:, *x]}", {"a:": "b", "c": "d:", "e": ["f:", "f:"]}),
        ("x: 1\n---\na: [b:c]\n", {"x": 1}),
    ],
)
def test_colons_in_flow_scalars(text: str, wanted: Any) -> None:
    assert next(compose(text)).value == without_nulls(wanted)


def test_colons_in_flow_scalars_are_read_fast() -> None:
    text = POD + "spec: {containers: [{name: a, args: [--a=:80, b:, c:" + ", x" * 99_998 + "]}]}\n"
    begin = time.process_time()
    assert len(next(compose(text)).value["spec"]["containers"][0]["args"]) == 100_001
    assert time.process_time() - begin < 5


def test_marks_in_documents_with_colons_in_flow_scalars() -> None:
    text = POD + "spec:\n  x: [😀:, --a=:80]\n  hostPID: true\n"
    (resource,) = read("a.yaml", text.encode()).resources
    found = [resource.locate(pointer) for pointer in ("/spec/x/1", "/spec/hostPID")]
    assert [(place.start.line, place.start.column) for place in found] == [(5, 11), (6, 3)]


# ------------------------------------------------------------------------------- documents of a file


def names(text: str | bytes, path: str = "a.yaml") -> list[str]:
    data = text.encode() if isinstance(text, str) else text
    contents = read(path, data)
    assert not contents.problems, contents.problems
    return [resource.id.name for resource in contents.resources]


def pod(name: str) -> str:
    return POD.replace("name: a", f"name: {name}")


CRD_SHORT = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: a\n"
FLOW_POD = '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "%s"}}'

STREAMS: dict[str, str | bytes] = {
    "plain separator": pod("a") + "---\n" + pod("b"),
    "separator with blanks": pod("a") + "---  \n" + pod("b"),
    "separator with comment": pod("a") + "--- # Source: x\n" + pod("b"),
    "separator with inline document": pod("a") + "--- " + FLOW_POD % "b",
    "document end mark": pod("a") + "...\n---\n" + pod("b"),
    "CRLF": (pod("a") + "---\n" + pod("b")).replace("\n", "\r\n"),
    "byte order mark": b"\xef\xbb\xbf" + (pod("a") + "---\n" + pod("b")).encode(),
    "UTF-16": (pod("a") + "---\n" + pod("b")).encode("utf-16"),
    "UTF-16 big endian": b"\xfe\xff" + (pod("a") + "---\n" + pod("b")).encode("utf-16-be"),
    "concatenated JSON": FLOW_POD % "a" + FLOW_POD % "b",
    "JSON lines": FLOW_POD % "a" + "\n" + FLOW_POD % "b" + "\n",
    "JSON with YAML markers": FLOW_POD % "a" + "\n---\n" + FLOW_POD % "b" + "\n",
    "flow YAML": "{apiVersion: v1, kind: Pod, metadata: {name: a}}\n---\n" + pod("b"),
    "leading and trailing separators": "---\n---\n" + pod("a") + "---\n" + pod("b") + "---\n",
    "comments only between": "# one\n---\n# two\n---\n" + pod("a") + "---\n" + pod("b"),
    "directive": "%YAML 1.1\n---\n" + pod("a") + "---\n" + pod("b"),
    "separator inside a block scalar is a separator": pod("a") + "data: |\n  x\n---\n" + pod("b"),
    "List": "apiVersion: v1\nkind: List\nitems:\n"
    + "".join(f"- {{apiVersion: v1, kind: Pod, metadata: {{name: {n}}}}}\n" for n in "ab"),
    "typed list": "apiVersion: v1\nkind: PodList\nitems:\n- metadata: {name: a}\n- metadata: {name: b}\n",
    "List in List": "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: List\n  items:\n"
    + "".join(f"  - {{apiVersion: v1, kind: Pod, metadata: {{name: {n}}}}}\n" for n in "ab"),
    "OpenShift Template": "apiVersion: template.openshift.io/v1\nkind: Template\nobjects:\n"
    + "".join(f"- {{apiVersion: v1, kind: Pod, metadata: {{name: {n}}}}}\n" for n in "ab"),
    "quoted and escaped keys": '"apiVersi\\x6fn": v1\n"k\\u0069nd": Pod\nmetadata: {name: a}\n---\n' + pod("b"),
    "merge keys": "base: &b {apiVersion: v1, kind: Pod}\n---\n"
    "x: &b {kind: Pod}\n<<: *b\napiVersion: v1\nmetadata: {name: a}\n---\n" + pod("b"),
}


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS.keys())
def test_no_document_is_lost(stream: str | bytes) -> None:
    assert names(stream) == ["a", "b"]


JSON_POD = FLOW_POD % "b" + "\n"

SPLIT_AS_KUBECTL_DOES = [
    pytest.param("a: 1\n---#\n" + JSON_POD, ["b"], id="a comment without a blank before it"),
    pytest.param("a: 1\n---# c\n" + pod("b"), ["b"], id="the same before a document in block style"),
    pytest.param("a: 1\n---\u00a0\n" + JSON_POD, ["b"], id="a no-break space behind the mark"),
    pytest.param("a: 1\n--- \u3000# c\n" + JSON_POD, ["b"], id="blanks of Unicode before a comment"),
    pytest.param("a: 1\n---\x0c\n" + JSON_POD, ["b"], id="a form feed behind the mark"),
    pytest.param("a: 1\n---#\r\n" + JSON_POD, ["b"], id="a comment and CRLF"),
    pytest.param("a: 1\n--- # c\rx: 2\n" + pod("b"), ["b", "b"], id="a carriage return in the comment"),
    pytest.param("a: 1\n---\n\ufeff" + pod("b"), ["b"], id="a byte order mark after the mark"),
    pytest.param(pod("a") + "---\n\ufeff" + pod("b"), ["a", "b"], id="two files with byte order marks in one"),
    pytest.param(FLOW_POD % "a" + "\n---#\n" + JSON_POD, ["a"], id="JSON, the mark, JSON: a fault to both"),
    pytest.param(FLOW_POD % "a" + "\n---#\n" + pod("b"), ["a"], id="JSON, the mark, YAML: a fault to both"),
    pytest.param('a: "\n%x"\n---#\n' + JSON_POD, ["b"], id="beside what looks like a directive"),
    pytest.param("%YAML 1.1\n---\na: 1\n---#\n" + JSON_POD, ["b"], id="behind a directive: a fault to both"),
    pytest.param("a: |\n  x\n---#\n" + JSON_POD, ["b"], id="after a block scalar"),
    pytest.param("---#a: 1\n" + pod("b"), ["b"], id="at the beginning it is content"),
    pytest.param("# c\n" + JSON_POD, ["b"], id="a comment before JSON"),
    pytest.param("a: 1\n  ---#\n" + pod("b"), ["b"], id="an indented mark is none"),
    pytest.param("a: |\n  ---\n  x\n---\n" + pod("b"), ["b"], id="a mark inside a block scalar is none"),
    pytest.param("a: 1\n...\n" + pod("b"), [], id="an end mark, behind which kubectl sees nothing: a fault to YAML"),
    pytest.param("a: 1\n--- " + JSON_POD, ["b"], id="a document behind the mark, which kubectl refuses"),
    pytest.param("a: 1\r---\r" + pod("b"), ["b"], id="lone carriage returns"),
    pytest.param("a: 1\u2028---\u2028" + pod("b"), ["b"], id="line separators of Unicode"),
    pytest.param(("a: 1\n---#\n" + JSON_POD).encode("utf-16"), ["b"], id="UTF-16"),
    pytest.param(pod("b") + "---#x: 1\nspec: {}\n", ["b", "b"], id="plain YAML sees one object, kubectl another"),
]


@pytest.mark.parametrize(("stream", "wanted"), SPLIT_AS_KUBECTL_DOES)
def test_documents_of_kubectl_and_of_plain_yaml_are_judged(
    stream: str | bytes, wanted: list[str], request: pytest.FixtureRequest
) -> None:
    contents = read("a.yaml", stream.encode() if isinstance(stream, str) else stream)
    assert [resource.id.name for resource in contents.resources] == wanted
    assert bool(contents.problems) == ("a fault to" in request.node.name)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{{ if .x }}\n---#\n" + pod("a"), id="a template without a word of Kubernetes"),
        pytest.param(pod("a") + "---\n{broken: [yaml\n", id="broken YAML after an object"),
        pytest.param("{broken: [yaml\n---\n" + pod("a"), id="broken YAML before an object"),
        pytest.param(pod("a") + "---\na: 1\na: 2\n", id="a key twice after an object"),
        pytest.param(FLOW_POD % "a" + "{", id="half a document after JSON"),
        pytest.param(CRD_SHORT + "---\n{broken: [yaml\n", id="beside a definition that is left unparsed"),
        pytest.param(pod("a") + "---\na: [1, 2\nb: }\n", id="brackets that do not match"),
        pytest.param(pod("a") + "---\n- hostPID: true\n", id="a list after an object"),
        pytest.param("- hostPID\n---\n" + pod("a"), id="a list before an object"),
        pytest.param(pod("a") + "---\nmetadata:{name:b}\nspec:{}\n", id="text, since no blank follows the colons"),
        pytest.param("42\n---\n" + pod("a"), id="a number before an object"),
        pytest.param(FLOW_POD % "a" + "[]", id="a list after JSON"),
        pytest.param("%YAML 1.1\n---\n- x\n...\n---\n" + pod("a"), id="a list, and a directive"),
    ],
)
def test_what_cannot_be_read_beside_objects_is_a_problem(text: str) -> None:
    contents = read("a.yaml", text.encode())
    assert len(contents.resources) + contents.skipped == 1
    assert contents.problems
    assert contents.ignored == 0


@pytest.mark.parametrize(
    ("key", "other"),
    [
        pytest.param('"\\x61piVersion"', '"\\x6bind"', id="escapes of two digits"),
        pytest.param('"\\u0061piVersion"', '"\\u006bind"', id="escapes of four digits"),
        pytest.param('"\\U00000061piVersion"', '"\\U0000006bind"', id="escapes of eight digits"),
        pytest.param('? "api\\\n   Version"\n', '? "ki\\\n   nd"\n', id="lines that go on"),
        pytest.param('? "api\\\r\n\tVersion"\n', '? "ki\\\r\n\tnd"\n', id="lines that go on, CRLF and a tab"),
        pytest.param("!!binary YXBpVmVyc2lvbg==", "!!binary a2luZA==", id="base64"),
        pytest.param("!!bin%61ry YXBpVmVyc2lvbg==", "!!bin%61ry a2luZA==", id="base64 by a tag with escapes"),
        pytest.param(
            "!<tag:yaml.org,2002:binary> YXBpVmVyc2lvbg==", "!<tag:yaml.org,2002:binary> a2luZA==", id="a verbatim tag"
        ),
    ],
)
@pytest.mark.parametrize("fault", ["spec: [", "a: 1\na: 2", "spec: {{ .x }}"])
def test_an_unreadable_document_with_any_spelling_of_a_kind_is_a_problem(key: str, other: str, fault: str) -> None:
    contents = read("a.yaml", f"{key}: v1\n{other}: Pod\n{fault}\n".encode())
    assert contents.problems
    assert not contents.ignored


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("knd: Pod\nspec: [\n", id="a misspelt field"),
        pytest.param("Kind=StatefulSet\nspec: {{\n", id="another syntax"),
        pytest.param('knd: "\\x44eployment"\na: 1\na: 2\n', id="an escape"),
        pytest.param("{{ if .Values.web }}\nknd: CronJob\n", id="a template"),
        pytest.param("knd:Rollout\napiVersio:argoproj.io/v1alpha1\n", id="text"),
        pytest.param("- [Namespace\n", id="a kind that only rules name"),
        pytest.param('// a job\n{"knd": "Job"}', id="JSON after a comment"),
    ],
)
def test_an_unreadable_document_that_names_a_judged_kind_is_a_problem(text: str) -> None:
    contents = read("a.yaml", text.encode(), ["Namespace"])
    assert contents.problems
    assert not contents.ignored


def test_an_unreadable_document_with_named_tags_is_a_problem() -> None:
    text = "%TAG !b! tag:yaml.org,2002:bin\n---\n!b!ary YXBpVmVyc2lvbg==: v1\n!b!ary a2luZA==: Pod\nspec: [\n"
    assert read("a.yaml", text.encode()).problems


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("- hosts: all\n  tasks: [{{ tasks }}]\n  path: C:\\new\\x\n", id="Ansible with backslashes"),
        pytest.param("services:\n  web: {image: !reset null, image: b}\n", id="compose with a tag and a key twice"),
        pytest.param("{% for x in y %}\n- {{ x }}\n{% endfor %}\n", id="a template"),
        pytest.param("a: !Sub 100% binary\na: 1\n", id="the word binary without its tag"),
        pytest.param("x: '\n---#\n'\n", id="quotes around what ends a document for kubectl"),
        pytest.param("%YAML 1.1\n---\na: [\n", id="a directive"),
    ],
)
def test_broken_yaml_of_others_is_ignored(text: str) -> None:
    contents = read("a.yaml", text.encode())
    assert not contents.problems
    assert not contents.resources


SEEDS = [
    pytest.param("apiVersion: v1\nkind: Pod\nx: |\n -", {"x": "-\n"}, id="kubectl ends the last line"),
    pytest.param("apiVersion: v1\nkind: Pod\nx: !!binary Ywnull==", {"x": "c\t\ufffd\ufffd"}, id="base64 of no UTF-8"),
    pytest.param("apiVersion: v1\nkind: Pod\ns: {e: !,y: [0]}", {"s": {"e": [0]}}, id="a tag with a comma in it"),
    pytest.param(
        "apiVersion: v1\nkind: Pod\ns: {e: !,y: [0], f: [-a=:8]}", None, id="which libyaml 0.2 reads otherwise"
    ),
    pytest.param("apiVersion: v1\nkind: Pod\n\ufeffspec: {}\n", None, id="a byte order mark inside a document"),
    pytest.param(
        '{"apiVersion": "v1", "kind": "Pod", "x": "\\ude00\\ud83d\\ud83d\\uDE00\\\\ude00"}',
        {"x": "\ufffd\ufffd😀\\ude00"},
        id="half a surrogate pair",
    ),
]
"""What ``python -m fuzz.manifests`` found, made small."""


@pytest.mark.parametrize(("text", "wanted"), SEEDS)
def test_what_the_fuzzer_found(text: str, wanted: dict[str, Any] | None) -> None:
    contents = read("a.yaml", text.encode())
    assert bool(contents.problems) == (wanted is None)
    assert [{**resource.body} for resource in contents.resources] == (
        [] if wanted is None else [{"apiVersion": "v1", "kind": "Pod", **wanted}]
    )


@given(st.lists(st.sampled_from(["a: 1\n", "- x\n", "a: |\n  b\n   ---\n", "'x\n  y'\n", "{a: [b,\n c]}\n", "# c\n"])))
def test_pieces_are_the_documents_of_the_parser(documents: list[str]) -> None:
    text = "".join("---\n" + document for document in documents)
    whole = [root.value for root in compose(text) if root.value is not None]
    pieces = [root.value for start, end in streams.pieces(text) for root in compose(text[start:end]) if root.value]
    assert pieces == whole


@pytest.mark.parametrize(
    "text",
    [
        "services: {web: {image: nginx}}\n",
        "on: push\njobs: {}\n",
        "- a\n- b\n",
        "just text\n",
        "replicaCount: 1\nimage: {tag: x}\nkind: DaemonSet\n",
        "{broken: [yaml\n",
        '{"name": "package", "version": "1"}',
        '// of a compiler\n{"compilerOptions":{}}',
        "// text [1]",
    ],
)
def test_other_yaml_is_no_fault(text: str) -> None:
    contents = read("a.yaml", text.encode())
    assert not contents.problems
    assert not contents.resources
    assert contents.ignored == 1


TEMPLATE = "; it looks like a template: scan what it renders to, or list it in .kgateignore"
COMMENT = "; JSON has no comments, so kubectl refuses the file: remove them"
FAULTS = {
    "broken YAML": (POD + "spec: [1, 2\n", 5, "not valid YAML"),
    "a tab as indentation": (POD + "spec:\n\tcontainers: []\n", 5, "not valid YAML"),
    "a template": ("apiVersion: v1\nkind: Pod\nmetadata: {{ .Values.x }}\n", 3, TEMPLATE),
    "a template of Jinja": (POD + "{% if x %}\nspec: {}\n{% endif %}\n", 4, TEMPLATE),
    "a template of sed": ("apiVersion: v1\nkind: Pod\nmetadata:\n  name: @NAME@\n", 4, TEMPLATE),
    "a template of Ruby": (POD + "<% if x %>\nspec: {}\n<% end %>\n", 5, TEMPLATE),
    "two templates": (
        "apiVersion: v1\nkind: Pod\nmetadata: {{ .x }}\n---\napiVersion: v1\nkind: Pod\nmetadata: {{ .y }}\n",
        3,
        "it looks like a template, as one more of this file does: scan",
    ),
    "three templates, one without a word of Kubernetes": (
        "apiVersion: v1\nkind: Pod\nmetadata: {{ .x }}\n---\nkind: Pod\nmetadata: {{ .y }}\n---\n{{- end }}\n",
        3,
        "it looks like a template, as 2 more of this file do: scan",
    ),
    "JSON after a comment": ('// a pod\n{"apiVersion":"v1","kind":"Pod"}\n', 1, COMMENT),
    "JSON after a long comment": ('/* a\n * pod */\n{\n  "apiVersion": "v1", "kind": "Pod"\n}\n', 1, COMMENT),
    "JSON after several comments": ('\n // a\n/* b *//* c */\n[{"apiVersion":"v1","kind":"Pod"}]\n', 1, COMMENT),
    "JSON with comments": ('{\n  // a pod\n  "apiVersion": "v1", "kind": "Pod"\n}\n', 3, COMMENT),
    "duplicate keys": (POD + "spec:\n  hostPID: true\n  hostPID: false\n", 6, "'hostPID' is set here and in line 5"),
    "duplicate keys in JSON": ('{"apiVersion": "v1",\n"kind": "Pod", "kind": "Job"}', 1, "'kind' is set twice"),
    "no apiVersion": ("kind: Pod\nmetadata: {name: a}\n", 1, "no apiVersion"),
    "no kind": ("apiVersion: v1\nmetadata: {name: a}\n", 1, "no kind"),
    "kind is no string": ("apiVersion: v1\nkind: [Pod]\n", 2, "kind must be a string"),
    "apiVersion is a number": ("kind: Pod\napiVersion: 1\n", 2, "apiVersion must be a string"),
    "items is no list": ("apiVersion: v1\nkind: List\nitems: 5\n", 3, "List.items must be a list"),
    "item is no object": ("apiVersion: v1\nkind: List\nitems:\n- 1\n", 4, "items[0] must be an object"),
    "a list of objects": ("- apiVersion: v1\n  kind: Pod\n", 1, "a list of objects"),
    "an unknown anchor": (POD + "spec: *x\n", 4, "unknown anchor 'x'"),
    "an anchor in itself": (POD + "spec: &x {a: *x}\n", 4, "'x' contains itself"),
    "infinity": (POD + "spec: {a: .inf}\n", 4, "cannot be written in JSON"),
    "a control character": (POD + "spec: {a: \x07}\n", 1, "not valid YAML"),
    "a NUL": (POD + "spec: {a: \0}\n", None, "binary"),
}


@pytest.mark.parametrize(("text", "line", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_faults_are_problems_and_hide_nothing(text: str, line: int | None, message: str) -> None:
    (problem,) = read("a.yaml", text.encode()).problems
    assert problem.line == line
    assert message in problem.message


SPEC = "spec: {containers: [{name: c, securityContext: {privileged: true}}]}"
UNREADABLE = {
    "in one line": f"---\n{{metadata: {{name: p, name: p}}, apiVersion: v1, kind: Pod, {SPEC}}}\n",
    "with explicit keys": f"? apiVersion\n: v1\n? kind\n: Pod\nmetadata: {{name: p, name: p}}\n{SPEC}\n",
    "with escaped keys": f'"\\x61piVersion": v1\n"\\x6bind": Pod\nmetadata: {{name: p, name: p}}\n{SPEC}\n',
    "with tags": f"!!str apiVersion: v1\n!!str kind: Pod\nmetadata: {{name: p, name: p}}\n{SPEC}\n",
    "with folded keys": f'? "api\\\nVersion"\n: v1\n? "ki\\\nnd"\n: Pod\nmetadata: {{name: p, name: p}}\n{SPEC}\n',
    "with binary keys": f"!<tag:yaml.org,2002:binary> a2luZA==: Pod\nmetadata: {{name: p, name: p}}\n{SPEC}\n",
    "nested too deep": f"{{apiVersion: v1, kind: Pod, {SPEC}, x: {'[' * 300}{']' * 300}}}\n",
    "a merge key last": f"b: &b {{x: 2}}\nc: {{x: 1, <<: *b}}\napiVersion: v1\nkind: Pod\n{SPEC}\n",
}


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_may_be_kubernetes_and_is_not_readable_is_a_problem(text: str) -> None:
    contents = read("a.yaml", text.encode())
    assert contents.problems
    assert not contents.resources


def test_objects_before_broken_json_are_judged() -> None:
    contents = read("a.json", (FLOW_POD % "a" + '\n{"a": "\\q", "kind": 1').encode())
    assert [resource.id.name for resource in contents.resources] == ["a"]
    assert contents.problems


@pytest.mark.parametrize(
    ("name", "shown"),
    [("yes", "true"), ("off", "false"), ("1.10", "1.1"), ("007", "7"), ("'yes'", "yes"), ("[a]", '["a"]'), ("~", "")],
)
def test_names_are_shown_as_json(name: str, shown: str) -> None:
    text = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {name}}}\n"
    (resource,) = read("a.yaml", text.encode()).resources
    assert (resource.id.name, resource.id.namespace) == (shown, shown)


@pytest.mark.parametrize("key", ["! <<", '! "<<"', "!!merge <<", "<<"])
def test_what_go_takes_for_a_merge_key(key: str) -> None:
    assert next(compose(f"a:\n  {key}: {{b: 1}}\n")).value == {"a": {"b": 1}}


@pytest.mark.parametrize("key", ["!!str <<", '"<<"', "!!merge b"])
def test_what_go_takes_for_a_plain_key(key: str) -> None:
    assert next(compose(f"a:\n  {key}: {{b: 1}}\n")).value != {"a": {"b": 1}}


ITEM = "- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n"
BARE = "- {metadata: {name: a}, spec: {}}\n"

LISTS = [
    pytest.param(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\nitems:\n" + ITEM, "ConfigMap/m Pod/a", id="kind"
    ),
    pytest.param("apiVersion: v1\nkind: Pod\nspec: {}\nitems:\n" + BARE, "Pod/ Pod/a", id="items beside a spec"),
    pytest.param("apiVersion: v1\nkind: Pod\nitems:\n" + BARE + BARE, "Pod/ Pod/a Pod/a", id="any kind is handed on"),
    pytest.param("apiVersion: v1\nkind: PodList\nitems:\n" + BARE, "Pod/a", id="a typed list"),
    pytest.param(
        "apiVersion: v1\nkind: PodList\nitems:\n- {apiVersion: '', kind: '', metadata: {name: a}}\n",
        "Pod/a",
        id="empty",
    ),
    pytest.param("apiVersion: v1\nkind: Template\nobjects:\n" + ITEM + "items:\n" + ITEM, "Pod/a Pod/a", id="Template"),
    pytest.param("apiVersion: v1\nkind: Pod\nItems:\n" + BARE, "Pod/", id="Items is no list"),
    pytest.param("apiVersion: v1\nkind: Pod\nitems: [a, b]\n", "Pod/", id="items of something else"),
    pytest.param("apiVersion: v1\nkind: Pod\nitems: {a: b}\n", "Pod/", id="items that are a mapping"),
    pytest.param("kind: menu\nitems:\n- {kind: dish}\n- {name: a, items: [{}]}\n", "", id="not of Kubernetes"),
    pytest.param("kind: d#fileList\nitems:\n- {metadata: {a: b}}\n", "", id="of another API"),
    pytest.param("items:\n- {metadata: {name: a}, spec: {}}\n", "", id="items of anything"),
]


@pytest.mark.parametrize(("text", "wanted"), LISTS)
def test_any_object_with_items_is_a_list_to_kubectl(text: str, wanted: str) -> None:
    contents = read("a.yaml", text.encode())
    assert not contents.problems
    assert " ".join(f"{resource.id.kind}/{resource.id.name}" for resource in contents.resources) == wanted
    assert [resource.body["kind"] for resource in contents.resources] == [r.id.kind for r in contents.resources]
    places = [resource.locate("/metadata/name").start for resource in contents.resources if resource.id.name == "a"]
    assert [text.split("\n")[place.line - 1][place.column - 1 :][:7] for place in places] == ["name: a"] * len(places)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        pytest.param("kind: List\nitems:\n" + ITEM, 1, "no apiVersion", id="kubectl applies it without validation"),
        pytest.param(
            "kind: List\napiVersioa: v1\nitems:\n" + ITEM, 1, "correct `apiVersioa`", id="a misspelt apiVersion"
        ),
        pytest.param("kind: Pod\nspec: {}\nitems:\n" + ITEM, 1, "no apiVersion", id="another kind"),
        pytest.param("kind: List\nitems:\n- kind: List\n  items:\n  " + ITEM, 3, "no apiVersion", id="in the same"),
        pytest.param("kind: List\nitems:\n- items:\n  " + ITEM, 3, "no apiVersion", id="no kind in a list"),
        pytest.param("items:\n" + ITEM, 1, "no apiVersion", id="no kind either"),
        pytest.param('{"api-version": "v1", "items": [' + JSON_POD + "]}", 1, "correct `api-version`", id="JSON"),
    ],
)
def test_a_list_without_apiversion_is_a_problem_and_its_members_are_judged(text: str, line: int, message: str) -> None:
    contents = read("a.yaml", text.encode())
    (problem,) = contents.problems
    assert (problem.line, [resource.id.kind for resource in contents.resources]) == (line, ["Pod"])
    assert message in problem.message


CONTAINERS = "containers: [{name: c, image: x}]"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(f"kind: Pod\nspec: {{{CONTAINERS}}}\n", "add it", id="a pod"),
        pytest.param(f"apiVersioa: v1\nkind: Pod\nspec: {{{CONTAINERS}}}\n", "correct `apiVersioa`", id="misspelt"),
        pytest.param("apiversion: apps/v1\nkind: Deployment\nspec: {}\n", "correct `apiversion`", id="in lower case"),
        pytest.param("apiVersion: null\nkind: CronWorkflow\nspec: {}\n", "add it", id="null"),
        pytest.param("apiVersion: ''\nkind: PodTemplate\ntemplate: {}\n", "add it", id="empty"),
        pytest.param(f"kind: Web\nspec: {{parts: [{{pod: {{{CONTAINERS}}}}}]}}\n", "add it", id="any kind, by shape"),
        pytest.param(f"kin: Pod\nspec: {{{CONTAINERS}}}\n", "add it", id="by shape alone"),
        pytest.param(f"spec: {{template: {{spec: {{{CONTAINERS}}}}}}}\n", "add it", id="a template by shape alone"),
        pytest.param(f"template: {{spec: {{{CONTAINERS}}}}}\n", "add it", id="a PodTemplate by shape alone"),
        pytest.param("kind: PodList\nitems:\n" + BARE, "add it", id="a typed list"),
        pytest.param("kind: RoleList\nitems:\n" + BARE, "add it", id="a list that runs no pods"),
        pytest.param(f"kind: PodList\nitems: [{{spec: {{{CONTAINERS}}}}}]\n", "add it", id="members without names"),
        pytest.param(f"apiVersion: v1\nspec: {{{CONTAINERS}}}\n", "no kind", id="no kind"),
    ],
)
def test_what_would_run_pods_and_cannot_be_identified_is_a_problem(text: str, message: str) -> None:
    contents = read("a.yaml", text.encode())
    (problem,) = contents.problems
    assert message in problem.message
    assert (contents.resources, contents.ignored) == ((), 0)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("kind: Deployment\nreplicas: 1\n" + CONTAINERS, id="values of a chart"),
        pytest.param(f"spec: {{values: {{{CONTAINERS}}}}}\n", id="values in a fragment of a custom resource"),
        pytest.param(f"controllers: {{web: {{{CONTAINERS}}}}}\n", id="values of a library chart"),
        pytest.param("patches: [{path: a.yaml}]\nresources: [b.yaml]\nimages: [{name: x}]\n", id="a kustomization"),
        pytest.param("services: {web: {image: x, privileged: true}}\n", id="a compose file"),
        pytest.param("on: push\njobs: {a: {container: {image: x}, steps: [{run: y}]}}\n", id="a workflow"),
        pytest.param("properties: {spec: {type: object, items: {type: string}}}\nkind: x\n", id="a schema"),
        pytest.param("openapi: 3.0.0\npaths: {/a: {get: {}}}\ncomponents: {}\n", id="an OpenAPI document"),
        pytest.param('{"total": 1, "items": [{"id": 1, "spec": {"containers": 3}}]}', id="data with items"),
        pytest.param('{"kind": "Listing", "items": [{"kind": "t3", "data": {}}]}', id="data with kinds"),
    ],
)
def test_what_is_not_of_kubernetes_is_ignored(text: str) -> None:
    contents = read("a.yaml", text.encode())
    assert (contents.problems, contents.resources, contents.ignored) == ((), (), 1)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        pytest.param(
            "apiVersion: v1\nkind: List\nitems:\n" + BARE, 4, "no apiVersion", id="a List has no kind to hand on"
        ),
        pytest.param("kind: PodList\nitems:\n" + ITEM + BARE, 4, "no apiVersion", id="no apiVersion to hand on"),
        pytest.param("apiVersion: v1\nitems:\n" + ITEM, 1, "no kind", id="a list without a kind"),
        pytest.param("apiVersion: v1\nkind: Pod\nitems:\n" + BARE + "- 1\n", 5, "an object", id="a number in a list"),
        pytest.param("apiVersion: v1\nkind: PodList\nitems:\n- {kind: 1, spec: {}}\n", 4, "a string", id="a kind of 1"),
    ],
)
def test_members_that_nobody_can_identify_are_problems(text: str, line: int, message: str) -> None:
    (problem,) = read("a.yaml", text.encode()).problems
    assert problem.line == line
    assert message in problem.message


def test_lists_in_objects_are_judged_once() -> None:
    """A body that held its members as well would be searched as often as it is deep."""
    text = POD.replace("{name: a}", "{name: b}") + "items:\n- apiVersion: v1\n  kind: Pod\n  items:\n  " + ITEM
    assert not any("items" in resource.body for resource in read("a.yaml", text.encode()).resources)


def test_a_template_of_another_group_is_no_list() -> None:
    assert names("apiVersion: a.b/v1\nkind: Template\nmetadata: {name: a}\nobjects: []\n") == ["a"]


@pytest.mark.parametrize(
    ("digits", "wanted"),
    [("0x" + "f" * 300, str), ("1" * 400, str), ("1" * 5000, str), ("1" * 100, float), ("0" * 100 + "7", float)],
)
def test_numbers_beyond_64_bits(digits: str, wanted: type) -> None:
    value = resolve(digits)
    assert type(value) is wanted or (wanted is float and isinstance(value, int))


def test_blank_lines_cost_little() -> None:
    (problem,) = read("a.yaml", ("apiVersion: v1\n" + "\n" * 300_000 + "a: [").encode()).problems
    assert "not valid YAML" in problem.message


def test_many_values_in_json_are_a_problem() -> None:
    (problem,) = read("a.json", ('{"kind": "Pod", "a": [' + ",".join(["{}"] * 1_000_001) + "]}").encode()).problems
    assert "1,000,000 values" in problem.message


def test_lines_in_messages_count_from_the_beginning_of_the_file() -> None:
    (problem,) = read("a.yaml", f"{POD}---\n{POD}spec:\n  hostPID: true\n  hostPID: false\n".encode()).problems
    assert str(problem) == "a.yaml:10: key 'hostPID' is set here and in line 9: keep one of them"


JSON_POD = json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}})


@pytest.mark.parametrize("text", ["---\n".join(map(pod, "abc")), JSON_POD * 3], ids=["YAML", "JSON"])
def test_what_stands_behind_so_many_values_is_a_problem(text: str) -> None:
    source = source_text("a", text.encode())
    everything = manifest.read_text(source)
    assert (len(everything.resources), everything.problems) == (3, ())
    assert len(manifest.read_text(source, most=everything.values).resources) == 3
    part = manifest.read_text(source, most=everything.values - 1)
    assert len(part.resources) == 2
    assert [problem.message for problem in part.problems] == [
        "holds more than 1,000,000 values in all, so not all of it is judged"
    ]


@pytest.mark.parametrize("text", [text for text, line, _ in FAULTS.values() if line and text.startswith("api")])
def test_a_fault_leaves_the_next_document(text: str) -> None:
    contents = read("a.yaml", (text + "\n---\n" + pod("b")).encode())
    assert [resource.id.name for resource in contents.resources] == ["b"]
    assert len(contents.problems) == 1


@pytest.mark.parametrize("depth", [300, 5_000, 100_000])
@pytest.mark.parametrize("form", ["flow YAML", "JSON", "block"])
def test_deep_nesting_is_a_problem(depth: int, form: str) -> None:
    if form == "block":
        depth = min(depth, 5_000)
        text = POD + "spec:\n" + "".join(" " * n + "- \n" for n in range(1, depth))
    elif form == "JSON":
        text = '{"apiVersion": "v1", "kind": "Pod", "spec": ' + "[" * depth + "]" * depth + "}"
    else:
        text = POD + "spec: " + "[" * depth + "]" * depth + "\n"
    (problem,) = read("a.yaml", text.encode()).problems
    assert "nested deeper than 256 levels" in problem.message


def test_an_alias_bomb_is_a_problem() -> None:
    bomb = POD + "l0: &l0 [x]\n" + "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 30))
    (problem,) = read("a.yaml", bomb.encode()).problems
    assert "1,000,000 values" in problem.message


def test_a_huge_file_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "MAX_FILE_BYTES", 2**20)
    (problem,) = read("a.yaml", b"#" * (2**20 + 1)).problems
    assert "larger than 1 MiB" in problem.message


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"kind: \xe9\n", b"\x89PNG\r\n\x1a\n\x00"])
def test_binary_data_is_a_problem(data: bytes) -> None:
    (problem,) = read("a.yaml", data).problems
    assert ".kgateignore" in problem.message


# ------------------------------------------------------------------------- documents left unparsed

CRD = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: things.example.org
spec:
  names: {kind: Thing}
  versions:
  - schema:
      openAPIV3Schema:
        description: |
          kind: Pod

          text
"""


def test_a_crd_is_left_unparsed() -> None:
    for text in (CRD, "---\n" + CRD, "# c\n--- # d\n\n" + CRD + "status:\n  x: 1\n", CRD.replace("  - s", "  -  s")):
        contents = read("a.yaml", text.encode())
        assert contents.skipped == 1
        assert not contents.resources


HIDDEN = {
    "a second kind": CRD + "kind: Pod\n",
    "a quoted kind": CRD.replace("kind: Cust", "x: Cust", 1) + '"kind": Pod\nkind2: CustomResourceDefinition\n',
    "an escaped kind": CRD + '"k\\x69nd": Pod\n',
    "an explicit key": CRD + "? kind\n: Pod\n",
    "a merge key": CRD.replace("kind: CustomResourceDefinition\n", "")
    + "<<: {kind: Pod}\n# CustomResourceDefinition\n",
    "flow style": "{kind: Pod, apiVersion: v1, metadata: {name: a}, x: '\nkind: CustomResourceDefinition\n'}",
    "inside quotes": 'kind: Pod\nx: "\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"\n',
    "another API group": CRD.replace("apiextensions.k8s.io", "example.org"),
    "another kind": CRD.replace("kind: CustomResourceDefinition", "kind: Pod # CustomResourceDefinition"),
    "another line break": CRD.replace("metadata:", "x: 1\u2028kind: Pod\nmetadata:"),
    "a carriage return": CRD.replace("  name: things", "  a: b\rkind: Pod\n  name: things"),
    "an indented document": "  kind: Pod\n" + CRD,
    "a tag": CRD + "!!str kind: Pod\n",
    "an end mark": CRD + "...\n" + POD,
    "a kind over two lines": CRD.replace("kind: CustomResourceDefinition", "kind:\n  Pod # CustomResourceDefinition"),
}


def test_a_crd_is_parsed_if_a_rule_asks_about_it() -> None:
    (resource,) = read("a.yaml", CRD.encode(), {"CustomResourceDefinition"}).resources
    assert resource.id.name == "things.example.org"


@pytest.mark.parametrize("text", HIDDEN.values(), ids=HIDDEN.keys())
def test_nothing_hides_behind_a_crd(text: str) -> None:
    assert read("a.yaml", text.encode()).skipped == 0


# --------------------------------------------------------------------------------------- positions

LOCATED = """\
# first
apiVersion: v1
kind: Pod
metadata: {name: ü😀, labels: {a: b}}
spec:
  securityContext: &sc
    runAsUser: 0
  containers:
  - name: one
    securityContext: *sc
    command: ["x", 'sudo']
  -
    name: two
    args:
    - |
      text
    image:
  - {name: three, securityContext: {<<: *sc, "privileged": true}}
"""


@pytest.mark.parametrize(
    ("pointer", "text", "line", "column"),
    [
        ("", "apiVersion: v1", 2, 1),
        ("/kind", "kind: Pod", 3, 1),
        ("/metadata/labels/a", "a: b", 4, 31),
        ("/spec", "spec", 5, 1),
        ("/spec/nothing/at/all", "spec", 5, 1),
        ("/spec/containers/0", "name: one", 9, 5),
        ("/spec/containers/0/securityContext", "securityContext", 10, 5),
        ("/spec/containers/0/securityContext/runAsUser", "runAsUser: 0", 7, 5),
        ("/spec/containers/0/command/1", "'sudo'", 11, 20),
        ("/spec/containers/1", "name: two", 13, 5),
        ("/spec/containers/1/args/0", "|", 15, 7),
        ("/spec/containers/1/image", "image:", 17, 5),
        ("/spec/containers/2", '{name: three, securityContext: {<<: *sc, "privileged": true}}', 18, 5),
        ("/spec/containers/2/securityContext/privileged", '"privileged": true', 18, 46),
        ("/spec/containers/2/securityContext/runAsUser", "runAsUser: 0", 7, 5),
        ("/spec/containers/7/name", "containers", 8, 3),
    ],
)
def test_locations(pointer: str, text: str, line: int, column: int) -> None:
    contents = read("dir/a.yaml", ("---\nx: 1\n---\n" + LOCATED).encode())
    location = contents.resources[0].locate(pointer)
    assert (location.path, location.start.line, location.start.column) == ("dir/a.yaml", line + 3, column)
    source = LOCATED.splitlines()[line - 1]
    assert source[column - 1 : location.end.column - 1] == text
    assert location.snippet == source
    assert location.pointer == pointer


def test_locations_in_json_with_escapes() -> None:
    text = '{"apiVersion": "v1", "kind": "Pod",\n\t"metadata": {"name": "\\ud83d\\ude00", "x": {"y": "\\/"}}}'
    (resource,) = read("a.json", text.encode()).resources
    assert resource.id.name == "😀"
    location = resource.locate("/metadata/x/y")
    assert (location.start.line, location.start.column) == (2, text.split("\n")[1].index('"y"') + 1)


@pytest.mark.parametrize("character", ["\x7f", "\x85", "\u2028", "\ufffe"])
def test_locations_in_json_beside_odd_characters(character: str) -> None:
    text = f'{{"apiVersion": "v1", "kind": "Pod",\n"a": "{character}", "spec": {{"hostPID": true}}}}'
    (resource,) = read("a.json", text.encode()).resources
    start = resource.locate("/spec/hostPID").start
    assert (start.line, start.column) == (2, text.split("\n")[1].index('"hostPID"') + 1)


def test_members_of_a_list_are_located_in_the_file() -> None:
    text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  spec:\n    hostPID: true\n"
    (resource,) = read("a.yaml", text.encode()).resources
    assert resource.locate("/spec/hostPID").start.line == 7


def test_a_long_line_is_cut_around_the_field() -> None:
    text = '{"apiVersion": "v1", "kind": "Pod", "a": "' + "x" * 5000 + '", "spec": {"hostPID": true}}'
    (resource,) = read("a.json", text.encode()).resources
    location = resource.locate("/spec/hostPID")
    assert '"hostPID": true' in location.snippet
    assert len(location.snippet) <= SNIPPET_LENGTH


@pytest.mark.parametrize("token", ["0", "\u00b2", "9" * 5000, "-1", "x"])
def test_a_span_of_what_may_be_no_index(token: str) -> None:
    """What is no member of a list is at the list."""
    root = next(compose("a: [b]"))
    assert find_span(root, f"/a/{token}").begin == (4 if token == "0" else 0)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({**pod, "metadata": {**pod["metadata"], "labels": None}}, id=f"{pod['apiVersion']} {pod['kind']}")
        for pod in workloads({"containers": [HARDENED_CONTAINER, {"name": "b", "image": None}]})
    ],
)
def test_an_object_without_a_text_is_read_like_its_text(body: Body) -> None:
    written, unwritten = read("a.json", json.dumps(body).encode()), read_object("a.json", body)
    assert [(one.id, one.body) for one in unwritten.resources] == [(one.id, one.body) for one in written.resources]
    assert unwritten.counts == written.counts
    assert unwritten.resources[0].locate("/spec/a").path == "a.json"
    assert unwritten.resources[0].locator.with_nulls("/metadata/labels") is None


@pytest.mark.parametrize(
    ("body", "count", "problem"),
    [
        pytest.param({"apiVersion": "v1", "kind": "List", "items": [POD_BODY, POD_BODY]}, 2, "", id="a list"),
        pytest.param({"apiVersion": "v1", "kind": "PodList", "items": [{"metadata": {}}]}, 1, "", id="a typed list"),
        pytest.param(
            {"apiVersion": "v1", "kind": "List", "items": [7]}, 0, "items[0] must be an object", id="no objects"
        ),
        pytest.param({"apiVersion": "v1", "metadata": {}}, 0, "has no kind", id="no kind"),
        pytest.param({**POD_BODY, "spec": [0] * 1_100_000}, 0, "values", id="too many values"),
        pytest.param({**POD_BODY, "spec": json.loads("[" * 900 + "]" * 900)}, 0, "nested", id="too deep"),
    ],
)
def test_objects_without_a_text(body: Body, count: int, problem: str) -> None:
    batch = read_object("a", body)
    assert len(batch.resources) == count
    assert [problem in one.message for one in batch.problems] == [True] * bool(problem)
