"""The SARIF 2.1.0 report: what code scanning shows beside the lines of a pull request."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any
from urllib.parse import quote

from kgate.model import Finding, Json, Location, Related, Remark, Report, Rule, Severity, field_path
from kgate.reports.links import HOME, rule_page
from kgate.reports.safety import inert_json
from kgate.reports.taxonomies import CATALOGUES, Catalogue, entries, taxa
from kgate.reports.wording import acceptance, cut, fingerprints, first_sentence, remark_sentence, shown, summary

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_ROOT = "%SRCROOT%"

# What GitHub and GitLab keep; GitHub drops the results above the first number, GitLab skips what is longer.
_MOST_RESULTS = 5_000
_MOST_TAGS = 10
_DESCRIPTION_LIMIT = 1_024
_MESSAGE_LIMIT = 2_048
_MOST_RELATED = 10

_LEVELS = {Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note"}
_PROBLEM_SEVERITIES = {**_LEVELS, Severity.LOW: "recommendation"}
_SECURITY_SEVERITIES = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "2.0"}

_SEMANTIC_VERSION = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
_SURROGATE = re.compile("[\ud800-\udfff]")

_UNCUT_LENGTH = 100
"""A snippet shorter than this is a whole line; of long lines it is the part around the field."""


def render(report: Report) -> str:
    """The report as a SARIF log of one run, in ASCII, with a line end."""
    log = _new("SarifLog", version="2.1.0", schema_uri=_SCHEMA, runs=[_run(report)])
    return inert_json(json.dumps(dump(log), indent=1)) + "\n"


def _new(class_name: str, **properties: Any) -> Any:
    """An object of a class of sarif-om (65 ms to import); TypeError for a property that it lacks."""
    import sarif_om

    return getattr(sarif_om, class_name)(**properties)


def _text(text: str) -> Any:
    """A message; text from a manifest becomes neither a control sequence nor a link (section 3.11.6)."""
    return _new("Message", text=shown(text.replace("](", "] ("), _MESSAGE_LIMIT))


# ------------------------------------------------------------------------------------------- run


def _run(report: Report) -> Any:
    rules = sorted(report.rules, key=lambda rule: rule.id)
    taxonomies = [_taxonomy(catalogue, rules) for catalogue in CATALOGUES]
    return _new(
        "Run",
        tool=_new("Tool", driver=_driver(report.version, rules, taxonomies)),
        taxonomies=taxonomies,
        automation_details=_new("RunAutomationDetails", id=f"{shown(report.category, _MESSAGE_LIMIT).rstrip('/')}/"),
        invocations=[_invocation(report)],
        original_uri_base_ids={_ROOT: _new("ArtifactLocation", description=_text("The root of the repository."))},
        column_kind="unicodeCodePoints",
        results=_results(_kept(report.findings), {rule.id: index for index, rule in enumerate(rules)}),
    )


def _driver(version: str, rules: Sequence[Rule], taxonomies: Sequence[Any]) -> Any:
    places = {taxonomy.name: _places(index, taxonomy) for index, taxonomy in enumerate(taxonomies)}
    return _new(
        "ToolComponent",
        name="kgate",
        version=version,
        semantic_version=version if _SEMANTIC_VERSION.fullmatch(version) else None,
        information_uri=HOME,
        rules=[_descriptor(rule, places) for rule in rules],
        supported_taxonomies=[
            _new("ToolComponentReference", name=taxonomy.name, index=index) for index, taxonomy in enumerate(taxonomies)
        ],
    )


def _taxonomy(catalogue: Catalogue, rules: Sequence[Rule]) -> Any:
    """What the rules refer to in the catalogue of somebody else (section 3.19.3)."""
    return _new(
        "ToolComponent",
        name=catalogue.name,
        organization=catalogue.organization,
        short_description=_description(catalogue.description),
        information_uri=catalogue.url,
        is_comprehensive=False,
        taxa=[
            _new(
                "ReportingDescriptor",
                id=taxon.id,
                short_description=_description(taxon.title) if taxon.title else None,
                help_uri=taxon.url,
            )
            for taxon in entries(rules, catalogue)
        ],
    )


def _places(index: int, taxonomy: Any) -> dict[str, Any]:
    """A reference to each entry of a taxonomy, by its id."""
    component = _new("ToolComponentReference", name=taxonomy.name, index=index)
    return {
        taxon.id: _new("ReportingDescriptorReference", id=taxon.id, index=number, tool_component=component)
        for number, taxon in enumerate(taxonomy.taxa)
    }


def _invocation(report: Report) -> Any:
    return _new(
        "Invocation",
        execution_successful=not report.verdict.incomplete,
        tool_execution_notifications=list(_notifications(report)),
    )


def _notifications(report: Report) -> Iterator[Any]:
    """What could not be judged, and what is not listed here."""
    yield from (_notification(problem, "error") for problem in report.problems[:_MOST_RESULTS])
    if report.verdict.incomplete and not report.problems:
        yield from (_new("Notification", level="error", message=_text(reason)) for reason in report.verdict.reasons)
    yield from (_notification(note, "note") for note in report.notes[:_MOST_RESULTS])
    yield from _cut_notification("findings", "worst", len(report.findings))
    yield from _cut_notification("problems", "first", len(report.problems))


def _notification(remark: Remark, level: str) -> Any:
    region = _new("Region", start_line=remark.line) if remark.line else None
    place = _new("PhysicalLocation", artifact_location=_artifact(remark.path), region=region)
    locations = [_new("Location", physical_location=place)] if remark.path else None
    return _new("Notification", level=level, message=_text(remark_sentence(remark)), locations=locations)


def _cut_notification(noun: str, which: str, total: int) -> Iterator[Any]:
    if total > _MOST_RESULTS:
        text = f"Only the {which} {_MOST_RESULTS:,} of {total:,} {noun} are listed here; the JSON report has all."
        yield _new("Notification", level="warning", message=_text(text))


# ----------------------------------------------------------------------------------------- rules


def _descriptor(rule: Rule, places: Mapping[str, Mapping[str, Any]]) -> Any:
    """A rule, the same whatever was found."""
    targets = [places[taxon.catalogue.name][taxon.id] for taxon in taxa(rule)]
    return _new(
        "ReportingDescriptor",
        id=rule.id,
        short_description=_description(rule.title),
        full_description=_description(" ".join(f"{rule.message} {rule.rationale}".split())),
        help=_new("MultiformatMessageString", text=_help_text(rule), markdown=_help_markdown(rule)),
        help_uri=rule_page(rule) or (rule.references[0].url if rule.references else None),
        default_configuration=_new("ReportingConfiguration", level=_LEVELS[rule.severity]),
        relationships=[_new("ReportingDescriptorRelationship", target=target) for target in targets] or None,
        properties={
            "tags": list(dict.fromkeys(("security", "kubernetes", *rule.tags)))[:_MOST_TAGS],
            "precision": "very-high",
            "problem.severity": _PROBLEM_SEVERITIES[rule.severity],
            "security-severity": _SECURITY_SEVERITIES[rule.severity],
        },
    )


def _description(text: str) -> Any:
    return _new("MultiformatMessageString", text=cut(text, _DESCRIPTION_LIMIT))


def _help_text(rule: Rule) -> str:
    references = "\n".join(f"- {reference.title}: {reference.url}" for reference in rule.references)
    parts = (rule.message, rule.rationale, f"What to do: {rule.remediation}", references)
    return "\n\n".join(part.strip() for part in parts if part)


def _help_markdown(rule: Rule) -> str:
    references = "\n".join(f"- [{reference.title}]({reference.url})" for reference in rule.references)
    parts = (
        f"**{rule.message}**",
        rule.rationale,
        f"## What to do\n\n{rule.remediation}",
        f"## References\n\n{references}" if references else "",
    )
    return "\n\n".join(part.strip() for part in parts if part)


# --------------------------------------------------------------------------------------- results


def _kept(findings: Sequence[Finding]) -> Sequence[Finding]:
    """All findings, or the worst ones where a code scanning service would drop some unasked."""
    if len(findings) <= _MOST_RESULTS:
        return findings
    return sorted(findings, key=lambda f: (f.waiver is not None, -f.rule.severity))[:_MOST_RESULTS]


def _results(findings: Sequence[Finding], indices: dict[str, int]) -> list[Any]:
    """The results; if one carries suppressions, all others carry an empty list (section 3.27.23)."""
    others: list[Any] | None = [] if any(finding.waiver for finding in findings) else None
    return [
        _new(
            "Result",
            rule_id=finding.rule.id,
            rule_index=indices[finding.rule.id],
            level=_LEVELS[finding.rule.severity],
            message=_message(finding),
            locations=[_location(finding)],
            partial_fingerprints=_partial_fingerprints(finding, fingerprint),
            suppressions=_suppressions(finding) or others,
            related_locations=_related(finding) or None,
            properties=_properties_of(finding) or None,
        )
        for finding, fingerprint in zip(findings, fingerprints(findings), strict=True)
    ]


def _message(finding: Finding) -> Any:
    """What is wrong and what to write; it links related places, which GitHub shows only then."""
    text = f"{summary(finding)} {first_sentence(finding.rule.remediation)}".strip()
    links = ", ".join(f"[{_link_text(related)}]({number})" for number, related in enumerate(_shown_related(finding), 1))
    if not links:
        return _text(text)
    plain = shown(text.replace("](", "] ("), _MESSAGE_LIMIT - len(links) - 20)
    return _new("Message", text=f"{plain} See also: {links}.")


def _link_text(related: Related) -> str:
    """Where a related place is and what it is, without what could end the link (section 3.11.6)."""
    start = related.location.start
    return re.sub(r"[\[\]\\]", " ", shown(f"{related.message} ({related.location.path}:{start.line})", 120))


def _shown_related(finding: Finding) -> Sequence[Related]:
    return finding.location.related[:_MOST_RELATED]


def _related(finding: Finding) -> list[Any]:
    """The other places that have a part in a finding, each with what it is."""
    return [
        _new(
            "Location",
            id=number,
            message=_text(shown(related.message, _MESSAGE_LIMIT)),
            physical_location=_physical_location(related.location),
        )
        for number, related in enumerate(_shown_related(finding), 1)
    ]


def _properties_of(finding: Finding) -> dict[str, Any]:
    """What SARIF has no property for."""
    found: dict[str, Any] = {}
    if finding.includes:
        found["includes"] = [rule.id for rule in finding.includes]
    if finding.renderings:
        found["renderedBy"] = [shown(str(rendering), _MESSAGE_LIMIT) for rendering in finding.renderings]
    if finding.location.is_approximate:
        found["approximate"] = True
    return found


def _partial_fingerprints(finding: Finding, fingerprint: str) -> dict[str, str]:
    """What an alert is known by again: GitHub's own hash, where the line was read, and what moves with no line."""
    line_hash = finding.location.line_hash
    return {**({"primaryLocationLineHash": line_hash} if line_hash else {}), "kgate/v1": fingerprint}


def _suppressions(finding: Finding) -> list[Any]:
    if finding.waiver is None:
        return []
    justification = shown(acceptance(finding.waiver), _MESSAGE_LIMIT)
    return [_new("Suppression", kind="external", state="accepted", justification=justification)]


def _location(finding: Finding) -> Any:
    return _new(
        "Location",
        physical_location=_physical_location(finding.location),
        logical_locations=_logical_locations(finding),
    )


def _physical_location(location: Location) -> Any:
    return _new(
        "PhysicalLocation",
        artifact_location=_artifact(location.path),
        region=_region(location),
        context_region=_context(location),
    )


def _logical_locations(finding: Finding) -> list[Any]:
    """The field in every object that has it; no two are equal (section 3.28.4)."""
    field = field_path(finding.location.pointer)
    names = (f"{name}/{field}" if field else str(name) for name in finding.resources[:_MOST_RELATED])
    unique = dict.fromkeys(shown(name, _MESSAGE_LIMIT) for name in names)
    return [_new("LogicalLocation", fully_qualified_name=name, kind="property") for name in unique]


def _artifact(path: str) -> Any:
    """A URI below the repository's root; percent-encoded, so that a colon begins no scheme."""
    return _new("ArtifactLocation", uri=quote(path.encode("utf-8", "surrogatepass"), safe="/"), uri_base_id=_ROOT)


def _region(location: Location) -> Any:
    start, end = location.start, location.end
    inside = location.snippet[start.column - 1 : end.column - 1]
    exact = start.line == end.line and len(location.snippet) < _UNCUT_LENGTH and inside
    return _new(
        "Region",
        start_line=start.line,
        start_column=start.column,
        end_line=end.line,
        end_column=end.column,
        snippet=_new("ArtifactContent", text=inside) if exact else None,
    )


def _context(location: Location) -> Any | None:
    """The line around a region that is smaller than the line (section 3.29.5: a proper superset)."""
    is_whole_line = location.start.column == 1 and location.end.column > len(location.snippet)
    if is_whole_line or location.start.line != location.end.line:
        return None
    return _new("Region", start_line=location.start.line, snippet=_new("ArtifactContent", text=location.snippet))


# ------------------------------------------------------------------------------------------ dump

_ALWAYS = frozenset({"level", "ruleIndex", "executionSuccessful"})
"""Properties that are written even if they equal the default: a missing level means the rule's."""


def dump(node: Any) -> Json:
    """Plain JSON types for an object of sarif-om; what is None or a default, and says nothing, is left out."""
    if isinstance(node, str):
        return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", node)
    if isinstance(node, dict):
        return {key: dump(value) for key, value in node.items()}
    if isinstance(node, list):
        return [dump(item) for item in node]
    if not hasattr(node, "__attrs_attrs__"):
        return node
    values = ((name, getattr(node, attribute), default) for attribute, name, default in _properties(node.__class__))
    return {n: dump(v) for n, v, default in values if v is not None and (v != default or n in _ALWAYS)}


@cache
def _properties(cls: type) -> tuple[tuple[str, str, Any], ...]:
    """Attribute, SARIF property and default; sarif-om misnames the status of a suppression."""
    renamed = {"state": "status"} if cls.__name__ == "Suppression" else {}
    fields: tuple[Any, ...] = getattr(cls, "__attrs_attrs__")  # noqa: B009
    names = ((f, f.metadata["schema_property_name"]) for f in fields)
    return tuple((field.name, renamed.get(name, name), _default(field)) for field, name in names)


def _default(field: Any) -> Any:
    factory = getattr(field.default, "factory", None)
    return field.default if factory is None else factory()
