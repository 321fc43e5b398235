"""Small repositories with GitOps objects, and what kgate plans for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kgate.environment import Environment
from kgate.gitops.plan import Planned, plan
from kgate.kubernetes import manifest
from kgate.model import Resource
from kgate.rendering.helm.release import Release
from kgate.rendering.helm.requests import ChartRequest
from kgate.rendering.kustomize.requests import KustomizationRequest
from kgate.repository import Repository

URL = "https://git.example.org/shop/deploy.git"


@dataclass(frozen=True)
class Shop:
    """A repository on disk; ``plan`` reads the objects of a YAML text as if it stood in ``apps.yaml``."""

    root: Path
    urls: tuple[str, ...] = (URL,)

    def write(self, **texts: str) -> None:
        for name, text in texts.items():
            path = self.root / name.replace("__", "/").replace("DOT", ".").replace("DASH", "-")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def touch(self, *names: str) -> None:
        for name in names:
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("", encoding="utf-8")

    def resources(self, text: str, path: str = "apps.yaml") -> tuple[Resource, ...]:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")
        contents = manifest.read(path, text.encode())
        assert not contents.problems, contents.problems
        assert contents.resources
        return contents.resources

    def plan(self, *texts: str, environment: Environment = Environment()) -> Planned:  # noqa: B008 - frozen
        names = ("apps.yaml", *(f"more{index}.yaml" for index in range(1, len(texts))))
        found = [resource for text, name in zip(texts, names, strict=True) for resource in self.resources(text, name)]
        return plan(found, Repository(self.root, self.urls), environment=environment)

    def path(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def release(planned: Planned) -> Release:
    """The one release of the one chart that is planned."""
    assert not planned.problems, planned.problems
    (request,) = planned.requests
    assert isinstance(request, ChartRequest)
    (found,) = request.releases
    return found


def build(planned: Planned) -> KustomizationRequest:
    """The one build that is planned."""
    assert not planned.problems, planned.problems
    (request,) = planned.requests
    assert isinstance(request, KustomizationRequest)
    return request


def told(planned: Planned) -> list[str]:
    """All problems, what is not judged, and notes, as a reader sees them."""
    kinds = (("problem", planned.problems), ("unjudged", planned.unjudged), ("note", planned.notes))
    return [f"{kind} {one}" for kind, remarks in kinds for one in remarks]


def make_shop(folder: Path) -> Shop:
    """A repository with a chart, a kustomization, a component and a folder of plain manifests."""
    root = folder.resolve() / "deploy"
    root.mkdir()
    found = Shop(root)
    found.touch("charts/web/values-prod.yaml", "charts/web/values-eu.yaml", "common/values.yaml", "plain/deploy.yaml")
    found.write(
        charts__web__ChartDOTyaml="name: web\nversion: 1.0.0\n",
        charts__web__valuesDOTyaml="image:\n  tag: one\n  pull: [a]\nreplicas: 1\nempty: {}\n",
        charts__web__notesDOTtxt="a,b {c}\n",
        overlay__kustomizationDOTyaml="resources: [../plain]\n",
        overlay__patchDOTyaml="",
        component__kustomizationDOTyaml="kind: Component\n",
    )
    return found
