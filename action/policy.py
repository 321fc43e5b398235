"""Finds the revision whose policy a change must keep, and the one that it is compared with, and fetches them where the
checkout lacks them.

In a job of GitHub it is a step of the action, with the outputs ``revision``, ``diff-base`` and ``is-fork``; in one of
GitLab it prints the revision, or with the argument ``diff-base`` the one to compare with.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgate.rendering.tools import Toolbox
from kgate.reports.safety import one_line
from kgate.repository import GitFolders, find_root, git_folders

TARGET, NONE = "target", "none"
"""Words for the target branch of a pull or merge request, and for no other revision than the checked out one."""

REF = "refs/kgate/policy"
_BASE = "diff-base"
_CAUTIOUS = ("core.hooksPath=/dev/null", "core.fsmonitor=false", "gc.auto=0", "maintenance.auto=false")
_SECONDS = 300


class PolicyError(Exception):
    """What keeps the revision from being had; the message says what to do."""


@dataclass(frozen=True)
class Wanted:
    """A revision, and where to fetch it from: a commit, or the tip of a branch (``ref``), which is always fetched."""

    commit: str = ""
    ref: str = ""
    remote: str = "origin"


@dataclass(frozen=True)
class Git:
    """Git for the clone that holds the scanned paths. Its folder is named, so that it does not matter who owns it.
    ``token`` takes the place of the one that the checkout may have kept."""

    program: Path
    folders: GitFolders
    root: Path
    token: str = ""

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a command without hooks. The token is only sent to GitHub's server, and never an argument."""
        options = [part for value in _CAUTIOUS for part in ("-c", value)]
        variables = dict(os.environ) | {"GIT_DIR": os.fspath(self.folders.own), "GIT_TERMINAL_PROMPT": "0"}
        if self.token:
            key = f"http.{os.environ.get('GITHUB_SERVER_URL', 'https://github.com')}/.extraheader"
            secret = base64.b64encode(f"x-access-token:{self.token}".encode()).decode()
            variables["KGATE_HEADER"] = f"AUTHORIZATION: basic {secret}"
            options += [
                "-c",
                f"{key}=",
                f"--config-env={key}=KGATE_HEADER",
            ]
        command = [os.fspath(self.program), *options, *arguments]
        try:
            return subprocess.run(
                command, cwd=self.root, env=variables, timeout=_SECONDS, capture_output=True, text=True, check=False
            )
        except subprocess.TimeoutExpired:
            raise PolicyError(f"git {arguments[0]} did not end within {_SECONDS} seconds") from None

    def commit(self, revision: str) -> str:
        """The commit that a revision means; empty if the clone does not have it."""
        done = self.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        return done.stdout.strip() if done.returncode == 0 else ""

    def parents(self) -> list[str]:
        """The parents of the checked out commit, which a shallow clone need not have."""
        lines = self.ask("cat-file", "commit", "HEAD").stdout.partition("\n\n")[0].splitlines()
        return [line.removeprefix("parent ") for line in lines if line.startswith("parent ")]

    def fetch(self, wanted: Wanted) -> str:
        """Fetches a revision and returns its commit. Raises PolicyError."""
        depth = ["--depth=1"] if (self.folders.common / "shallow").exists() else []
        what = f"+{wanted.ref or wanted.commit}:{REF}"
        done = self.ask("fetch", "--no-tags", "--no-recurse-submodules", *depth, "--", wanted.remote, what)
        if done.returncode == 0:
            return self.commit(REF)
        reason = one_line((done.stderr.strip().splitlines() or ["git says nothing"])[-1])
        raise PolicyError(f"it cannot be fetched: {reason}")


def main() -> None:
    """Finds the revision and says which one it is. Exits with 2 if it cannot be had."""
    is_github = "GITHUB_OUTPUT" in os.environ
    asked = os.environ.get("INPUT_POLICY_FROM" if is_github else "KGATE_POLICY_FROM", "").strip() or TARGET
    wants_base = os.environ.get("INPUT_NEW_ONLY" if is_github else "KGATE_NEW_ONLY", "").strip() == "true"
    if sys.argv[1:] == [_BASE]:
        print(_base_or_exit("kgate") if wants_base else "")
        return
    try:
        revision = _found(asked, _target(os.environ) if asked == TARGET else None)
    except PolicyError as error:
        advice = f"fetch it before, or set policy-from to another revision, or to {NONE} to let the change gate itself"
        start = "::error::kgate" if is_github else "kgate"
        print(f"{start}: the policy of {one_line(asked)} is needed, and {error}; {advice}", file=sys.stderr, flush=True)
        sys.exit(2)
    if is_github:
        with open(os.environ["GITHUB_OUTPUT"], "a", encoding="utf-8", newline="\n") as outputs:
            outputs.write(f"revision={revision}\nis-fork={json.dumps(_is_from_fork(_event(os.environ)))}\n")
            outputs.write(f"{_BASE}={_base_or_exit('::error::kgate') if wants_base else ''}\n")
    else:
        print(revision)


def _base_or_exit(start: str) -> str:
    """The commit to compare a pull or merge request with; empty for none. Exits with 2 if it cannot be had."""
    try:
        return _base(os.environ)
    except PolicyError as error:
        print(f"{start}: new-only needs what this change began from, and {error}", file=sys.stderr, flush=True)
        sys.exit(2)


def _base(variables: Mapping[str, str]) -> str:
    """The commit that the change was merged into, if a merge is checked out, else what it has in common with the target
    branch. Raises PolicyError."""
    target = _target(variables)
    if target is None:
        return ""
    git = _git()
    known = variables.get("CI_MERGE_REQUEST_DIFF_BASE_SHA", "")
    if known and not variables.get("CI_MERGE_REQUEST_TARGET_BRANCH_SHA"):
        return git.commit(known) or git.fetch(Wanted(known, remote=target.remote))
    commit = _found(TARGET, target)
    if commit in git.parents():
        return commit
    done = git.ask("merge-base", commit, "HEAD")
    if done.returncode or not done.stdout.strip():
        raise PolicyError("the clone does not have it; check out the whole history (fetch-depth: 0, GIT_DEPTH: 0)")
    return done.stdout.strip()


def _found(asked: str, target: Wanted | None) -> str:
    """The commit to take the policy from; empty for the checked out one."""
    if asked == NONE or (asked == TARGET and target is None):
        return ""
    git = _git()
    wanted = target or Wanted(commit=asked)
    if target is not None and "GITHUB_OUTPUT" in os.environ:
        wanted = Wanted(_merged_into(git, os.environ) or wanted.commit)
    has = git.commit(wanted.commit) if wanted.commit else ""
    return has or git.fetch(wanted)


def _git() -> Git:
    """Raises PolicyError if there is no clone, or no git."""
    given = os.environ.get("INPUT_PATHS") or os.environ.get("KGATE_PATHS") or ""
    paths = [Path(line.strip()) for line in given.splitlines() if line.strip()]
    root = Path(os.path.realpath(find_root(paths)))
    folders, program = git_folders(root), Toolbox(root).program("git")
    if folders is None:
        raise PolicyError(f"{one_line(str(root))} is no clone of git")
    if program is None:
        raise PolicyError("git is not on PATH")
    return Git(program, folders, root, os.environ.get("GITHUB_TOKEN", ""))


# ---------------------------------------------------------------------------------------- systems


def _target(variables: Mapping[str, str]) -> Wanted | None:
    """The target of the pull or merge request that a job is for; None if it is for none. Raises PolicyError."""
    if "GITHUB_OUTPUT" in variables:
        return _target_on_github(_event(variables))
    return _target_on_gitlab(variables)


def _target_on_github(event: Mapping[str, Any]) -> Wanted | None:
    pull, group = event.get("pull_request"), event.get("merge_group")
    if not pull and not group:
        return None
    commit = (group or {}).get("base_sha") or ((pull or {}).get("base") or {}).get("sha")
    if not isinstance(commit, str) or not commit:
        raise PolicyError("the event does not say which commit the target branch has")
    return Wanted(commit)


def _is_from_fork(event: Mapping[str, Any]) -> bool:
    """True for a pull request whose branch is in another repository, or in one that is gone."""
    pull = event.get("pull_request") or {}
    head, base = (((pull.get(side) or {}).get("repo") or {}).get("full_name") for side in ("head", "base"))
    return bool(pull) and (head is None or head != base)


def _event(variables: Mapping[str, str]) -> Mapping[str, Any]:
    path = variables.get("GITHUB_EVENT_PATH", "")
    data = json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
    return data if isinstance(data, dict) else {}


def _merged_into(git: Git, variables: Mapping[str, str]) -> str:
    """The commit that GitHub merged the pull request into to make the one that is checked out. It may be newer than the
    one in the event. Empty if another commit is checked out."""
    head = ((_event(variables).get("pull_request") or {}).get("head") or {}).get("sha")
    parents = git.parents()
    is_merge = git.commit("HEAD") == variables.get("GITHUB_SHA") and len(parents) == 2 and parents[1] == head
    return parents[0] if is_merge else ""


def _target_on_gitlab(variables: Mapping[str, str]) -> Wanted | None:
    """The commit that a pipeline for merged results was merged into, else the tip of the target branch."""
    branch = variables.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME")
    if not branch:
        return None
    is_fork = variables.get("CI_MERGE_REQUEST_PROJECT_ID") != variables.get("CI_PROJECT_ID")
    remote = f"{variables.get('CI_MERGE_REQUEST_PROJECT_URL')}.git" if is_fork else "origin"
    commit = variables.get("CI_MERGE_REQUEST_TARGET_BRANCH_SHA", "")
    return Wanted(commit, "" if commit else f"refs/heads/{branch}", remote)


if __name__ == "__main__":
    main()
