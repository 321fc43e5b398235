"""What all sources of one Argo CD Application share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field

from kgate.elsewhere.fetched import Fetched
from kgate.gitops.fields import ObjectFields
from kgate.repository import Repository
from kgate.values import dataclass

_VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)\}|(\w+))")
_UNKNOWN_REVISION = "0" * 40


@dataclass(frozen=True, slots=True)
class Deployment:
    """An Application: its name, the namespace and project that it deploys to, and the sources that values files
    may refer to, by ``$`` and their ``ref``. ``plugins`` are those of the environment, ``fetched`` is what is known
    from elsewhere."""

    repository: Repository
    name: str
    namespace: str
    project: str
    requested_by: str
    references: Mapping[str, ObjectFields]
    fetched: Fetched = field(default_factory=Fetched)
    plugins: Mapping[str, str] = field(default_factory=dict)

    def expand(self, text: str, source: ObjectFields) -> str:
        """A text with Argo CD's build environment put in; unknown variables are empty, as there."""
        revision = _UNKNOWN_REVISION
        variables = {
            "ARGOCD_APP_NAME": self.name,
            "ARGOCD_APP_NAMESPACE": self.namespace,
            "ARGOCD_APP_PROJECT_NAME": self.project,
            "ARGOCD_APP_REVISION": revision,
            "ARGOCD_APP_REVISION_SHORT": revision[:7],
            "ARGOCD_APP_REVISION_SHORT_8": revision[:8],
            "ARGOCD_APP_SOURCE_REPO_URL": source.text("repoURL"),
            "ARGOCD_APP_SOURCE_PATH": source.text("path"),
            "ARGOCD_APP_SOURCE_TARGET_REVISION": source.text("targetRevision"),
        }
        return _VARIABLE.sub(lambda match: "$" if match[1] else variables.get(match[2] or match[3], ""), text)
