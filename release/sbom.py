"""The software bill of materials (SBOM): what kgate needs in an environment, as CycloneDX."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from release.errors import ReleaseError
from release.packages import project_name

_SPECIFICATION = "1.6"


def write(root: Path, python: Path, file: Path) -> str:
    """Writes the bill of the environment of a Python. Returns a line about it."""
    command = (sys.executable, "-m", "cyclonedx_py", "environment", "--spec-version", _SPECIFICATION)
    made = subprocess.run((*command, "--output-reproducible", os.fspath(python)), stdout=subprocess.PIPE, check=True)
    inspected = subprocess.run((os.fspath(python), "-m", "pip", "inspect"), stdout=subprocess.PIPE, check=True)
    name = project_name(root)
    bill = restrict(json.loads(made.stdout), name, required(json.loads(inspected.stdout), name))
    text = json.dumps(numbered(bill), indent=2, ensure_ascii=False) + "\n"
    validate(text)
    file.write_text(text, encoding="utf-8")
    return f"{file.name}: {len(bill['components'])} components"


def required(inspected: Mapping[str, Any], name: str) -> frozenset[str]:
    """Returns the canonical names of what a package needs at run time, itself included, from ``pip inspect``.

    What it needs for extras that nobody asks for does not count: cyclonedx-py lists that as well, if it is installed.
    """
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    needs = {str(canonicalize_name(one["metadata"]["name"])): one["metadata"] for one in inspected["installed"]}
    found, ahead = set[tuple[str, str]](), [(str(canonicalize_name(name)), "")]
    while ahead:
        package, extra = ahead.pop()
        if (package, extra) in found:
            continue
        if package not in needs:
            raise ReleaseError(f"the environment has no {package}; install the wheel and what it needs there")
        found.add((package, extra))
        for need in map(Requirement, needs[package].get("requires_dist", [])):
            if need.marker is None or need.marker.evaluate(inspected["environment"] | {"extra": extra}):
                ahead += ((canonicalize_name(need.name), one) for one in ("", *need.extras))
    return frozenset(package for package, _ in found)


def restrict(bill: Mapping[str, Any], name: str, names: frozenset[str]) -> dict[str, Any]:
    """Returns a bill about the package of that name, which lists only the packages named."""
    from packaging.utils import canonicalize_name

    kept = [component for component in bill["components"] if canonicalize_name(component["name"]) in names]
    (subject,) = (component for component in kept if component["name"] == name)
    references = {component["bom-ref"] for component in kept}
    edges = [
        {"ref": entry["ref"], "dependsOn": [one for one in entry.get("dependsOn", []) if one in references]}
        for entry in bill["dependencies"]
        if entry["ref"] in references
    ]
    return {
        **bill,
        "metadata": {**bill["metadata"], "component": _subject(subject)},
        "components": [component for component in kept if component is not subject],
        "dependencies": edges,
    }


def _subject(component: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what the bill is about. Of the path that it was installed from only the file's name says something."""
    references = [
        reference | {"url": reference["url"].rpartition("/")[2]} if reference["type"] == "distribution" else reference
        for reference in component.get("externalReferences", [])
    ]
    return {**component, "type": "application", "externalReferences": references}


def numbered(bill: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a bill with a serial number, which GitHub's attestation asks for: the same for the same bill."""
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(bill, sort_keys=True))
    return {**bill, "serialNumber": serial.urn}


def validate(text: str) -> None:
    """Raises ReleaseError if the text does not follow CycloneDX's own JSON schema."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    fault = JsonStrictValidator(SchemaVersion.from_version(_SPECIFICATION)).validate_str(text)
    if fault is not None:
        raise ReleaseError(f"the bill of materials is not CycloneDX {_SPECIFICATION}: {fault}")
