"""The program that kustomize calls as helm: it renders a chart of the private copy and refuses everything else."""

from __future__ import annotations

import shlex
from pathlib import Path

# The arguments of a `template` are those of kustomize, api/types/helmchartargs.go (AsHelmArgs). Helm would take a
# release name such as --post-renderer=/any/program for an option, so options are a closed list and no value may
# begin with a dash. A name template is a template in which `env` reads the environment. Kustomize lets the repository
# name helm's homes (helmGlobals.configHome), in which helm looks for plugins. A schema of values, also one in a packed
# sub-chart, may name any file and address, which helm reads; what it refuses is not deployed, so it is not asked.
_SCRIPT = r"""#!/bin/sh
refuse() {
  echo "kgate does not let kustomize run helm with: $1" >&2
  exit 1
}
for name in CONFIG CACHE DATA; do
  export "HELM_${name}_HOME=$HOME"
done
export "HELM_PLUGINS=$HOME/no-plugins"
case "$1" in
  version) exec @HELM@ version --short ;;
  template) shift ;;
  *) refuse "$1" ;;
esac
option=
chart=
count=0
for argument; do
  if [ -n "$option" ]; then
    case "$argument" in
      -* | '') refuse "$option $argument" ;;
    esac
    case "$option $argument" in
      '-f /'* | '--values /'*) ;;
      '-f '* | '--values '* | '--name-template '*'{{'*) refuse "$option $argument" ;;
    esac
    option=
    continue
  fi
  case "$argument" in
    -f | --values | --namespace | --name-template | --api-versions | --kube-version) option=$argument ;;
    --generate-name | --include-crds | --skip-tests | --no-hooks | --debug) ;;
    -* | '') refuse "$argument" ;;
    *) chart=$argument count=$((count + 1)) ;;
  esac
done
[ -z "$option" ] || refuse "$option"
[ "$count" -le 2 ] || refuse "$chart"
case "$chart" in
  */../* | */..) refuse "$chart" ;;
  @COPY@/*) [ -d "$chart" ] || refuse "$chart" ;;
  *) refuse "$chart" ;;
esac
exec @HELM@ template --skip-schema-validation "$@"
"""


def write(folder: Path, copy: Path, helm: tuple[str, ...]) -> Path:
    """Writes the wrapper into a folder; ``helm`` is the command that it runs, ``copy`` holds the charts that it may."""
    path = folder / "helm"
    text = _SCRIPT.replace("@HELM@", shlex.join(helm)).replace("@COPY@", shlex.quote(str(copy)))
    path.write_text(text, encoding="utf-8")
    path.chmod(0o700)
    return path
