"""fix/: edits keep the layout of a text, whatever that is."""

from __future__ import annotations

import pytest

from kgate.fix.edit import Edit, RefusalError, edited, offset_before
from kgate.fix.manifests import FileFix, ManifestFixer
from kgate.judgement.engine import Judge
from kgate.kubernetes import manifest, pss
from kgate.rules import load

RULES = (
    "privilege-escalation-allowed",
    "capabilities-not-dropped",
    "host-network",
    "privileged-container",
    "host-port",
)
JUDGE = Judge(load.load(), pss.NEWEST_MINOR, RULES, with_remedies=True)
HEAD = """\
 apiVersion: v1
 kind: Pod
 metadata: {name: p}
 spec:
"""


def fixed(text: str) -> FileFix:
    about = {resource.id for resource in manifest.read("a.yaml", text.encode()).resources}
    assert about
    return ManifestFixer.by(JUDGE, with_unsafe=True).fix("a.yaml", text, about)


def sides(diff: str) -> tuple[str, str]:
    """The texts before and after a diff of whole texts; one that does not begin with an object is about a Pod."""
    if not diff[1:].lstrip().startswith(("{", "apiVersion", "x:")):
        diff = HEAD + diff
    lines = [line if line.strip() else f" {line}" for line in diff.splitlines(keepends=True)]
    before, after = ("".join(line[1:] for line in lines if line[0] in signs) for signs in (" -", " +"))
    return before, after


@pytest.mark.parametrize(
    "diff",
    [
        pytest.param(
            """\
   containers:
   - name: a
     image: b
+    securityContext:
+      allowPrivilegeEscalation: false
+      capabilities:
+        drop:
+        - ALL
""",
            id="two blanks, lists not indented",
        ),
        pytest.param(
            """\
 apiVersion: v1
 kind: Pod
 metadata:
     name: p
 spec:
     containers:
         - name: a
           ports:
               - containerPort: 8080
+          securityContext:
+              allowPrivilegeEscalation: false
+              capabilities:
+                  drop:
+                      - ALL
""",
            id="four blanks, lists indented",
        ),
        pytest.param(
            """\
   # above
   containers:  # here
   - name: a  # first
     # inside
     image: b  # last
+    securityContext:
+      allowPrivilegeEscalation: false
+      capabilities:
+        drop:
+        - ALL
     # behind

   # below
   restartPolicy: Never
""",
            id="comments",
        ),
        pytest.param(
            """\
-  containers: [{name: a, image: b}]
+  containers: [{name: a, image: b, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]
""",
            id="flow",
        ),
        pytest.param(
            """\
-  containers: [ { name: a } ]
+  containers: [ { name: a, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}} } ]
""",
            id="flow with blanks",
        ),
        pytest.param(
            """\
-  containers: [{'name': 'a', 'securityContext': {'capabilities': {'drop': ['NET_RAW']}}}]
+  containers: [{'name': 'a', 'securityContext': {'capabilities': {'drop': ['NET_RAW', 'ALL']}, \
'allowPrivilegeEscalation': false}}]
""",
            id="flow in quotes",
        ),
        pytest.param(
            """\
   containers:
   - name: a
-    securityContext: {}  # none
+    securityContext:  # none
+      allowPrivilegeEscalation: false
+      capabilities:
+        drop:
+        - ALL
     image: b
""",
            id="empty flow mapping",
        ),
        pytest.param(
            """\
   containers:
   - name: a
-    securityContext: null
+    securityContext:
+      allowPrivilegeEscalation: false
+      capabilities:
+        drop:
+        - ALL
     image: b
""",
            id="null",
        ),
        pytest.param(
            """\
   containers:
   - name: a
     securityContext:  # none
+      allowPrivilegeEscalation: false
+      capabilities:
+        drop:
+        - ALL
     image: b
""",
            id="nothing",
        ),
        pytest.param(
            """\
   containers:
   - name: a
     securityContext:
       capabilities:
         drop:
           - NET_RAW  # raw
+          - ALL
+      allowPrivilegeEscalation: false
""",
            id="a part is there",
        ),
        pytest.param(
            """\
   containers:
   - name: a
-    securityContext: {capabilities: {drop: ["NET_RAW"]}}
+    securityContext: {capabilities: {drop: ["NET_RAW", "ALL"]}, allowPrivilegeEscalation: false}
""",
            id="a list in brackets",
        ),
        pytest.param(
            """\
   containers:
   - name: a
     args:
     - |
       text

       more
+    securityContext:
+      allowPrivilegeEscalation: false
+      capabilities:
+        drop:
+        - ALL


   restartPolicy: Never
""",
            id="block scalar last",
        ),
        pytest.param(
            """\
   containers:
   - name: a
     args:
     - >+
       text

+    securityContext:
+      allowPrivilegeEscalation: false
+      capabilities:
+        drop:
+        - ALL
   restartPolicy: Never
""",
            id="folded kept scalar last",
        ),
        pytest.param(
            """\
   containers:
   - name: a
     image: b
     command:
     - run this
       and that
+    securityContext:
+      allowPrivilegeEscalation: false
+      capabilities:
+        drop:
+        - ALL
""",
            id="plain scalar of two lines",
        ),
        pytest.param(
            """\
 {
   "apiVersion": "v1", "kind": "Pod",
   "metadata": {"name": "p"},
   "spec": {
     "containers": [
       {
         "name": "a",
+        "securityContext": {
+          "allowPrivilegeEscalation": false,
+          "capabilities": {
+            "drop": [
+              "ALL"
+            ]
+          }
+        },
         "image": "b"
       }
     ]
   }
 }
""",
            id="JSON",
        ),
        pytest.param(
            """\
-{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{}]}}
+{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"securityContext": {"allowPrivilegeEscalation": false, \
"capabilities": {"drop": ["ALL"]}}}]}}
""",
            id="JSON in a line",
        ),
        pytest.param(
            """\
 {
 \t"apiVersion": "v1",
 \t"kind": "Pod",
 \t"metadata": {"name": "p"},
 \t"spec": {
 \t\t"containers": [
 \t\t\t{
+\t\t\t\t"securityContext": {
+\t\t\t\t\t"allowPrivilegeEscalation": false,
+\t\t\t\t\t"capabilities": {
+\t\t\t\t\t\t"drop": [
+\t\t\t\t\t\t\t"ALL"
+\t\t\t\t\t\t]
+\t\t\t\t\t}
+\t\t\t\t},
 \t\t\t\t"name": "a"
 \t\t\t}
 \t\t]
 \t}
 }
""",
            id="JSON with tabs",
        ),
        pytest.param(
            """\
   containers:
   - name: a
+    securityContext:
+      allowPrivilegeEscalation: false
+      capabilities:
+        drop:
+        - ALL
 ---
 # second
 apiVersion: v1
 kind: Pod
 metadata: {name: q}
 spec:
   containers:
     - name: b
+      securityContext:
+        allowPrivilegeEscalation: false
+        capabilities:
+          drop:
+            - ALL
 ...
""",
            id="several documents",
        ),
        pytest.param(
            """\
 apiVersion: v1
 kind: List
 items:
 - apiVersion: v1
   kind: Pod
   metadata: {name: p}
   spec:
     containers:
     - name: a
+      securityContext:
+        allowPrivilegeEscalation: false
+        capabilities:
+          drop:
+          - ALL
""",
            id="a list of objects",
        ),
        pytest.param(
            """\
   containers:
   - name: a
     securityContext: &own
       runAsUser: 1000
+      allowPrivilegeEscalation: false
+      capabilities:
+        drop:
+        - ALL
   - name: b
     securityContext: *own
""",
            id="an anchor",
        ),
        pytest.param(
            """\
   containers:
   - &base
     name: a
     image: x
+    securityContext:
+      allowPrivilegeEscalation: false
+      capabilities:
+        drop:
+        - ALL
   - <<: *base
     name: b
+    securityContext:
+      allowPrivilegeEscalation: false
+      capabilities:
+        drop:
+        - ALL
""",
            id="an anchored container",
        ),
        pytest.param(
            """\
   containers:
   - name: a
     args: &args [x]
+    securityContext:
+      allowPrivilegeEscalation: false
+      capabilities:
+        drop:
+        - ALL
   - name: b
     args: *args  # same
+    securityContext:
+      allowPrivilegeEscalation: false
+      capabilities:
+        drop:
+        - ALL
""",
            id="an alias last",
        ),
        pytest.param(
            """\
   containers:
   - name: a
     args:
     - &x one
     - *x
+    securityContext:
+      allowPrivilegeEscalation: false
+      capabilities:
+        drop:
+        - ALL
     # end
""",
            id="aliases in a list last",
        ),
        pytest.param(
            """\
   "containers":
   - "name": a
     "image": b
+    securityContext:
+      allowPrivilegeEscalation: false
+      capabilities:
+        drop:
+        - ALL
""",
            id="quoted keys",
        ),
        pytest.param(
            """\
-  hostNetwork: true  # metrics
   containers: []
""",
            id="host network",
        ),
        pytest.param(
            """\
   containers:
   - name: a
     ports:
-    - hostPort: 80
-      containerPort: 8080
+    - containerPort: 8080
     - containerPort: 8081
-      hostPort: 81
-    - {containerPort: 8082, hostPort: 82}
+    - {containerPort: 8082}
+    securityContext:
+      allowPrivilegeEscalation: false
+      capabilities:
+        drop:
+        - ALL
""",
            id="host port first in an item",
        ),
        pytest.param(
            """\
   containers:
   - name: a
     securityContext:
-      privileged: "true"
+      privileged: false
+      allowPrivilegeEscalation: false
+      capabilities:
+        drop:
+        - ALL
""",
            id="privileged in quotes",
        ),
        pytest.param(
            """\
   containers:
   -
     name: a
+    securityContext:
+      allowPrivilegeEscalation: false
+      capabilities:
+        drop:
+        - ALL
""",
            id="dash alone",
        ),
        pytest.param(
            """\
 x: &sc
   runAsUser: 1
 apiVersion: v1
 kind: Pod
 metadata: {name: p}
 spec:
   containers:
   - name: a
     securityContext:
       <<: *sc
       readOnlyRootFilesystem: true
+      allowPrivilegeEscalation: false
+      capabilities:
+        drop:
+        - ALL
""",
            id="a merge key",
        ),
        pytest.param(
            """\
   containers: [
     {
       name: a,
+      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}},
       image: b,
     },
   ]
""",
            id="brackets over several lines",
        ),
        pytest.param(
            """\
   containers: [
     {name: a, # c
+     securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}},
      image: b}
   ]
""",
            id="a comment in brackets",
        ),
    ],
)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("", "", id="line feeds"),
        pytest.param("\n", "\r\n", id="carriage returns"),
    ],
)
def test_only_the_fields_change(diff: str, old: str, new: str) -> None:
    before, after = (text.replace(old, new) if old else text for text in sides(diff))
    result = fixed(before)
    assert result.after == after
    assert result.left_alone == ()
    assert fixed(after).after == after


def test_a_text_without_a_line_end_has_none_afterwards() -> None:
    before, _ = sides("   containers:\n   - name: a\n")
    assert fixed(before.rstrip("\n")).after == fixed(before).after.rstrip("\n")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(
            "   containers:\n   - name: a\n     securityContext: &own {privileged: true}\n"
            "   initContainers:\n   - name: b\n     securityContext: *own\n     image: x\n"
            "   ephemeralContainers: &more [{securityContext: *own}]\n"
            "   overhead: *more\n",
            "changing it would change other fields as well",
            id="an anchor that something else uses",
        ),
        pytest.param(
            "   hostNetwork: true\n",
            "nothing would be left of its mapping",
            id="the only field of a mapping",
        ),
        pytest.param(
            "   containers:\n   - name: a\n     securityContext: {capabilities: {drop: ALL}}\n",
            "securityContext.capabilities.drop has a value of the wrong type",
            id="a value of the wrong type",
        ),
        pytest.param(
            "   containers:\n   - name: a\n     securityContext:\n       privileged: !!str true\n",
            "its value has an anchor or a tag, or spans lines",
            id="a tag",
        ),
        pytest.param(
            "   containers:\n   - ports:\n     - hostPort: 80\n       # the port\n       containerPort: 80\n",
            "removing it changes another line as well",
            id="a comment that would move",
        ),
    ],
)
def test_what_cannot_be_edited_is_left_alone(text: str, reason: str) -> None:
    before, _ = sides(text)
    assert reason in {one.reason for one in fixed(before).left_alone}


def test_edits_that_overlap_are_refused() -> None:
    assert edited("abc", [Edit(1, 2, "x"), Edit(1, 2, "x"), Edit(3, 3, "!")]) == "axc!"
    with pytest.raises(RefusalError):
        edited("abc", [Edit(0, 2, "x"), Edit(1, 2, "y")])


@pytest.mark.parametrize(
    ("after", "before"),
    [pytest.param(0, 0, id="in front"), pytest.param(2, 1, id="in an edit"), pytest.param(4, 2, id="behind an edit")],
)
def test_an_offset_is_followed_back(after: int, before: int) -> None:
    assert offset_before(after, [Edit(1, 2, "xyz")]) == before
