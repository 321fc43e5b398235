"""sources/kustomize/helm_wrapper.py: which arguments reach the real helm."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from kgate.rendering.kustomize import helm_wrapper
from tests.hostile import SECRET, write
from tests.loopback import loopback
from tests.real_tools import LAYERS, helm_tool


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    write(
        tmp_path / "copy/it's",
        {
            "web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
            "web/templates/a.yaml": (
                "kind: A\nname: {{ .Release.Name }}\nspace: {{ .Release.Namespace }}\nx: {{ .Values.x }}\n"
            ),
            "values.yaml": "x: 1\n",
        },
    )
    write(tmp_path, {"outside/Chart.yaml": f"apiVersion: v2\nname: {SECRET}\nversion: 1.0.0\n"})
    return tmp_path / "copy/it's"


def run(copy: Path, *arguments: str, version: str = "4.3") -> subprocess.CompletedProcess[str]:
    """Runs the wrapper with a home in which helm finds nothing."""
    home = copy.parent / "home"
    home.mkdir(exist_ok=True)
    wrapper = helm_wrapper.write(home, copy, (os.fspath(helm_tool(version).path),))
    environment = {"HOME": os.fspath(home), "HELM_CONFIG_HOME": "evil", "HELM_DATA_HOME": "evil"}
    words = [argument.replace("COPY", os.fspath(copy)) for argument in arguments]
    return subprocess.run([wrapper, *words], env=environment, cwd=copy, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("version", LAYERS)
def test_what_kustomize_asks(copy: Path, version: str) -> None:
    assert run(copy, "version", "--short", version=version).stdout.startswith(f"v{version}.")
    options = ("--namespace", "a b", "-f", "COPY/values.yaml", "--api-versions", "a/v1", "--kube-version", "1.30")
    flags = ("--include-crds", "--skip-tests", "--no-hooks", "--debug")
    done = run(copy, "template", "web", "COPY/web", *options, *flags, version=version)
    assert "name: web\nspace: a b\nx: 1\n" in done.stdout, done


@pytest.mark.parametrize("version", LAYERS)
def test_a_schema_is_not_followed(copy: Path, version: str) -> None:
    with loopback() as server:
        schema = f'{{"$ref": "{server.url}/schema.json"}}'
        files = {"sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 1.0.0\n", "sub/values.schema.json": schema}
        write(copy.parent, files)
        (copy / "web/charts").mkdir()
        with tarfile.open(copy / "web/charts/sub.tgz", "w:gz") as packed:
            packed.add(copy.parent / "sub", "sub")
        write(copy, {"web/values.schema.json": schema})
        done = run(copy, "template", "web", "COPY/web", version=version)
    assert "name: web\n" in done.stdout, done
    assert server.seen == []


def test_a_generated_name(copy: Path) -> None:
    done = run(copy, "template", "--generate-name", "COPY/web", "--values", "COPY/values.yaml")
    assert "name: release-name\n" in done.stdout, "as helm names what it only renders"


REFUSED: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "another command": ("pull", "oci://localhost/x"),
    "a dependency update": ("dependency", "build", "COPY/web"),
    "an option before the command": ("--debug", "template", "web", "COPY/web"),
    "a program after rendering": ("template", "--post-renderer=/bin/true", "COPY/web"),
    "a program after rendering, in two words": ("template", "web", "COPY/web", "--post-renderer", "/bin/true"),
    "a file as a value": ("template", "--set-file=x=/etc/hostname", "COPY/web"),
    "a folder to write to": ("template", "web", "COPY/web", "--output-dir", "COPY/out"),
    "an option as a value of another": ("template", "web", "COPY/web", "--namespace", "--set-file=x=/etc/hostname"),
    "values, glued": ("template", "web", "COPY/web", "-f/etc/hostname"),
    "values, equated": ("template", "web", "COPY/web", "--values=/etc/hostname"),
    "values from the network": ("template", "web", "COPY/web", "-f", "http://localhost/values.yaml"),
    "values of a relative path": ("template", "web", "COPY/web", "-f", "values.yaml"),
    "values from standard input": ("template", "web", "COPY/web", "-f", "-"),
    "a dependency update beside": ("template", "web", "COPY/web", "--dependency-update"),
    "DNS": ("template", "web", "COPY/web", "--enable-dns"),
    "a template as a name": ("template", "COPY/web", "--name-template", '{{ env "HOME" }}'),
    "the end of options": ("template", "--", "web", "COPY/web"),
    "an empty argument": ("template", "", "COPY/web"),
    "an option without a value": ("template", "web", "COPY/web", "--namespace"),
    "a chart elsewhere": ("template", "web", "COPY/../../outside"),
    "a chart outside": ("template", "web", "/etc"),
    "a chart by name": ("template", "web", "repo/web"),
    "a chart of a registry": ("template", "web", "oci://localhost/web"),
    "several charts": ("template", "web", "COPY/web", "COPY/web"),
    "no chart": ("template", "web"),
}


@pytest.mark.parametrize("arguments", REFUSED.values(), ids=REFUSED.keys())
def test_refused(copy: Path, arguments: tuple[str, ...]) -> None:
    done = run(copy, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("kgate does not let kustomize run helm with: "), done
    assert done.stdout == ""


def test_shellcheck_is_content(copy: Path) -> None:
    wrapper = helm_wrapper.write(copy, copy, ("/usr/bin/helm",))
    done = subprocess.run(
        [Path(sys.executable).parent / "shellcheck", wrapper], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")
