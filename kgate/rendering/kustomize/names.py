"""The names of the fields of a kustomization, and spellings of them that kustomize takes, too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kgate.rendering.gojson import folded
from kgate.yamltree.nodes import Node

_FIELDS = """
additionalValuesFiles annotationSelector annotations apiVersion apiVersions bases behavior buildMetadata chartHome
chartName chartRepoName chartRepoUrl chartVersion commonAnnotations commonLabels components configHome
configMapGenerator configurations count crds create debug delimiter devel digest disableNameSuffixHash encoding env envs
extraArgs fieldPath fieldPaths fieldSpecs fieldref fields files generatorOptions generators group helmBin
helmChartInflationGenerator helmCharts helmGlobals helmHome imageTags images immutable includeCRDs includeSelectors
includeTemplates index kind kubeVersion labelSelector labels legacySortOptions literals metadata name namePrefix
nameSuffix nameTemplate namespace newName newTag objref openapi options order orderFirst orderLast pairs patch patches
patchesJson6902 patchesStrategicMerge path reject releaseName releaseNamespace replacements replicas repo resources
secretGenerator select skipHooks skipTests sortOptions source sourceValue tagSuffix target targets transformers type
validators values valuesFile valuesInline valuesLocal valuesMerge vars version
"""
_NAMES: Mapping[str, str] = {folded(name): name for name in _FIELDS.split()}
"""Every name in kustomize's api/types by its folded form."""

_FREE = frozenset({"openapi", "commonLabels", "commonAnnotations", "annotations", "pairs", "options"})
_FREE |= {"valuesInline", "valuesLocal"}
"""Fields that hold mappings with keys of the user."""
_FREE |= {"vars"}
"""Names no files, and kgate leaves it to kustomize; projects made by kubebuilder write ``fieldpath`` there."""


def misspelt(root: Node) -> Iterator[tuple[int, str, str]]:
    """Keys of a kustomization that kustomize takes for a field, but that are not its name: with line and name.

    It matches keys without regard to case (api/types/kustomization.go, Unmarshal), and of several the last in the
    order of their bytes wins.
    """
    pending, seen = [root], set()
    while pending:
        node = pending.pop()
        if id(node) in seen:  # an alias
            continue
        seen.add(id(node))
        pending += node.items or ()
        for key, (start, _, value) in (node.fields or {}).items():
            name = _NAMES.get(folded(key))
            if name is not None and name != key:
                yield start.line + 1, key, name
            elif name is not None and not _is_free(name, value):
                pending.append(value)


def _is_free(name: str, value: Node) -> bool:
    return name in _FREE or (name == "labels" and value.fields is not None)
