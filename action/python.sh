#!/usr/bin/env bash
# Runs a step of the action (python.sh STEP.py) with the first Python on PATH that is not in the checkout, and from a
# folder outside of it: tools such as pyenv and asdf would choose another Python because of files in the working folder.
set -euo pipefail
checkout=$(cd "$GITHUB_WORKSPACE" && pwd -P)

# True if a program, or a link on the way to it, is in the checkout; also if that cannot be determined.
lies_in_checkout() {
  local path=$1 folder target
  for _ in {1..40}; do
    folder=$(cd "$(dirname "$path")" && pwd -P) || return 0
    case $folder/ in "$checkout"/*) return 0 ;; esac
    path=$folder/$(basename "$path")
    [ -L "$path" ] || return 1
    target=$(readlink "$path") || return 0
    case $target in /*) path=$target ;; *) path=$folder/$target ;; esac
  done
  return 0
}

cd "$RUNNER_TEMP"
while IFS= read -r python; do
  case $python in [!/]*) continue ;; esac
  if lies_in_checkout "$python"; then continue; fi
  exec "$python" -I "$GITHUB_ACTION_PATH/action/$1"
done < <(type -aP python3 python)
echo "::error::kgate needs Python 3.11 or newer on PATH, outside of the checkout; run actions/setup-python first"
exit 1
