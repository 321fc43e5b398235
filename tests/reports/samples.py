"""Reports built by hand: with findings, without, with problems, waived, hostile and long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from types import ModuleType
from typing import Any

from kgate.model import (
    PULL,
    Accepted,
    Assessment,
    Compared,
    Counts,
    Finding,
    HiddenManifests,
    Location,
    Note,
    Position,
    Problem,
    Provenance,
    PssCheck,
    Reference,
    Related,
    Rendering,
    Report,
    ResourceId,
    Rule,
    Score,
    Severity,
    Uncovered,
    Unjudged,
    Unlisted,
    Verdict,
    Waiver,
)
from kgate.reports.presentation import Presentation
from kgate.rules.gate import GATE_WEAKENED

PRIVILEGED = Rule(
    id="privileged-container",
    title="Privileged container",
    severity=Severity.CRITICAL,
    points=10,
    targets=("container",),
    expression="true",
    message="The container runs privileged, which is root on the node.",
    rationale="A privileged container sees every device of the node. Whoever gets in owns the node.\n",
    remediation="Remove the field, e.g. set `privileged` to false. Name the capability that it needs instead.\n",
    references=(
        Reference("Pod Security Standards", "https://kubernetes.io/docs/concepts/security/pod-security-standards/"),
        Reference("CWE-250", "https://cwe.mitre.org/data/definitions/250.html"),
        Reference(
            "CIS Kubernetes Benchmark 5.2.2: Minimize the admission of privileged containers",
            "https://www.cisecurity.org/benchmark/kubernetes",
        ),
    ),
    tags=("cwe-250", "T1611"),
    pss=(PssCheck("baseline", "privileged"),),
    path="rules/privileged-container.yaml",
)
HOST_PATH = replace(
    PRIVILEGED,
    id="host-path-volume",
    title="Volume from the node's file system",
    severity=Severity.HIGH,
    points=7,
    message="The pod mounts a path of the node's file system.",
    path="policies/host-path-volume.yaml",
    tags=tuple(f"tag-{number}" for number in range(25)),
    rationale="Long. " * 1_000,
    references=(
        Reference(
            "CIS Kubernetes Benchmark 5.2.12: Minimize the admission of HostPath volumes",
            "https://www.cisecurity.org/benchmark/kubernetes",
        ),
    ),
    pss=(),
)
RUN_AS_ROOT = replace(
    PRIVILEGED,
    id="run-as-root-allowed",
    title="Container may run as root",
    severity=Severity.MEDIUM,
    points=6,
    message="The container may run as root.",
    path="",
    references=(),
    pss=(),
)
NO_LIMITS = replace(
    PRIVILEGED,
    id="added-capability",
    title="Added capability",
    severity=Severity.LOW,
    points=1,
    message="The container adds a capability.",
    path="",
    rationale="",
    references=(),
    pss=(),
)
RULES = (PRIVILEGED, HOST_PATH, RUN_AS_ROOT, NO_LIMITS)

WEB = ResourceId("apps/v1", "Deployment", "shop", "web")
LOG = ResourceId("apps/v1", "DaemonSet", "shop", "log")
TIDY = ResourceId("v1", "Pod", "", "tidy")
ROLE = ResourceId("rbac.authorization.k8s.io/v1", "ClusterRole", "", "admin")

WAIVER = Waiver("reads the node's log files", "team-ops", "2027-01-31", "kgate-waivers.yaml:2")

LINK_BASE = "https://git.example/shop/gitops/-/blob/4f1aeba"
LINKED = Presentation(link_base=LINK_BASE)


def written(format_: ModuleType, report: Report, **options: Any) -> str:
    """The whole text of a report in a format, with options of the presentation."""
    return "".join(format_.render(report, replace(LINKED, **options)))


HOSTILE_TEXTS = (
    "x\n::error::owned",
    "##vso[task.setvariable variable=a]b",
    "##[error]owned",
    "\x1b[31mred\x1b]0;title\x07",
    "a|b||c",
    "`code` ``more`` ```",
    "</code></td></table></details><img src=x onerror=alert(1)>",
    "<script>alert(1)</script><!-- ",
    "@org @org/team someone@evil.example",
    "#123 org/repo#4 GH-5",
    "[text](https://evil.example) ![image](https://evil.example/x.png)",
    "https://evil.example www.evil.example ftp://evil.example mailto:a@evil.example wwww.evil.example",
    "*bold* _italic_ ~~gone~~ $x$ \\| &amp; &lt;b&gt;",
    "".join(map(chr, range(0x20))),
    "\x7f\x80\x9b\u2028\u202eabc\ufeff\ufffe\uffff",
    "lone \ud800 and \udfff surrogates",
    "🙂 ünïcödé 中文",
    "# heading\n\n- list\n\n> quote\n\n---\n",
    "]]><!--?>&<>\"'",
    "long " * 2_000,
)


def location(path: str, line: int, pointer: str = "", snippet: str = "      privileged: true") -> Location:
    """The place of a field in a line that is indented by six columns."""
    return Location(path, Position(line, 7), Position(line, 23), pointer, snippet)


def finding(
    rule: Rule = PRIVILEGED, resource: ResourceId = WEB, container: str | None = "app", line: int = 12
) -> Finding:
    """A finding in the first container of a workload."""
    pointer = "/spec/template/spec/containers/0/securityContext/privileged"
    place = location("k8s/web.yaml", line, pointer)
    return Finding(rule, resource, container, place, "securityContext.privileged", rule.message, source=place.path)


def assessment(
    workload: ResourceId = WEB, path: str = "k8s/web.yaml", value: int = 25, level: str = "privileged"
) -> Assessment:
    """A workload with a score; the threshold is 60, and below it high findings have to go."""
    decisive = Severity.HIGH if value < 60 else None
    return Assessment(workload, location(path, 1), Score(value, 60, decisive=decisive), level)


def report(
    findings: tuple[Finding, ...] = (),
    assessments: tuple[Assessment, ...] = (),
    problems: tuple[Problem, ...] = (),
    verdict: Verdict | None = None,
) -> Report:
    """A report as the scan would put it together; the verdict follows from the rest unless it is given."""
    failed = any(not a.score.passed for a in assessments)
    reasons: tuple[str, ...] = ("1 workload under the threshold, the lowest with score 25",) if failed else ()
    reasons += ("1 problem: not everything could be judged",) if problems else ()
    found = Verdict(not failed, bool(problems), reasons)
    counts = Counts(3, 7, 1)
    return Report("0.1.0", "1.37", RULES, assessments, findings, problems, counts, verdict or found)


def with_findings() -> Report:
    """Every severity, two findings with one fingerprint, one of a resource that is no workload, a tidy workload."""
    included = replace(finding(HOST_PATH, container=None, line=30), includes=(NO_LIMITS,))
    role = location("k8s/roles.yaml", 4, "/rules/0")
    in_role = Finding(NO_LIMITS, ROLE, None, role, "rules", NO_LIMITS.message, source=role.path)
    return report(
        (in_role, finding(), finding(), included, finding(RUN_AS_ROOT, line=14)),
        (
            assessment(),
            assessment(LOG, "k8s/log.yaml", 88, "baseline"),
            assessment(TIDY, "k8s/tidy.yaml", 97, "restricted"),
        ),
    )


def without_findings() -> Report:
    """One workload, nothing wrong with it."""
    return report((), (assessment(TIDY, "k8s/tidy.yaml", 97, "restricted"),))


def empty() -> Report:
    """Nothing was found to judge."""
    return report(verdict=Verdict(True, True, ("no Kubernetes object was found",)))


def with_problems() -> Report:
    """Problems with and without a line, beside a finding."""
    problems = (
        Problem("charts/web", None, "helm template failed: missing value; run it with --debug"),
        Problem("k8s/a b:c#d.yaml", 3, "the mapping has two keys 'spec'"),
        Problem("k8s/web.yaml", 9, "the pod spec lists no containers."),
    )
    return report((finding(),), (assessment(),), problems)


def with_unjudged() -> Report:
    """What was not judged, with and without a line and a command, and a workload without a score beside another."""
    unjudged = (
        Unjudged(
            "apps/redis.yaml", 9, "chart redis of oci://charts is not in this repository", "HelmRelease/a/b", PULL
        ),
        Unjudged("fleet.yaml", None, "it is rendered by Fleet.", "fleet.yaml"),
    )
    part = replace(assessment(LOG, "k8s/log.yaml"), score=Score(100, 60, is_bound=True, is_judged=False))
    reasons = (
        "1 workload without a score, as not all of it could be judged",
        "2 parts of what is deployed were not judged",
    )
    return replace(
        report((), (assessment(TIDY, "k8s/tidy.yaml", 97, "restricted"), part), verdict=Verdict(False, True, reasons)),
        unjudged=unjudged,
    )


def waived() -> Report:
    """A waived finding, one that is not, and a workload whose only finding is waived."""
    accepted = replace(finding(HOST_PATH, LOG, None, 8), waiver=WAIVER)
    accepted = replace(accepted, location=location("k8s/log.yaml", 8, "/spec/template/spec/volumes/0/hostPath"))
    log = assessment(LOG, "k8s/log.yaml", 100, "restricted")
    log = replace(log, score=replace(log.score, without_waivers=29, waived=(HOST_PATH.id,)))
    return report((accepted, finding()), (assessment(), log))


def accepted() -> Report:
    """A problem and something that is not judged, both accepted, the second one for ever and by nobody."""
    remote = Unjudged("apps/redis.yaml", 9, "it is remote", "chart redis", PULL)
    remarks = (
        Accepted(Problem("charts/web", None, "helm template failed"), WAIVER),
        Accepted(remote, Waiver("the vendor's chart", place="kgate.yaml:9")),
    )
    return replace(without_findings(), accepted=remarks)


def compared() -> Report:
    """A workload that passes as it is known to be so bad, and one with a new finding; two findings are gone."""
    known = replace(finding(HOST_PATH, LOG, None, 8), is_new=False)
    known = replace(known, location=location("k8s/log.yaml", 8, "/spec/template/spec/volumes/0"), source="k8s/log.yaml")
    old = replace(assessment(LOG, "k8s/log.yaml", 40), before=35, is_known=True)
    worse = replace(assessment(), before=50)
    verdict = Verdict(False, False, ("1 workload under the threshold, the lowest with score 25",))
    whole = report((known, replace(finding(), is_new=True)), (old, worse), verdict=verdict)
    return replace(whole, compared=Compared("kgate-baseline.json", 1, 1, 1, 2))


TEMPLATE, VALUES = "charts/web/templates/deployment.yaml", "charts/web/values.yaml"


def rendered() -> Report:
    """A finding of a chart in two of three renderings, one of an overlay, and charts that lie elsewhere."""
    default, ci = (Rendering("helm", "charts/web", variant) for variant in ("", "values ci/a-values.yaml"))
    staging = Rendering("kustomize", "overlays/staging", requested_by="Kustomization/flux-system/apps c.yaml:1")
    value = Related(location(VALUES, 3, "/privileged", "privileged: true"), "value privileged")
    place = replace(location(TEMPLATE, 12, "/spec"), related=(value,))
    both = replace(finding(), location=place, source=TEMPLATE, renderings=(default, ci), also=(LOG,))
    single = replace(finding(RUN_AS_ROOT, line=14), source=TEMPLATE, renderings=(ci,))
    guessed = replace(location("base/web.yaml", 2), is_approximate=True)
    patched = replace(finding(HOST_PATH, LOG), location=guessed, source="base/web.yaml", renderings=(staging,))
    notes = (Note("apps/redis.yaml", 9, "chart redis of https://charts.example.com is not in this repository"),)
    found = report(
        (both, single, patched),
        (
            replace(assessment(WEB, TEMPLATE), renderings=(default,)),
            replace(assessment(WEB, TEMPLATE, 20), renderings=(ci,)),
            replace(assessment(LOG, "base/web.yaml", 30), renderings=(staging,)),
        ),
    )
    return replace(found, notes=notes)


def hostile() -> Report:
    """Every hostile text in every place that a manifest, a file name or a waiver can fill."""
    findings = tuple(_hostile_finding(text, line) for line, text in enumerate(HOSTILE_TEXTS, 1))
    assessments = tuple(
        Assessment(f.resource, f.location, Score(10, 60, decisive=Severity.HIGH), "privileged", renderings=f.renderings)
        for f in findings
    )
    tidy = tuple(
        Assessment(ResourceId("v1", "Pod", text, "tidy"), location(text, 1), Score(97, 60), "restricted")
        for text in HOSTILE_TEXTS
    )
    problems = tuple(Problem(text, 5, text) for text in HOSTILE_TEXTS)
    reasons = ("17 workloads under the threshold, the lowest with score 10",)
    notes = tuple(Note(text, 5, text) for text in HOSTILE_TEXTS)
    unjudged = tuple(Unjudged(text, 5, text, text, text) for text in HOSTILE_TEXTS)
    return replace(
        report(findings, (*assessments, *tidy), problems, Verdict(False, True, reasons)),
        notes=notes,
        unjudged=unjudged,
        accepted=tuple(Accepted(one, hostile_waiver(one.path)) for one in problems)
        + tuple(Accepted(one, hostile_waiver(one.path)) for one in unjudged),
    )


def hostile_waiver(text: str) -> Waiver:
    """A waiver that says the same everywhere."""
    return Waiver(text, text, text, text)


def _hostile_finding(text: str, line: int) -> Finding:
    pointer = "/spec/" + text.replace("~", "~0").replace("/", "~1")
    place = Location(text, Position(line, 3), Position(line, 9), pointer, f"  {text}".replace("\n", " "))
    waiver = Waiver(text, text, "2027-01-31") if line % 2 else None
    resource = ResourceId(text, text, text, text)
    place = replace(place, is_approximate=True, related=(Related(place, text),) * 3)
    rendering = Rendering("helm", text, text, text)
    found = Finding(PRIVILEGED, resource, text, place, text, PRIVILEGED.message, waiver=waiver, source=text)
    return replace(found, renderings=(rendering,), also=(resource,))


def long(number: int = 6_000, objects: int = 40) -> Report:
    """Findings of every severity, the worst ones last, spread over workloads of one file each."""
    rules = sorted(RULES, key=lambda rule: rule.severity)
    names = [ResourceId("apps/v1", "Deployment", "shop", f"web-{index:05}") for index in range(objects)]
    findings = tuple(
        _long_finding(rules[index * len(rules) // number], names[index % objects], index) for index in range(number)
    )
    return report(findings, tuple(assessment(name, f"k8s/{name.name}.yaml") for name in names))


def _long_finding(rule: Rule, resource: ResourceId, index: int) -> Finding:
    place = location(f"k8s/{resource.name}.yaml", index + 1, f"/spec/template/spec/containers/{index}/securityContext")
    anchor = f"containers/app-{index}"
    return Finding(rule, resource, f"app-{index}", place, anchor, rule.message, source=place.path)


def bounded() -> Report:
    """One finding and one workload of very many in one file."""
    note = Note("k8s/web.yaml", None, "not listed are findings of privileged-container (1,199)")
    unlisted = Unlisted({PRIVILEGED.severity: 1_199}, {Score(19, 60): 2_399}, notes=(note,))
    return replace(with_findings(), notes=(note,), unlisted=unlisted, uncovered=Uncovered(1_200, 3))


def weakened() -> Report:
    """A change that weakens its own gate, in files whose names sort after all others, beside a finding."""
    threshold = "The score that every workload must reach falls from 60 to 0."
    configuration = Location("z/kgate.yaml", Position(2, 1), Position(2, 13), "/min-score", "min-score: 0")
    ignores = Location("z/.kgateignore", Position(1, 1), Position(1, 2), snippet="*")
    about = {
        "Configuration": (configuration, threshold),
        "IgnoreFile": (ignores, "This line hides a.yaml from the gate."),
    }
    found = tuple(
        Finding(
            GATE_WEAKENED, ResourceId("", kind, "", place.path), None, place, place.snippet, text, source=place.path
        )
        for kind, (place, text) in about.items()
    )
    verdict = Verdict(False, False, ("the change weakens the gate in 2 places",))
    whole = report((*found, finding()), (assessment(),), verdict=verdict)
    hidden = HiddenManifests("x/.kgateignore", 3, "this line hides 2 manifests, which are not judged: x/a.yaml", 2)
    whole = replace(whole, notes=(hidden,))
    return replace(whole, rules=(*RULES, GATE_WEAKENED), configuration=Provenance("kgate.yaml", "main (0a1b2c3d4e5f)"))


SAMPLES = {
    "bounded": bounded(),
    "with findings": with_findings(),
    "without findings": without_findings(),
    "empty": empty(),
    "with problems": with_problems(),
    "with unjudged parts": with_unjudged(),
    "waived": waived(),
    "accepted": accepted(),
    "compared": compared(),
    "rendered": rendered(),
    "hostile": hostile(),
    "long": long(),
}
"""Every sample by its name in words."""


class Texts(Mapping[str, str]):
    """The samples in a format, with options of the presentation. Each is written when it is first asked for: what a
    module writes when it is imported, every process of a run of tests pays for."""

    def __init__(self, format_: ModuleType, **options: Any) -> None:
        self._write = cache(lambda name: written(format_, SAMPLES[name], **options))

    def __getitem__(self, name: str) -> str:
        return self._write(name)

    def __iter__(self) -> Iterator[str]:
        return iter(SAMPLES)

    def __len__(self) -> int:
        return len(SAMPLES)
