"""The rule that is about the gate itself: no file holds it, as no expression is asked and no resource offends it."""

from __future__ import annotations

from kgate.model import Reference, Rule, Severity

_OWASP = "https://owasp.org/www-project-top-10-ci-cd-security-risks"

GATE_WEAKENED = Rule(
    id="gate-weakened",
    title="Change weakens the gate that judges it",
    severity=Severity.CRITICAL,
    points=10,
    targets=(),
    expression="",
    message="The change weakens the gate that judges it.",
    rationale="""\
Whoever may open a pull request could otherwise switch the gate off with the pull request itself: lower the threshold,
ignore the rule that a privileged pod offends, hide its file, or have a chart judged with harmless values. This scan was
decided by what the trusted revision says, so nothing was let through; but it would be once the change is merged.""",
    remediation="""\
Take it out of the change. If it is wanted, somebody who answers for the gate merges it in a change of its own, in spite
of this finding: once the target branch says the same, there is none. If the target branch has become stricter since
this change was begun, rebase it.""",
    references=(Reference("OWASP: Poisoned Pipeline Execution", f"{_OWASP}/CICD-SEC-04-Poisoned-Pipeline-Execution"),),
    tags=("cwe-284",),
)
