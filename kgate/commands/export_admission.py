"""``kgate export admission``: what a cluster needs to ask ``kgate serve`` about its objects."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgate import __version__
from kgate.commands import console
from kgate.commands.groups import MinScore, OneOf
from kgate.commands.network import config_option
from kgate.commands.today import today
from kgate.errors import ConfigError, OutputError
from kgate.exports.admission import CERTIFICATES, MODES
from kgate.model import Severity

if TYPE_CHECKING:
    from kgate.exports.admission import Webhook
    from kgate.repository import UntrustedFolders

SYSTEM = ("kube-node-lease", "kube-public", "kube-system")
"""Namespaces of Kubernetes itself, in which nothing is judged by default."""


class _Name(click.ParamType):  # type: ignore[type-arg] # generic since 8.5
    """A name that a pattern describes whole."""

    def __init__(self, name: str, pattern: str, advice: str) -> None:
        self.name, self._pattern, self._advice = name, re.compile(pattern), advice

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Returns the name. Raises BadParameter."""
        if not self._pattern.fullmatch(str(value)):
            self.fail(f"'{value}' cannot be the name of {self._advice}", param, ctx)
        return str(value)


_NAMESPACE = _Name("namespace", r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", "a namespace: write a-z, 0-9 and - alone")
_IMAGE = _Name("image", r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,511}", "an image: write registry.example.org/kgate@sha256:…")


class _Address(click.ParamType):  # type: ignore[type-arg] # generic since 8.5
    """The address of a server, as the API server takes it."""

    name = "url"
    _PATTERN = re.compile(
        r"https://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/([A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?"
    )

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Returns the address without a slash at its end. Raises BadParameter."""
        from urllib.parse import urlsplit

        text = str(value)
        try:
            is_address = self._PATTERN.fullmatch(text) is not None and urlsplit(text).port != 0
        except ValueError:  # a port above the last one, or something else in brackets than an IPv6 address
            is_address = False
        if not is_address:
            advice = "write https, a host and perhaps a port and a path, as in https://kgate.example.org"
            self.fail(f"'{text}' is not the address of a webhook: {advice}", param, ctx)
        return text.rstrip("/")


@click.command(
    epilog="""\b
Examples:
  kgate export admission | kubectl apply -f -             with cert-manager, refuse what fails the gate
  kgate export admission --mode audit --certificate job   write to the audit log alone, without cert-manager
  kgate export admission -f helm -o charts/kgate --min-score restricted
  kgate export admission --url https://kgate.example.org --ca-bundle ca.crt

\b
Exit codes:
  0  exported
  2  usage or configuration is wrong, or a file exists that would be overwritten
  4  a bug in kgate
""",
)
@click.argument("path", metavar="[PATH]", default=".", type=click.Path(exists=True, path_type=Path))
@click.option(
    "-f",
    "--format",
    "format_name",
    type=OneOf(("yaml", "kustomize", "helm")),
    default="yaml",
    show_default=True,
    help="One stream of YAML, a kustomization or a Helm chart.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="File to write, or folder for -f kustomize or helm.",
)
@click.option("--force", is_flag=True, help="Overwrite files that exist.")
@click.option(
    "--mode",
    type=OneOf(MODES),
    default=MODES[0],
    show_default=True,
    help="Refuse what fails the gate, warn of it, or write it to the audit log alone.",
)
@click.option("--min-score", type=MinScore(), metavar="SCORE", help="Score that every object must reach.")
@click.option(
    "--level", type=OneOf(("baseline", "restricted")), help="Pod Security level that every object must reach."
)
@click.option(
    "--fail-on",
    type=OneOf([one.label for one in reversed(Severity)]),
    help="Also refuse what has a finding of this severity or above.",
)
@click.option(
    "--exempt-namespace",
    "namespaces",
    multiple=True,
    type=_NAMESPACE,
    metavar="NAME",
    help=f"Judge nothing in this namespace, nor in kgate's own; may be repeated.  [default: {', '.join(SYSTEM)}]",
)
@click.option(
    "--namespace", type=_NAMESPACE, default="kgate", show_default=True, metavar="NAME", help="Namespace of kgate."
)
@click.option(
    "--image",
    type=_IMAGE,
    default=f"ghcr.io/kgate/kgate:{__version__}",
    show_default=True,
    metavar="IMAGE",
    help="Image of kgate, best with its digest.",
)
@click.option(
    "--replicas", type=click.IntRange(1, 100), default=2, show_default=True, metavar="N", help="Pods that answer."
)
@click.option(
    "--certificate",
    type=OneOf(CERTIFICATES),
    default=CERTIFICATES[0],
    show_default=True,
    help="Who makes the certificate: cert-manager, a job of its own, or you (with --ca-bundle).",
)
@click.option(
    "--ca-bundle",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Authorities of the certificate, in PEM, for --certificate secret and for --url.",
)
@click.option(
    "--url", type=_Address(), metavar="URL", help="Export the webhook alone, for a kgate serve that runs there."
)
@config_option
def admission(path: Path, **flags: Any) -> None:
    """Export an admission webhook: objects that run pods are judged by kgate serve when somebody applies them.

    Uses the configuration and the waivers of the repository at PATH (default: the current folder).
    """
    from kgate.exports import admission as exports
    from kgate.repository import UntrustedFolders

    _check(flags)
    untrusted = UntrustedFolders.around([path])
    asked = _webhook(path, flags, untrusted)
    if flags["url"]:
        _write_text((exports.webhook_alone(asked, flags["url"]),), flags, untrusted)
    elif flags["format_name"] == "yaml":
        _write_text(exports.stream(asked), flags, untrusted)
    else:
        files = exports.kustomization(asked) if flags["format_name"] == "kustomize" else exports.chart(asked)
        _write_files(flags["output"], files, untrusted, is_forced=flags["force"])


def _check(flags: Mapping[str, Any]) -> None:
    """Raises UsageError for options that do not fit each other."""
    name = flags["format_name"]
    if flags["url"] and name != "yaml":
        raise click.UsageError(f"--url exports one object, which -f {name} has no use for; leave -f away")
    if flags["url"] and flags["config_path"]:
        raise click.UsageError("--url exports no configuration; give it to the kgate serve that runs there")
    if name != "yaml" and flags["output"] is None:
        raise click.UsageError(f"-f {name} writes several files; name a folder with -o")
    brings = bool(flags["url"]) or flags["certificate"] == "secret"
    if brings and flags["ca_bundle"] is None:
        raise click.UsageError("the API server has to know the certificate; name its authorities with --ca-bundle FILE")
    if flags["ca_bundle"] is not None and not brings:
        raise click.UsageError("--ca-bundle is for a certificate of your own; add --certificate secret, or --url")


def _webhook(path: Path, flags: Mapping[str, Any], untrusted: UntrustedFolders) -> Webhook:
    """Raises ConfigError."""
    from kgate.admissionexport import configuration, resources
    from kgate.config import named_config
    from kgate.exports.admission import Demands, Webhook

    named = named_config(flags["config_path"], untrusted) if flags["config_path"] else None
    files = () if flags["url"] else configuration(path, named)
    if files:
        _check_files(files)
    return Webhook(
        version=__version__,
        image=flags["image"],
        resources=resources(),
        namespace=flags["namespace"],
        replicas=flags["replicas"],
        mode=flags["mode"],
        demands=Demands(flags["min_score"], flags["level"] or "", flags["fail_on"] or ""),
        exempt=flags["namespaces"] or SYSTEM,
        certificate=flags["certificate"],
        authorities=_authorities(flags["ca_bundle"]) if flags["ca_bundle"] else "",
        files=files,
    )


def _check_files(files: tuple[tuple[str, str], ...]) -> None:
    """Reads a configuration as the server will, from a folder with nothing else. Raises KgateError."""
    from kgate.commands.scan import settings_of
    from kgate.errors import KgateError
    from kgate.repository import UntrustedFolders
    from kgate.server.judging import Judging

    with tempfile.TemporaryDirectory(prefix="kgate-") as name:
        folder = Path(name).resolve()
        for file, text in files:
            (folder / file).write_text(text, encoding="utf-8", newline="")
        flags = {"paths": (), "no_baseline": True, "config_path": folder / files[0][0]}
        try:
            Judging(partial(settings_of, flags, UntrustedFolders.around(())), today)
        except KgateError as error:
            told = str(error).replace(f"{folder}/", "")
            advice = "name a configuration for the cluster with --config"
            raise ConfigError(f"in the cluster, where there is no other file: {told}; {advice}") from None


def _authorities(path: Path) -> str:
    """Returns the certificates in a file. Raises ConfigError."""
    import ssl

    try:
        text = path.read_text(encoding="ascii")
        ssl.create_default_context(cadata=text)
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        raise ConfigError(f"{path}: holds no certificates in PEM: {error}; name those of the authorities") from None
    if "PRIVATE KEY" in text:
        raise ConfigError(f"{path}: holds a private key, which belongs nowhere else; name the certificates alone")
    return text


def _write_text(pieces: Any, flags: Mapping[str, Any], untrusted: UntrustedFolders) -> None:
    if flags["output"] is None:
        console.print_pieces(pieces)
        return
    _write_all({flags["output"]: "".join(pieces)}, untrusted, is_forced=flags["force"])


def _write_files(folder: Path, files: Mapping[str, str], untrusted: UntrustedFolders, *, is_forced: bool) -> None:
    _write_all({folder / name: text for name, text in files.items()}, untrusted, is_forced=is_forced)


def _write_all(files: Mapping[Path, str], untrusted: UntrustedFolders, *, is_forced: bool) -> None:
    """Writes all files or, if one of them exists, none, unless it may be overwritten. Raises OutputError."""
    from kgate.commands import outputs

    there = [path for path in files if path.is_file()]
    if there and not is_forced:
        raise OutputError(f"{there[0]}: exists; write --force to overwrite it, or name another place with -o")
    outputs.write_all({path: (text,) for path, text in files.items()}, untrusted)
