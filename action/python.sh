#!/usr/bin/env bash
# Runs a step of the action (python.sh STEP.py) with the first Python of PATH that does not lie in the checkout, and from a
# folder outside of it: tools such as pyenv and asdf would take another Python from files of the working folder.
set -euo pipefail
checkout=$(cd "$GITHUB_WORKSPACE" && pwd -P)
cd "$RUNNER_TEMP"
while IFS= read -r python; do
  folder=$(cd "$(dirname "$python")" && pwd -P)
  case $python in [!/]*) continue ;; esac
  case $folder/ in "$checkout"/*) continue ;; esac
  exec "$python" -I "$GITHUB_ACTION_PATH/action/$1"
done < <(type -aP python3 python)
echo "::error::kgate needs Python 3.11 or newer on PATH, outside of the checkout; use actions/setup-python before"
exit 1
