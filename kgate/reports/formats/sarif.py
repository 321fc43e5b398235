"""The SARIF 2.1.0 report: what code scanning shows at the lines of a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any
from urllib.parse import quote

from kgate.model import Finding, Json, Location, Related, Remark, Replacement, Report, Rule, Severity, field_path
from kgate.reports.blocks import decisive
from kgate.reports.jsontext import json_pieces
from kgate.reports.links import HOME, rule_page
from kgate.reports.presentation import Presentation, Suggest
from kgate.reports.surroundings import LinesAround
from kgate.reports.taxonomies import TAXONOMIES, Taxonomy, entries, taxa
from kgate.reports.waived import accepted_notes
from kgate.reports.wording import (
    acceptance,
    allowances,
    counted,
    cut,
    diagnosis,
    fingerprints,
    place_of,
    remark_sentence,
    shown,
)

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

_LINES_AROUND, _LINE_LENGTH = 2, 200
"""Lines on each side of a finding's own, and characters of each."""

_UNCUT_LENGTH = 100
"""A snippet shorter than this is a whole line; of long lines it is the part around the field."""


def render(report: Report, presentation: Presentation) -> Iterator[str]:
    """Yields a SARIF log of one run, in ASCII, with a line end."""
    log = _new("SarifLog", version="2.1.0", schema_uri=_SCHEMA, runs=[_run(report, presentation)])
    yield from json_pieces(dump(log), indent=1)
    yield "\n"


def _new(class_name: str, **properties: Any) -> Any:
    """Returns an object of a class of sarif-om (65 ms to import); TypeError for a property that the class lacks."""
    import sarif_om

    return getattr(sarif_om, class_name)(**properties)


def _message(text: str) -> Any:
    return _new("Message", **_text(text))


def _text(text: str, limit: int = _MESSAGE_LIMIT) -> dict[str, str]:
    """Returns a message in which text from a manifest is neither a control sequence nor a link (section 3.11.6)."""
    return {"text": shown(text.replace("](", "] ("), limit)}


# ------------------------------------------------------------------------------------------- run


def _run(report: Report, presentation: Presentation) -> Any:
    """Returns the run. Its rules and taxonomies are those of its results: whoever reads it needs no others."""
    category = shown(presentation.category, _MESSAGE_LIMIT).rstrip("/")
    findings = _chosen(report, presentation)
    kept = _kept(findings)
    rules = sorted({finding.rule.id: finding.rule for finding in kept}.values(), key=lambda rule: rule.id)
    named = [taxonomy for taxonomy in TAXONOMIES if entries(rules, taxonomy)]
    taxonomies = [_taxonomy(taxonomy, rules) for taxonomy in named]
    return _new(
        "Run",
        tool=_new("Tool", driver=_driver(report.version, rules, taxonomies)),
        taxonomies=taxonomies or None,
        automation_details=_new("RunAutomationDetails", id=f"{category}/"),
        invocations=[_invocation(report, findings)],
        original_uri_base_ids={_ROOT: _new("ArtifactLocation", description=_message("The root of the repository."))},
        column_kind="unicodeCodePoints",
        results=_results(
            kept,
            {rule.id: index for index, rule in enumerate(rules)},
            LinesAround.of(presentation),
            presentation.suggestions(report) if presentation.suggestions is not None else _no_suggestion,
        ),
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
        ]
        or None,
    )


def _taxonomy(taxonomy: Taxonomy, rules: Sequence[Rule]) -> Any:
    """Returns the entries of a taxonomy that the rules refer to, as a taxonomy (section 3.19.3)."""
    return _new(
        "ToolComponent",
        name=taxonomy.name,
        organization=taxonomy.organization,
        short_description=_description(taxonomy.description),
        information_uri=taxonomy.url,
        is_comprehensive=False,
        taxa=[
            _new(
                "ReportingDescriptor",
                id=taxon.id,
                short_description=_description(taxon.title) if taxon.title else None,
                help_uri=taxon.url,
            )
            for taxon in entries(rules, taxonomy)
        ],
    )


def _places(index: int, taxonomy: Any) -> dict[str, Any]:
    """Returns a reference to each entry of a taxonomy, by its id."""
    component = _new("ToolComponentReference", name=taxonomy.name, index=index)
    return {
        taxon.id: _new("ReportingDescriptorReference", id=taxon.id, index=number, tool_component=component)
        for number, taxon in enumerate(taxonomy.taxa)
    }


def _invocation(report: Report, findings: Sequence[Finding]) -> Any:
    return _new(
        "Invocation",
        execution_successful=not report.verdict.incomplete,
        properties={one.name: {"value": one.value, "source": one.source} for one in report.settings} or None,
        tool_execution_notifications=list(_notifications(report, findings)),
    )


def _notifications(report: Report, findings: Sequence[Finding]) -> Iterator[Any]:
    """Yields what could not be judged, and how much is not listed here; ``findings`` are those to be listed."""
    yield from (_notification(problem, "error") for problem in report.problems[:_MOST_RESULTS])
    if report.verdict.incomplete and not (report.problems or report.unjudged):
        yield from (_new("Notification", level="error", message=_message(reason)) for reason in report.verdict.reasons)
    level = "warning" if report.verdict.incomplete else "note"
    yield from (_notification(one, level) for one in report.unjudged[:_MOST_RESULTS])
    yield from (_notification(note, "note") for note in accepted_notes(report)[:_MOST_RESULTS])
    yield from (_notification(note, "note") for note in report.notes[:_MOST_RESULTS])
    if left := len(report.findings) - len(findings):
        text = f"{counted(left, 'finding')} of severity low that decided nothing: --sarif-all lists them."
        yield _new("Notification", level="note", message=_message(text))
    if texts := allowances(report):
        yield _new("Notification", level="note", message=_message("; ".join(texts)))
    yield from _cut_notification("findings", "worst", len(findings))
    yield from _cut_notification("problems", "first", len(report.problems))
    yield from _cut_notification("unjudged parts", "first", len(report.unjudged))


def _notification(remark: Remark, level: str) -> Any:
    region = _new("Region", start_line=remark.line) if remark.line else None
    place = _new("PhysicalLocation", artifact_location=_artifact(remark.path), region=region)
    locations = [_new("Location", physical_location=place)] if remark.path else None
    return _new("Notification", level=level, message=_message(remark_sentence(remark)), locations=locations)


def _cut_notification(noun: str, which: str, total: int) -> Iterator[Any]:
    if total > _MOST_RESULTS:
        text = f"Only the {which} {_MOST_RESULTS:,} of {total:,} {noun} are listed here; the JSON report has all."
        yield _new("Notification", level="warning", message=_message(text))


# ----------------------------------------------------------------------------------------- rules


def _descriptor(rule: Rule, places: Mapping[str, Mapping[str, Any]]) -> Any:
    """Returns the descriptor of a rule, which does not depend on what was found."""
    targets = [places[taxon.taxonomy.name][taxon.id] for taxon in taxa(rule)]
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


def _chosen(report: Report, presentation: Presentation) -> Sequence[Finding]:
    """Returns what fails or could fail: whatever decides, and all of severity medium or above, which a higher
    threshold, up to that of restricted, would refuse; with what is waived. The others on request only, as each would
    be an alert that nobody has to heed."""
    if presentation.sarif_all:
        return report.findings
    decides = {id(finding) for finding in decisive(report)}
    return [
        finding
        for finding in report.findings
        if finding.rule.severity > Severity.LOW or finding.waiver is not None or id(finding) in decides
    ]


def _kept(findings: Sequence[Finding]) -> Sequence[Finding]:
    """Returns all findings, or the worst if there are more than a code scanning service keeps."""
    if len(findings) <= _MOST_RESULTS:
        return findings
    return sorted(findings, key=lambda f: (f.waiver is not None, -f.rule.severity))[:_MOST_RESULTS]


def _no_suggestion(_: Finding) -> tuple[Replacement, ...]:
    return ()


def _results(
    findings: Sequence[Finding], indices: Mapping[str, int], surroundings: LinesAround, suggest: Suggest
) -> Iterator[Json]:
    """Yields results as plain JSON types with the properties in the order of sarif-om: as its objects, 5,000 results
    take three times as long. If one carries suppressions, all others carry an empty list (section 3.27.23)."""
    has_waivers = any(finding.waiver for finding in findings)
    for finding, fingerprint in zip(findings, fingerprints(findings), strict=True):
        properties, related, fixes = _properties_of(finding), _related(finding), _fixes(finding, suggest)
        yield {
            **({"fixes": fixes} if fixes else {}),
            "message": _result_message(finding),
            "level": _LEVELS[finding.rule.severity],
            "locations": [_location(finding, surroundings)],
            "partialFingerprints": _partial_fingerprints(finding, fingerprint),
            **({} if finding.is_new is None else {"baselineState": "new" if finding.is_new else "unchanged"}),
            **({"properties": properties} if properties else {}),
            **({"relatedLocations": related} if related else {}),
            "ruleId": finding.rule.id,
            "ruleIndex": indices[finding.rule.id],
            **({"suppressions": _suppressions(finding)} if has_waivers else {}),
        }


def _fixes(finding: Finding, suggest: Suggest) -> list[Json]:
    """Returns the fix of a finding (section 3.55). Findings that are fixed together have the same one: to apply all
    fixes of a run is to make each of its replacements once."""
    replacements = suggest(finding) if finding.waiver is None else ()
    if not replacements:
        return []
    what = f"{finding.rule.instead or finding.rule.title}, as kgate fix writes it"
    change = {
        "artifactLocation": {"uri": _uri(finding.location.path), "uriBaseId": _ROOT},
        "replacements": [
            {"deletedRegion": _deleted(one), "insertedContent": {"text": one.text}} for one in replacements
        ],
    }
    return [{"artifactChanges": [change], "description": _text(what)}]


def _deleted(replacement: Replacement) -> Json:
    start, end = replacement.start, replacement.end
    return {"startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column}


def _result_message(finding: Finding) -> Json:
    """Returns what is wrong and what to write, then where, with links to related places: GitHub shows only places that
    a message links to."""
    text = f"{diagnosis(finding)} In {place_of(finding)}."
    links = ", ".join(f"[{_link_text(related)}]({number})" for number, related in enumerate(_shown_related(finding), 1))
    if not links:
        return _text(text)
    return {"text": f"{_text(text, _MESSAGE_LIMIT - len(links) - 20)['text']} See also: {links}."}


def _link_text(related: Related) -> str:
    """Returns where a related place is and what it is, without what could end the link (section 3.11.6)."""
    start = related.location.start
    return re.sub(r"[\[\]\\]", " ", shown(f"{related.message} ({related.location.path}:{start.line})", 120))


def _shown_related(finding: Finding) -> Sequence[Related]:
    return finding.location.related[:_MOST_RELATED]


def _related(finding: Finding) -> list[Json]:
    """Returns the other places that have a part in a finding, each with what it is."""
    return [
        {
            "id": number,
            "message": _text(shown(related.message, _MESSAGE_LIMIT)),
            "physicalLocation": _physical_location(related.location),
        }
        for number, related in enumerate(_shown_related(finding), 1)
    ]


def _properties_of(finding: Finding) -> dict[str, Json]:
    """Returns what SARIF has no property for."""
    found: dict[str, Json] = {}
    if finding.includes:
        found["includes"] = [rule.id for rule in finding.includes]
    if finding.renderings:
        found["renderedBy"] = [shown(str(rendering), _MESSAGE_LIMIT) for rendering in finding.renderings]
    if finding.location.is_approximate:
        found["approximate"] = True
    return found


def _partial_fingerprints(finding: Finding, fingerprint: str) -> dict[str, str]:
    """Returns what an alert is recognised by: GitHub's own hash of the line, if it was read, and kgate's, which no
    inserted line changes."""
    line_hash = finding.location.line_hash
    return {**({"primaryLocationLineHash": line_hash} if line_hash else {}), "kgate/v1": fingerprint}


def _suppressions(finding: Finding) -> list[Json]:
    if finding.waiver is None:
        return []
    justification = shown(acceptance(finding.waiver), _MESSAGE_LIMIT)
    kind = "inSource" if finding.waiver.is_inline else "external"
    return [{"kind": kind, "justification": justification, "status": "accepted"}]


def _location(finding: Finding, surroundings: LinesAround) -> Json:
    place = _physical_location(finding.location, *surroundings.around(finding, _LINES_AROUND))
    return {"logicalLocations": _logical_locations(finding), "physicalLocation": place}


def _physical_location(location: Location, before: Sequence[str] = (), after: Sequence[str] = ()) -> Json:
    context = _context(location, before, after)
    return {
        "artifactLocation": {"uri": _uri(location.path), "uriBaseId": _ROOT},
        **({"contextRegion": context} if context else {}),
        "region": _region(location),
    }


def _logical_locations(finding: Finding) -> list[Json]:
    """Returns the field in every object that has it; no two are equal (section 3.28.4)."""
    field = field_path(finding.location.pointer)
    names = (f"{name}/{field}" if field else str(name) for name in finding.resources[:_MOST_RELATED])
    unique = dict.fromkeys(shown(name, _MESSAGE_LIMIT) for name in names)
    return [{"fullyQualifiedName": name, "kind": "property"} for name in unique]


def _artifact(path: str) -> Any:
    return _new("ArtifactLocation", uri=_uri(path), uri_base_id=_ROOT)


def _uri(path: str) -> str:
    """Returns a URI below the repository's root; percent-encoded, so that a colon begins no scheme."""
    return quote(path.encode("utf-8", "surrogatepass"), safe="/")


def _region(location: Location) -> Json:
    start, end = location.start, location.end
    inside = location.snippet[start.column - 1 : end.column - 1]
    exact = start.line == end.line and len(location.snippet) < _UNCUT_LENGTH and inside
    snippet = {"snippet": _source_text(inside)} if exact else {}
    return {
        "endColumn": end.column,
        "endLine": end.line,
        **snippet,
        "startColumn": start.column,
        "startLine": start.line,
    }


def _context(location: Location, before: Sequence[str], after: Sequence[str]) -> Json | None:
    """Returns the lines around a region, and its own; None if they are no more than the region (section 3.29.5: a
    proper superset), as in a file of one line. Their text is known for a region within one line."""
    start, end = location.start, location.end
    if start.line != end.line:
        return None if start.column == 1 else {"endLine": end.line, "startLine": start.line}
    is_whole_line = start.column == 1 and end.column > len(location.snippet)
    if is_whole_line and not (before or after):
        return None
    text = "\n".join(
        (*(one[:_LINE_LENGTH] for one in before), location.snippet, *(one[:_LINE_LENGTH] for one in after))
    )
    last = {"endLine": end.line + len(after)} if before or after else {}
    return {**last, "snippet": _source_text(text), "startLine": start.line - len(before)}


def _source_text(text: str) -> dict[str, str]:
    return {"text": _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)}


# ------------------------------------------------------------------------------------------ dump

_ALWAYS = frozenset({"level", "ruleIndex", "executionSuccessful"})
"""Properties that are written even if they equal the default: a missing level means the rule's."""


def dump(node: Any) -> Json:
    """Returns plain JSON types for an object of sarif-om, without properties that are None or equal their default."""
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
    """Returns attribute, SARIF property and default of every property of a class of sarif-om."""
    fields: tuple[Any, ...] = getattr(cls, "__attrs_attrs__")  # noqa: B009
    return tuple((field.name, field.metadata["schema_property_name"], _default(field)) for field in fields)


def _default(field: Any) -> Any:
    factory = getattr(field.default, "factory", None)
    return field.default if factory is None else factory()
