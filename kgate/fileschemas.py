"""JSON Schemas of the files that users write, for their editors: made of what the readers of these files accept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from kgate import baselinefile, environment
from kgate.config.clusterlist import CLUSTER_FIELDS
from kgate.config.file import KNOWN, UNJUDGED
from kgate.config.gatelist import GATE_FIELDS, KIND, MATCH_FIELDS
from kgate.config.rulesettings import RULE_SETTING_FIELDS
from kgate.kubernetes import pss
from kgate.kubernetes.components.flags import NAMES
from kgate.limits import HIGHEST_SCORE, LEVEL_SCORES, LIMITS, Limit
from kgate.model import Persona, Severity
from kgate.policy.floor import FLOOR_FIELDS
from kgate.rendering.helm.releases import CHART_FIELDS, RELEASE_FIELDS
from kgate.rules import rulefile
from kgate.waiverfile import (
    DATE,
    ENTRY_FIELDS,
    FILE_FIELDS,
    FINGERPRINT,
    LEAST_DAYS,
    MOST_DAYS,
    OF_FINDINGS,
    REQUIRABLE,
    RESOURCE_FIELDS,
    SCOPES,
    WAIVERS_FIELDS,
)

Schema = dict[str, Any]

_HOME = "https://github.com/kgate/kgate/blob/main"
_SEVERITIES = [severity.label for severity in reversed(Severity)]
_PERSONAS = [persona.label for persona in Persona]
_KUBERNETES = r"^(latest|v?1\.(0|[1-9]\d{0,3})(\.\d+)?)$"


def schemas() -> dict[str, str]:
    """Returns the text of each schema by the name of its file."""
    made = {
        "baseline-1.json": _baseline(),
        "config-1.json": _config(),
        "rule-1.json": _rule(),
        "waivers-1.json": _waivers(),
    }
    return {name: _printed(schema) for name, schema in made.items()}


def _printed(schema: Schema) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _file(name: str, title: str, schema: Schema) -> Schema:
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"{_HOME}/kgate/schemas/{name}"}
    return {**head, "title": title, **schema}


# ------------------------------------------------------------------------------------------ kgate.yaml


def _config() -> Schema:
    """The schema of kgate.yaml, which may be empty; it fails if a key of the reader is not described here."""
    return _file("config-1.json", "Configuration of kgate (kgate.yaml)", _optional(_mapping(KNOWN, _CONFIG)))


_SCORE: Schema = {
    "anyOf": [
        {"type": "integer", "minimum": 0, "maximum": HIGHEST_SCORE},
        {"enum": [*LEVEL_SCORES]},
        {"type": "null"},
    ],
    "description": "The score that every workload must reach: baseline begins at 60, restricted at 90.",
}


def _limit(limit: Limit) -> Schema:
    schema = {"type": "integer", "minimum": limit.least, "maximum": limit.most, "default": limit.default}
    return _told(f"{limit.unit}; a file may only lower it.", schema)


def _told(description: str, schema: Schema) -> Schema:
    return {"description": description, **schema}


def _not_null(key: str) -> Schema:
    """A mapping in which a key is there, and not null."""
    return {"required": [key], "properties": {key: {"not": {"type": "null"}}}}


def _optional(schema: Schema) -> Schema:
    """A schema that null fits, too: readers take it for an absent field."""
    if "enum" in schema:
        return {**schema, "enum": [*schema["enum"], None]}
    if "type" in schema:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        return {**schema, "type": [*kinds, "null"]}
    return schema


def _mapping(keys: Iterable[str], fields: Mapping[str, Schema], needed: Iterable[str] = ()) -> Schema:
    """A mapping with exactly these keys, of which ``needed`` must be there, and not null."""
    must = list(needed)
    known = {key: fields[key] if key in must else _optional(fields[key]) for key in keys}
    schema = {"type": "object", "additionalProperties": False, "properties": known}
    return {**schema, "required": must} if must else schema


def _texts(description: str, **limits: Any) -> Schema:
    return _told(description, {"type": "array", "items": {"type": "string", **limits}})


_STRINGS: Schema = {"type": "object", "additionalProperties": {"type": ["string", "null"]}}
_VERSION: Schema = {"type": "string", "pattern": _KUBERNETES, "examples": [f"1.{pss.NEWEST_MINOR}", "latest"]}
_HOST = r"^(https?://)?([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$"
_ARGUMENT = "^(?!-)"
"""What helm does not take for an option."""

_RELEASE: Mapping[str, Schema] = {
    "name": {"type": "string", "maxLength": 53, "pattern": r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$"},
    "namespace": {"type": "string", "pattern": _ARGUMENT},
    "values": _texts("Values files, next to kgate.yaml or in the chart."),
    "set": _texts("As --set of helm.", pattern="^[^-=][^=]*="),
    "set-string": _texts("As --set-string of helm.", pattern="^[^-=][^=]*="),
    "kubernetes-version": {"type": "string", "pattern": r"^(v?\d+\.\d+(\.\d+)?([-+][\w.+-]+)?)?$"},
    "api-versions": _texts("As --api-versions of helm.", pattern=_ARGUMENT),
}
_CHART: Mapping[str, Schema] = {
    "path": _told("Folder of a chart, its .tgz archive, or a pattern.", {"type": "string", "minLength": 1}),
    "releases": {"type": "array", "items": _mapping(RELEASE_FIELDS, _RELEASE)},
}
_LEVEL = _told("The Pod Security level that every workload must reach.", {"enum": [*pss.LEVELS]})
_FAIL_ON = _told("Fail for any finding of this severity or above.", {"enum": _SEVERITIES})
_JUDGED_FOR = _told("The Kubernetes version to judge for, in quotes.", {**_VERSION, "pattern": rf"{_KUBERNETES}|^$"})
_FLOOR: Mapping[str, Schema] = {
    "min-score": _SCORE,
    "level": _LEVEL,
    "fail-on": {"enum": _SEVERITIES},
    "kubernetes-version": {**_VERSION, "pattern": rf"{_KUBERNETES}|^$"},
    "never-ignore": _texts("Rules that cannot be ignored."),
    "never-waive": _texts("Rules whose findings cannot be waived."),
}
_CLUSTER: Mapping[str, Schema] = {
    "name": {"type": "string", "minLength": 1},
    "server": {"type": "string"},
    "labels": _STRINGS,
    "annotations": _STRINGS,
}
_ARGOCD: Mapping[str, Schema] = {
    "clusters": {"type": "array", "items": _mapping(environment.CLUSTER_FIELDS, _CLUSTER, ["name"])},
    "plugins": {"type": "object", "additionalProperties": {"enum": [*environment.TOOLS, None]}},
}
_FLUX: Mapping[str, Schema] = {
    "variables": {**_STRINGS, "propertyNames": {"pattern": f"^{environment.VARIABLE.pattern}$"}},
}
_PARAMETER: Schema = {
    "anyOf": [{"type": ["string", "integer", "boolean"]}, {"type": "array", "items": {"type": "string"}}]
}
_PATTERNS: Schema = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
        {"type": "null"},
    ]
}
_KINDS: Schema = {"type": "string", "pattern": f"^{KIND.pattern}$"}
_MATCH: Mapping[str, Schema] = {
    "paths": _told("Files, or folders of charts and kustomizations: lines as in .kgateignore.", _PATTERNS),
    "namespaces": _told("Patterns such as team-*.", _PATTERNS),
    "labels": _told(
        "Labels of the object, each with a pattern.",
        {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string", "minLength": 1}},
    ),
    "kinds": _told(
        "Kinds such as Deployment or Deployment.apps.",
        {"anyOf": [_KINDS, {"type": "array", "minItems": 1, "items": _KINDS}, {"type": "null"}]},
    ),
    "names": _told("Patterns of names.", _PATTERNS),
}
_GATE: Mapping[str, Schema] = {
    "match": _told(
        "Which resources: those that fit everything here.",
        {**_mapping(MATCH_FIELDS, _MATCH), "anyOf": [_not_null(key) for key in MATCH_FIELDS]},
    ),
    "min-score": _SCORE,
    "level": _LEVEL,
    "fail-on": _FAIL_ON,
    "kubernetes-version": _JUDGED_FOR,
}
_CLUSTER_FOLDERS: Mapping[str, Schema] = {
    "name": _told("What messages call it.", {"type": "string", "minLength": 1}),
    "paths": _told("Its folders: lines as in .kgateignore.", {**_PATTERNS, "not": {"type": "null"}}),
}
_RULE_SETTING: Mapping[str, Schema] = {
    "severity": {"enum": _SEVERITIES},
    "points": _told("What it costs inside the band.", {"type": "integer", "minimum": 1, "maximum": 10}),
    "parameters": _told(
        "Values of its parameters, which `kgate rules show` lists.",
        {"type": "object", "additionalProperties": _PARAMETER},
    ),
}
_ASKS_FOR_SOMETHING: Schema = {"anyOf": [_not_null(key) for key in GATE_FIELDS if key != "match"]}
_BLANK = r"^\s*$"
_SAID: Schema = {"type": "string", "not": {"pattern": _BLANK}}
_NAMED: Schema = {"anyOf": [_SAID, {"type": "array", "minItems": 1, "items": _SAID}]}
_RESOURCE: Mapping[str, Schema] = dict.fromkeys(RESOURCE_FIELDS, _SAID)
_OBJECT: Schema = {"type": "string", "pattern": "^[^/]+/[^/]+(/[^/]+)?$"}
_FINGERPRINT: Schema = {"type": "string", "pattern": f"^{FINGERPRINT.pattern}$"}
_ENTRY: Mapping[str, Schema] = {
    "rule": _told("The rule whose findings are accepted, or a list of rules.", _NAMED),
    "problem": _told("A part of what a problem says; * stands for anything.", _NAMED),
    "unjudged": _told("A part of what is said of something that is not judged; * stands for anything.", _NAMED),
    "path": _told("File, with * within a name and ** for folders.", _NAMED),
    "resource": _told(
        "KIND/NAMESPACE/NAME or KIND/NAME, with *.",
        {
            "anyOf": [
                _OBJECT,
                {"type": "array", "minItems": 1, "items": _OBJECT},
                {**_mapping(RESOURCE_FIELDS, _RESOURCE), "minProperties": 1},
            ]
        },
    ),
    "container": _told("Name of the container, with *.", _NAMED),
    "field": _told("Path of the field, or its end: securityContext.privileged.", _NAMED),
    "image": _told("Image of the container, with or without its tag, with *.", _NAMED),
    "fingerprint": _told(
        "Fingerprint of a report.", {"anyOf": [_FINGERPRINT, {"type": "array", "minItems": 1, "items": _FINGERPRINT}]}
    ),
    "reason": _told("Why it is accepted.", _SAID),
    "owner": _told("Who accepts it.", _SAID),
    "until": _told("The last day on which it holds.", {"type": "string", "pattern": f"^{DATE.pattern}$"}),
}


def _given(name: str) -> Schema:
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


def _entry() -> Schema:
    """The schema of a waiver: of a rule with a scope, or of a remark with a path."""
    remark = {**_given("path"), "properties": {name: {"type": "null"} for name in OF_FINDINGS}}
    kinds = [
        {**_given("rule"), "anyOf": [_given(name) for name in SCOPES]},
        {"allOf": [_given("problem"), remark]},
        {"allOf": [_given("unjudged"), remark]},
    ]
    return {**_mapping(ENTRY_FIELDS, _ENTRY, ["reason"]), "oneOf": kinds}


_ACCEPT: Schema = {"type": "array", "items": _entry()}
_WAIVERS: Mapping[str, Schema] = {
    "require": _told("What every waiver must say.", {"type": "array", "items": {"enum": [*REQUIRABLE, "reason"]}}),
    "max-days": _told(
        "Days that a waiver may last from today.", {"type": "integer", "minimum": LEAST_DAYS, "maximum": MOST_DAYS}
    ),
    "inline": _told("Whether comments and annotations in manifests may waive.", {"type": "boolean", "default": True}),
    "never": _texts("Rules whose findings nobody may waive."),
    "accept": _told("The waivers.", _ACCEPT),
}


def _waivers() -> Schema:
    """The schema of kgate-waivers.yaml, which may be empty."""
    return _file("waivers-1.json", "Waivers of kgate (kgate-waivers.yaml)", _optional(_mapping(FILE_FIELDS, _WAIVERS)))


_CONFIG: Mapping[str, Schema] = {
    "min-score": _SCORE,
    "level": _LEVEL,
    "fail-on": _FAIL_ON,
    "kubernetes-version": _JUDGED_FOR,
    "persona": _told("Which rules are used.", {"enum": _PERSONAS}),
    "select": _texts("Use only these rules."),
    "ignore": _texts("Leave out these rules."),
    "rules": _texts("Folders with rules of your own."),
    "allow-empty": _told("Do not fail if no Kubernetes object is found.", {"type": "boolean", "default": False}),
    "unjudged": _told("What it makes of a scan if something was not judged.", {"enum": [*UNJUDGED]}),
    "charts": _told(
        "What you deploy of your charts.", {"type": "array", "items": _mapping(CHART_FIELDS, _CHART, ["path"])}
    ),
    "repositories": _texts("URLs under which Argo CD and Flux know this repository."),
    "helm-degraded": _told("Render what can be rendered; report the rest.", {"type": "boolean", "default": False}),
    "flux": _told("What Flux knows and the repository does not.", _mapping(environment.FLUX_FIELDS, _FLUX)),
    "argocd": _told("What Argo CD knows and the repository does not.", _mapping(environment.ARGOCD_FIELDS, _ARGOCD)),
    "gates": _told(
        "What some workloads must reach instead of what stands at the top.",
        {"type": "array", "items": {**_mapping(GATE_FIELDS, _GATE, ["match"]), **_ASKS_FOR_SOMETHING}},
    ),
    "clusters": _told(
        "Folders of which each holds what is deployed to one cluster.",
        {
            "type": "array",
            "items": _mapping(CLUSTER_FIELDS, _CLUSTER_FOLDERS, CLUSTER_FIELDS),
        },
    ),
    "rule-settings": _told(
        "Severity, points and parameters of rules, by their ids.",
        {
            "type": "object",
            "additionalProperties": {
                **_mapping(RULE_SETTING_FIELDS, _RULE_SETTING),
                "anyOf": [_not_null(key) for key in RULE_SETTING_FIELDS],
            },
        },
    ),
    "extends": _told("A file of this repository whose settings hold where this one says nothing.", {"type": "string"}),
    "floor": _told("What no configuration that extends this file goes below.", _mapping(FLOOR_FIELDS, _FLOOR)),
    "waivers": _told("Risks that are accepted, and what must be said of each.", _mapping(WAIVERS_FIELDS, _WAIVERS)),
    "baseline": _told("File with the findings that the gate accepts.", {"type": "string"}),
    "pull-from": _texts("Hosts that kgate pull may ask, if no change can have written this.", pattern=_HOST),
    **{limit.key: _limit(limit) for limit in LIMITS},
}


# ------------------------------------------------------------------------------------------ rule files


def _rule() -> Schema:
    """The schema of a rule file; it fails if a field of the reader is not described here."""
    fields = _mapping((*rulefile.REQUIRED, *rulefile.OPTIONAL), _RULE, rulefile.REQUIRED)
    resource = {"anyOf": [{"const": "resource"}, {"type": "array", "contains": {"const": "resource"}}]}
    kinds = {"required": ["kinds"], "properties": {"kinds": {"minItems": 1}}}
    goes_with = {
        "if": {"properties": {"target": resource}},
        "then": kinds,
        "else": {"properties": {"kinds": {"maxItems": 0, "type": ["array", "null"]}}},
    }
    return _file("rule-1.json", "Rule of kgate", {**fields, **goes_with})


def _one_or_more(item: Schema) -> Schema:
    return {"anyOf": [item, {"type": "array", "items": item}, {"type": "null"}]}


def _whole(pattern: str) -> Schema:
    return {"type": "string", "pattern": f"^({pattern})$"}


_TEXT: Schema = {"type": "string"}
_FILLED: Schema = {"type": "string", "minLength": 1}
_BOUND = rf"\s*{rulefile.VERSION_BOUND.pattern}"
_CHECK = _mapping(("level", "check"), {"level": {"enum": [*rulefile.PSS_LEVELS]}, "check": _FILLED}, ("level", "check"))
_EXAMPLE: Schema = {  # params is checked by the reader, since its names are those of the rule
    "type": "object",
    "properties": {"kubernetes": {"type": ["string", "null"], "pattern": rf"^({rulefile.VERSION.pattern})?$"}},
}
_EXAMPLES: Schema = {"type": "array", "minItems": 1, "items": _EXAMPLE}
_TARGET: Schema = {"enum": [*rulefile.TARGETS]}
_VALUE: Schema = {"type": ["string", "number", "boolean"]}
_WANTED: Schema = {
    "type": "object",
    "propertyNames": _whole(rulefile.FIX_PATH.pattern),
    "additionalProperties": {"anyOf": [_VALUE, {"type": "array", "minItems": 1, "items": _VALUE}]},
}
_SAFETY: Schema = {"enum": [*rulefile.SAFETIES]}
_CONDITION: Mapping[str, Schema] = {"expression": _FILLED, "otherwise": _FILLED, "safety": _SAFETY}
_FIX: Mapping[str, Schema] = {
    "set": _told("Fields to set; of a list, the members that must be there.", _WANTED),
    "correct": _told("Fields to set if they are there.", _WANTED),
    "remove": _one_or_more(_whole(rulefile.FIX_PATH.pattern)),
    "safety": _told("Whether a program may notice.", _SAFETY),
    "when": {
        "type": "array",
        "items": _mapping(rulefile.CONDITION, _CONDITION, ("expression", "otherwise")),
    },
}
_RULE: Mapping[str, Schema] = {
    "id": _told("Kebab-case name of what is wrong; equals the file's name.", _whole(rulefile.ID.pattern)),
    "title": _told("What is wrong, in words.", _TEXT),
    "severity": {"enum": _SEVERITIES},
    "points": _told("What it costs inside the band.", {"type": "integer", "minimum": 1, "maximum": 10}),
    "target": {"anyOf": [_TARGET, {"type": "array", "minItems": 1, "items": _TARGET}]},
    "expression": _told("CEL; true = allowed.", _FILLED),
    "message": _told("What is wrong, in one sentence.", _TEXT),
    "rationale": _told("What an attacker gains.", _TEXT),
    "remediation": _told("What to write instead.", _TEXT),
    "instead": _told(
        "What to write instead, in a few words after the offending source.",
        {"type": "string", "pattern": rf"^\s*(\S([^\n]{{0,{rulefile.MAX_INSTEAD - 2}}}\S)?)?\s*$"},
    ),
    "fix": _told("How it is fixed; kgate fix does it.", _mapping(rulefile.FIX, _FIX, ("safety",))),
    "examples": _mapping(("good", "bad"), {"good": _EXAMPLES, "bad": _EXAMPLES}, ("good", "bad")),
    "persona": {"enum": _PERSONAS},
    "pss": {"anyOf": [_CHECK, {"type": "array", "items": _CHECK}, {"type": "null"}]},
    "kubernetes": {"type": "string", "pattern": rf"^({_BOUND})*\s*$", "examples": [">=1.8 <1.25"]},
    "each": _one_or_more(_whole(rulefile.PATH.pattern)),
    "kinds": _one_or_more(_TEXT),
    "components": _one_or_more({"enum": [*NAMES]}),
    "variables": {
        "type": "array",
        "items": _mapping(
            ("name", "expression"),
            {"name": _whole(rulefile.IDENTIFIER.pattern), "expression": _FILLED},
            ("name", "expression"),
        ),
    },
    "parameters": _told(
        "Values that a configuration may set: params.NAME in the expressions.",
        {
            "type": "object",
            "propertyNames": {"pattern": f"^({rulefile.IDENTIFIER.pattern})$"},
            "additionalProperties": _mapping(
                ("default", "description"), {"default": _PARAMETER, "description": _FILLED}, ("default", "description")
            ),
        },
    ),
    "fields": _one_or_more(_whole(rulefile.PATH.pattern)),
    "includes": _one_or_more(_TEXT),
    "references": {
        "type": "array",
        "items": _mapping(("title", "url"), {"title": _FILLED, "url": _FILLED}, ("title", "url")),
    },
    "tags": _one_or_more(_TEXT),
    "equivalents": {"type": "object", "additionalProperties": _one_or_more(_TEXT)},
}


# ------------------------------------------------------------------------------------------ baselines


def _baseline() -> Schema:
    """The schema of kgate-baseline.json; it fails if a field of the reader is not described here."""
    finding = _known_entry(baselinefile.FINDING_FIELDS, ("rule", "path", "fingerprint"))
    one_object = {"oneOf": [{"required": ["workload"]}, {"required": ["resource"]}]}
    lists = {
        "findings": {"type": "array", "items": {**finding, **one_object}},
        "workloads": {
            "type": "array",
            "items": _known_entry(baselinefile.WORKLOAD_FIELDS, ("workload", "path", "score")),
        },
    }
    whole = {"type": "object", "additionalProperties": False, "required": ["schema", *lists]}
    properties = {"schema": {"const": baselinefile.SCHEMA}, **lists}
    return _file("baseline-1.json", "Baseline of kgate (kgate-baseline.json)", {**whole, "properties": properties})


def _known_entry(keys: Iterable[str], needed: Iterable[str]) -> Schema:
    properties = {key: _BASELINE[key] for key in keys}
    return {"type": "object", "additionalProperties": False, "required": [*needed], "properties": properties}


_BASELINE: Mapping[str, Schema] = {
    "workload": _told("The object that runs pods, as Kind/namespace/name.", _TEXT),
    "resource": _told("An object that runs none.", _TEXT),
    "rule": _TEXT,
    "container": _TEXT,
    "field": _told("The field, with items of lists by their names.", _TEXT),
    "path": _told("The file in which the object begins.", _TEXT),
    "written": _told("The name of the object as its template writes it.", _TEXT),
    "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    "count": _told(
        "How often it is there, if more than once.", {"type": "integer", "minimum": 1, "maximum": 1_000_000}
    ),
    "renderings": _told("What renders the object.", {"type": "array", "items": _TEXT}),
    "score": _told(
        "The score; null if not all of it could be judged.",
        {"type": ["integer", "null"], "minimum": 0, "maximum": HIGHEST_SCORE},
    ),
}
