"""Trees that mean harm: charts and kustomizations that eat the machine, leave the repository or call home.

A builder writes a repository into a folder; the chart or kustomization is the folder's subfolder TARGET, the text is
the address of a server that must see no request. What must stay unread lies beside the folder, in OUTSIDE; what must
not be made is WITNESS, also beside it.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

Builder = Callable[[Path, str], None]

TARGET = "app"
OUTSIDE = "outside"
WITNESS = "witness"
SECRET = "what-nobody-may-read"
ENVIRONMENT_NAME = "HOSTILE_SECRET"
"""Name of an environment variable of the caller that some cases try to read; a test gives it the value SECRET."""


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def outside(folder: Path) -> Path:
    """A folder beside the repository with a manifest, values and a base that hold the secret."""
    place = folder.parent / OUTSIDE
    manifest = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: stolen}}\ndata: {{x: {SECRET}}}\n"
    kustomization = "resources: [manifest.yaml]\n"
    write(place, {"manifest.yaml": manifest, "kustomization.yaml": kustomization, "values.yaml": f"stolen: {SECRET}\n"})
    return place


def config_map(value: str, name: str = "a") -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata:\n  x: {value}\n"


def alias_bomb(depth: int = 12) -> str:
    """Nine to that power values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, depth)]
    return "\n".join(lines) + "\n"


def executable(path: Path, text: str) -> None:
    write(path.parent, {path.name: text})
    path.chmod(0o755)


def witness_script(folder: Path) -> str:
    return f"#!/bin/sh\n: > '{folder.parent / WITNESS}'\necho '{{}}'\n"


# -------------------------------------------------------------------------------------------- charts


def chart(folder: Path, files: dict[str, str], more_of_chart: str = "") -> Path:
    """A chart of these files."""
    about = f"apiVersion: v2\nname: app\nversion: 1.0.0\n{more_of_chart}"
    write(folder / TARGET, {"Chart.yaml": about, **files})
    return folder / TARGET


def template(text: str, values: str = "") -> Builder:
    """A chart whose one template has a value made by this template text."""

    def build(folder: Path, url: str) -> None:
        body = text.replace("URL", url)
        chart(folder, {"templates/a.yaml": config_map(body), **({"values.yaml": values} if values else {})})

    return build


def chart_link(name: str, target: str) -> Builder:
    """A chart in which a name is a link to a place outside."""

    def build(folder: Path, _url: str) -> None:
        place = outside(folder)
        inside = chart(folder, {"templates/a.yaml": config_map("{{ .Values.stolen }}")})
        link = inside / name
        link.symlink_to(target or place)

    return build


def schema(reference: str) -> Builder:
    def build(folder: Path, url: str) -> None:
        place = outside(folder)
        where = reference.replace("URL", url).replace("OUTSIDE", str(place))
        text = json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", "$ref": where})
        chart(folder, {"values.schema.json": text, "templates/a.yaml": config_map("ok"), "values.yaml": "a: 1\n"})

    return build


def dependency(repository: str) -> Builder:
    def build(folder: Path, url: str) -> None:
        where = repository.replace("URL", url)
        listed = f"dependencies:\n- {{name: common, version: 1.x, repository: '{where}'}}\n"
        chart(folder, {"templates/a.yaml": config_map("ok")}, listed)

    return build


def archive(members: dict[str, bytes]) -> Builder:
    """A chart that brings another one, packed."""

    def build(folder: Path, _url: str) -> None:
        inside = chart(folder, {"templates/a.yaml": config_map("ok"), "charts/.keep": ""})
        with tarfile.open(inside / "charts/sub-1.0.0.tgz", "w:gz", compresslevel=1) as packed:
            for name, data in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                packed.addfile(member, io.BytesIO(data))

    return build


def plugin(folder: Path, _url: str) -> None:
    """The chart is a plugin of helm as well, and so is what lies in the repository's plugins/."""
    inside = chart(folder, {"templates/a.yaml": config_map("ok")})
    for place in (inside, folder / "plugins/template", folder / "template"):
        executable(place / "run.sh", witness_script(folder))
        hooks = "hooks: {install: ./run.sh, update: ./run.sh}\n"
        command = f"command: '{place}/run.sh'\n{hooks}downloaders: [{{command: run.sh, protocols: [http, file]}}]\n"
        write(place, {"plugin.yaml": f"name: template\nversion: 0.1.0\nusage: a\ndescription: a\n{command}"})


SUB = b"apiVersion: v2\nname: sub\nversion: 1.0.0\n"

CHARTS: dict[str, Builder] = {
    "range of 100 million": template("{{ range until 100000000 }}{{ end }}"),
    "a list without end": template("{{ seq 0 99999999999 }}"),
    "nested ranges": template("{{ range until 99999 }}{{ range until 99999 }}{{ end }}{{ end }}"),
    "recursive tpl": template("{{ tpl .Values.x . }}", "x: '{{ tpl .Values.x . }}{{ tpl .Values.x . }}'\n"),
    "recursive include": template('{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}'),
    "one long word": template('{{ repeat 2000000000 "x" }}'),
    "a gigabyte of output": template('{{ range until 1000 }}{{ repeat 1000000 "x" }}{{ end }}'),
    "output without end": template('a\n{{ range until 45000 }}# {{ repeat 100 "x" }}\n{{ end }}'),
    "an error without end": template('{{ fail (repeat 3000000 "x") }}'),
    "escapes in the error": template('{{ fail "\\x1b]0;owned\\x07\\nfatal error: out of memory" }}'),
    "aliases in values": template("{{ .Values.a11 }}", alias_bomb()),
    "deeply nested values": template("ok", "a: " + "[" * 200_000),
    "schema from a file": schema("file://OUTSIDE/manifest.yaml"),
    "schema from the network": schema("URL/schema.json"),
    "getHostByName": template('"{{ getHostByName "localhost" }}"'),
    "lookup": template('"{{ lookup "v1" "Secret" "default" "x" }}"'),
    "environment": template(f'{{{{ env "{ENVIRONMENT_NAME}" }}}}'),
    "file above": template(f'"{{{{ .Files.Get "../../{OUTSIDE}/manifest.yaml" }}}}"'),
    "file elsewhere": template('"{{ .Files.Get "/etc/passwd" }}"'),
    "linked template": chart_link("templates/b.yaml", f"../../../{OUTSIDE}/manifest.yaml"),
    "linked values": chart_link("values.yaml", f"../../{OUTSIDE}/values.yaml"),
    "linked folder": chart_link("files", ""),
    "linked device": chart_link("templates/b.yaml", "/dev/zero"),
    "dependency from the network": dependency("URL/charts"),
    "dependency from a registry": dependency("oci://localhost/charts"),
    "dependency from outside": dependency(f"file://../../{OUTSIDE}"),
    "packed chart that explodes": archive({"sub/Chart.yaml": SUB, "sub/files/x": bytes(300 << 20)}),
    "packed chart that leaves": archive({"sub/Chart.yaml": SUB, f"sub/../../../../{WITNESS}": b"x", "/tmp/x": b"x"}),
    "plugin": plugin,
}


# ------------------------------------------------------------------------------------ kustomizations


def kustomization(text: str, files: dict[str, str] | None = None) -> Builder:
    """A kustomization of this text, in which URL is the server and OUTSIDE the folder outside."""

    def build(folder: Path, url: str) -> None:
        place = outside(folder)
        body = text.replace("URL", url).replace("OUTSIDE", str(place))
        write(folder / TARGET, {"kustomization.yaml": body, "a.yaml": config_map("ok"), **(files or {})})

    return build


def many_bases(folder: Path, _url: str) -> None:
    """Two to the twenty-second times the same base."""
    for level in range(22):
        bases = f"resources: [../{level + 1}a, ../{level + 1}b]\n"
        write(folder, {f"{level}{side}/kustomization.yaml": f"{bases}namePrefix: {side}-\n" for side in "ab"})
    for side in "ab":
        files = {"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": config_map("ok", side)}
        write(folder / f"22{side}", files)
    write(folder / TARGET, {"kustomization.yaml": "resources: [../0a]\n"})


def function(annotation: str) -> Builder:
    """A transformer that is a program of the repository."""

    def build(folder: Path, _url: str) -> None:
        kustomization("resources: [a.yaml]\ntransformers: [fn.yaml]\n")(folder, "")
        about = f"{{name: fn, annotations: {{config.kubernetes.io/function: '{annotation}'}}}}"
        write(folder / TARGET, {"fn.yaml": f"apiVersion: v1\nkind: Fn\nmetadata: {about}\n"})
        executable(folder / TARGET / "run.sh", witness_script(folder))

    return build


def legacy_plugin(folder: Path, _url: str) -> None:
    """A plugin at every place where kustomize looks for one, if one of these folders is its home."""
    generator = "apiVersion: x.example.com/v1\nkind: Gen\nmetadata: {name: gen}\n"
    kustomization("generators: [gen.yaml]\n", {"gen.yaml": generator})(folder, "")
    for home in (folder, folder / ".config", folder / TARGET, folder / TARGET / ".config"):
        executable(home / "kustomize/plugin/x.example.com/v1/gen/Gen", witness_script(folder))


def preferences(folder: Path, _url: str) -> None:
    """kubectl's own file of defaults, which allows what kgate does not, if the repository is its home."""
    kustomization("resources: [../inside.yaml]\n")(folder, "")
    write(folder, {"inside.yaml": config_map("ok")})
    text = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\ndefaults:\n- command: kustomize\n"
    text += (
        "  options: [{name: load-restrictor, default: LoadRestrictionsNone}, {name: enable-helm, default: 'true'}]\n"
    )
    for home in (folder, folder / TARGET):
        write(home, {".kube/kuberc": text})


def git_program(folder: Path, _url: str) -> None:
    """A git of the repository's own, where PATH might lead."""
    kustomization("resources: ['git::file://OUTSIDE']\n")(folder, "")
    for place in (folder, folder / TARGET, folder / "no-programs", folder / TARGET / "no-programs"):
        executable(place / "git", witness_script(folder))


def kustomize_link(name: str, target: str) -> Builder:
    def build(folder: Path, _url: str) -> None:
        kustomization("resources: [a.yaml, b.yaml]\n")(folder, "")
        (folder / TARGET / name).symlink_to(target)

    return build


def pipe(folder: Path, _url: str) -> None:
    """Reading it would wait for ever."""
    kustomization("resources: [a.yaml, b.yaml]\n")(folder, "")
    os.mkfifo(folder / TARGET / "b.yaml")


KUSTOMIZATIONS: dict[str, Builder] = {
    "aliases": kustomization("resources: [bomb.yaml]\n", {"bomb.yaml": config_map("y") + alias_bomb()}),
    "aliases in the kustomization": kustomization(alias_bomb() + "resources: [a.yaml]\n"),
    "bases without end": many_bases,
    "itself as a base": kustomization("resources: [.]\n"),
    "resource over http": kustomization("resources: [a.yaml, URL/base.yaml]\n"),
    "base over http": kustomization("resources: ['URL/team/base.git//deploy?ref=main']\n"),
    "patch over http": kustomization("resources: [a.yaml]\npatches: [{path: URL/patch.yaml}]\n"),
    "generator over http": kustomization("configMapGenerator: [{name: x, files: ['y=URL/y']}]\n"),
    "openapi over http": kustomization("resources: [a.yaml]\nopenapi: {path: URL/schema.json}\n"),
    "transformer over http": kustomization("resources: [a.yaml]\ntransformers: [URL/fn.yaml]\n"),
    "component over http": kustomization("components: ['URL/component.git']\n"),
    "chart over http": kustomization("helmCharts: [{name: x, repo: URL, version: 1.0.0}]\n"),
    "git of this machine": kustomization("resources: ['git::file://OUTSIDE']\n"),
    "git over ssh": kustomization("resources: ['git@localhost:team/base.git']\n"),
    "git program": git_program,
    "function that is a program": function("exec: {path: ./run.sh}"),
    "function that is a container": function("container: {image: example.com/fn:1, network: true}"),
    "legacy plugin": legacy_plugin,
    "preferences of kubectl": preferences,
    "file above": kustomization(f"resources: [../../{OUTSIDE}/manifest.yaml]\n"),
    "file elsewhere": kustomization("resources: [OUTSIDE/manifest.yaml]\n"),
    "folder above": kustomization(f"resources: [../../{OUTSIDE}]\n"),
    "generator of a file elsewhere": kustomization("configMapGenerator: [{name: x, files: [OUTSIDE/manifest.yaml]}]\n"),
    "linked file": kustomize_link("b.yaml", f"../../{OUTSIDE}/manifest.yaml"),
    "linked device": kustomize_link("b.yaml", "/dev/zero"),
    "pipe": pipe,
    "environment": kustomization(
        "configMapGenerator: [{name: x, envs: [names.env]}]\n", {"names.env": f"{ENVIRONMENT_NAME}\nHOME\n"}
    ),
}

CASES: dict[str, Builder] = {
    **{f"chart: {name}": build for name, build in CHARTS.items()},
    **{f"kustomization: {name}": build for name, build in KUSTOMIZATIONS.items()},
}


def is_chart(name: str) -> bool:
    """Whether a case is a chart; else it is a kustomization."""
    return name.startswith("chart: ")
