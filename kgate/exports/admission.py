"""Writes what a cluster needs to ask ``kgate serve`` about its objects: as YAML, a kustomization or a Helm chart."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Literal, TypeAlias

from kgate.values import dataclass

Mode: TypeAlias = Literal["deny", "warn", "audit"]
Certificate: TypeAlias = Literal["cert-manager", "job", "secret"]

MODES: tuple[Mode, ...] = ("deny", "warn", "audit")
CERTIFICATES: tuple[Certificate, ...] = ("cert-manager", "job", "secret")

_BEFORE = ("namespace", "service-account", "configuration", "certificate")
_PARTS = (*_BEFORE, "deployment", "service", "disruption-budget", "network-policy", "webhook")
"""The files, in the order in which they are applied: the webhook comes once there is somebody to ask."""


@dataclass(frozen=True, slots=True)
class Demands:
    """What the server asks of objects; None or empty where its configuration, or else its defaults, say it."""

    min_score: int | None = None
    level: str = ""
    fail_on: str = ""


@dataclass(frozen=True, slots=True)
class Webhook:
    """How objects are judged, and what judges them.

    ``resources`` are the API groups with the resources that are judged, ``exempt`` the namespaces in which none is;
    ``files`` holds the configuration by name. ``authorities``, in PEM, are those of a certificate that the user brings.
    """

    version: str
    image: str
    resources: tuple[tuple[str, tuple[str, ...]], ...]
    namespace: str = "kgate"
    replicas: int = 2
    mode: Mode = "deny"
    demands: Demands = Demands()
    exempt: tuple[str, ...] = ()
    certificate: Certificate = "cert-manager"
    authorities: str = ""
    files: tuple[tuple[str, str], ...] = ()


def stream(webhook: Webhook) -> Iterator[str]:
    """Yields all objects as one stream of YAML documents."""
    yield _heading(webhook)
    yield from (f"---\n{text}" for text in _parts(webhook, _plain(webhook)).values())


def webhook_alone(webhook: Webhook, url: str) -> str:
    """Returns the webhook configuration for a server outside of the cluster, at that address. The path tells the server
    what objects must reach, if anything but its own settings."""
    path = "/".join((url, "admit", webhook.mode, *(f"{name}-{value}" for name, value in _stated(webhook.demands))))
    own = {"certificate": "", "url": json.dumps(path)}
    return f"{_heading(webhook)}---\n{_part('webhook', webhook, {**_plain(webhook), **own})}"


def kustomization(webhook: Webhook) -> Mapping[str, str]:
    """Returns the files of a kustomization by name; it generates the ConfigMap, so that a change replaces the Pods."""
    parts = _parts(webhook, {**_plain(webhook), "checksum": ""})
    parts.pop("configuration.yaml", None)
    values = {"namespace": json.dumps(webhook.namespace), "names": list(parts), "files": dict(webhook.files)}
    return {
        **parts,
        **dict(webhook.files),
        "kustomization.yaml": _heading(webhook) + _template("kustomization.yaml", values),
    }


def chart(webhook: Webhook) -> Mapping[str, str]:
    """Returns the files of a Helm chart by name. Its namespace is that of the release, which helm makes."""
    parts = _parts(webhook, _of_release(webhook))
    parts.pop("namespace.yaml")
    version = re.sub(r"(?<=\d)\.?(?=[a-z])", "-", webhook.version)  # 1.2.3rc1 is 1.2.3-rc1 to helm
    values = {"one": webhook, "version": version, "exempt": webhook.exempt, "demands": webhook.demands}
    names = ("Chart.yaml", "values.yaml", "values.schema.json", "templates/NOTES.txt")
    return {
        **{name: _template(f"chart/{name.removeprefix('templates/')}", values) for name in names},
        **{f"files/{name}": text for name, text in webhook.files},
        **{f"templates/{name}": text for name, text in parts.items()},
    }


def _heading(webhook: Webhook) -> str:
    return (
        f"# Asks kgate {webhook.version} about whatever runs Pods, by `kgate export admission`.\n"
        "# Do not edit: change the configuration or the options, and export again.\n"
    )


# ----------------------------------------------------------------------------------- what templates say


def _plain(webhook: Webhook) -> dict[str, Any]:
    """Returns the values of templates that are applied as they are. Names are in quotes, as ``y`` and ``1e3`` are no
    texts to some readers of YAML."""
    return {
        "helm": False,
        "namespace": json.dumps(webhook.namespace),
        "host": f"kgate.{webhook.namespace}.svc",
        "authority": f"{webhook.namespace}/kgate-authority",
        "image": json.dumps(webhook.image),
        "replicas": webhook.replicas,
        "options": [(f"--{name}={value}", "") for name, value in _stated(webhook.demands)],
        "path": f"/admit/{webhook.mode}",
        "failure_policy": "Fail" if webhook.mode == "deny" else "Ignore",
        "exempt": json.dumps(sorted({*webhook.exempt, webhook.namespace})),
        "checksum": _digest(*(part for file in webhook.files for part in file)) if webhook.files else "",
        "job": f"kgate-certificate-{_digest(webhook.version, _script(), webhook.image, webhook.namespace)[:8]}",
    }


def _stated(demands: Demands) -> Iterator[tuple[str, int | str]]:
    """Yields what is asked of objects, by the name of the option."""
    for name, value in (("min-score", demands.min_score), ("level", demands.level), ("fail-on", demands.fail_on)):
        if value is not None and value != "":
            yield name, value


def _of_release(webhook: Webhook) -> dict[str, Any]:
    """Returns the values of a chart's templates, which say what the values and the release of the chart do."""
    return {
        "helm": True,
        "namespace": "{{ .Release.Namespace | quote }}",
        "host": "kgate.{{ .Release.Namespace }}.svc",
        "authority": "{{ .Release.Namespace }}/kgate-authority",
        "image": "{{ .Values.image | quote }}",
        "replicas": "{{ .Values.replicas }}",
        "options": [
            ("--min-score={{ .Values.minScore }}", 'not (kindIs "invalid" .Values.minScore)'),
            ("--level={{ .Values.level }}", ".Values.level"),
            ("--fail-on={{ .Values.failOn }}", ".Values.failOn"),
        ],
        "path": "/admit/{{ .Values.mode }}",
        "failure_policy": '{{ if eq .Values.mode "deny" }}Fail{{ else }}Ignore{{ end }}',
        "exempt": "{{ append .Values.exemptNamespaces .Release.Namespace | uniq | sortAlpha | toJson }}",
        "checksum": '{{ (.Files.Glob "files/*").AsConfig | sha256sum }}' if webhook.files else "",
        "job": f"kgate-certificate-{_digest(webhook.version, _script())[:8]}-"
        '{{ list .Values.image .Release.Namespace | join " " | sha256sum | trunc 8 }}',
    }


def _parts(webhook: Webhook, values: Mapping[str, Any]) -> dict[str, str]:
    """Returns the files that hold objects, by name."""
    names = (name for name in _PARTS if name != "configuration" or webhook.files)
    return {f"{name}.yaml": _part(name, webhook, values) for name in names}


def _part(name: str, webhook: Webhook, values: Mapping[str, Any]) -> str:
    template = f"certificate-{webhook.certificate}" if name == "certificate" else name
    of_all = {
        "certificate": webhook.certificate,
        "url": "",
        "files": dict(webhook.files),
        "authorities": base64.b64encode(webhook.authorities.encode()).decode(),
        "resources": webhook.resources,
        "script": _script(),
    }
    return _template(f"{template}.yaml", {**of_all, **values})


def _script() -> str:
    """Returns the script that makes certificates."""
    return _template("certificate.sh", {})


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _block(text: str) -> str:
    """Returns a text as YAML writes it, in several lines where it can, as the value of a key indented by two."""
    import yaml  # few commands write YAML

    written = str(yaml.safe_dump({"": text}, default_style="|", allow_unicode=True, width=100_000))
    return written.partition(": ")[2].rstrip("\n").replace("\n  ", "\n    ")


def _template(name: str, values: Mapping[str, Any]) -> str:
    text: str = _environment().get_template(f"{name}.j2").render(values)
    return text


@cache
def _environment() -> Any:
    """Returns the environment of the templates, whose signs are neither those of helm nor those of YAML."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("kgate.exports", "templates/admission"),
        autoescape=False,  # noqa: S701  YAML, not HTML
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["block"] = _block
    return environment
