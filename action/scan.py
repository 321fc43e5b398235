"""Runs kgate once, writes its reports, the outputs of the action and the summary; never fails because of a verdict.

The last step gates with the exit code that is recorded here, so that the reports exist when the gate fails.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

REPORTS = {
    "json": "kgate.json",
    "sarif": "kgate.sarif",
    "junit": "kgate.xml",
    "markdown": "kgate.md",
    "html": "kgate.html",
    "github": "annotations.txt",
    "github-review": "review.json",
}
"""Formats that the action writes, and their files. The annotations end with the lines that the last step prints; the
review is only made if somebody asks for suggestions."""

OPTIONS = {
    "INPUT_POLICY_FROM": "--policy-from",
    "INPUT_DIFF_BASE": "--diff-base",
    "INPUT_CONFIG": "--config",
    "INPUT_MIN_SCORE": "--min-score",
    "INPUT_LEVEL": "--level",
    "INPUT_FAIL_ON": "--fail-on",
    "INPUT_KUBERNETES_VERSION": "--kubernetes-version",
    "INPUT_PERSONA": "--persona",
    "INPUT_SELECT": "--select",
    "INPUT_IGNORE": "--ignore",
    "INPUT_UNJUDGED": "--unjudged",
    "INPUT_CATEGORY": "--category",
}
SWITCHES = {
    "INPUT_ALLOW_EMPTY": ("--allow-empty", "true"),
    "INPUT_GATE": ("--exit-zero", "false"),
    "INPUT_SARIF_ALL": ("--sarif-all", "true"),
}
SEVERITIES = ("critical", "high", "medium", "low")
COMMENT_CHARACTERS = 65_000
"""A comment may have 65,536 characters, and the marker by which it is found again needs some."""


def main() -> None:
    """Scans and records the outcome; fails only if an input is invalid."""
    inputs = dict(os.environ)
    folder = _report_folder(inputs)
    code = _scan(_command(inputs, folder))
    files = {name: folder / file for name, file in REPORTS.items() if (folder / file).exists()}
    if inputs.get("INPUT_ANNOTATIONS") == "true" and "github" in files:
        with files["github"].open(encoding="utf-8") as lines:
            print(*(line for line in lines if line.startswith("::")), sep="", flush=True)
    outputs = {"exit-code": str(code), **_counts(files.get("json"))}
    outputs |= {f"{name}-file": os.fspath(path) for name, path in files.items()}
    _write(inputs["GITHUB_OUTPUT"], "".join(_assignments(outputs)))
    if inputs.get("INPUT_SUMMARY") == "true":
        _write(inputs["GITHUB_STEP_SUMMARY"], _summary(files.get("markdown"), code))


def _report_folder(inputs: Mapping[str, str]) -> Path:
    """Returns the folder for reports, without those of an earlier scan. A link in the checkout cannot lead it out."""
    wanted = inputs.get("INPUT_REPORT_FOLDER", "")
    if not wanted:
        return Path(tempfile.mkdtemp(prefix="kgate-reports-", dir=inputs["RUNNER_TEMP"]))
    from kgate.repository import UntrustedFolders

    try:
        folder = UntrustedFolders.around(()).resolve(Path(wanted))
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        sys.exit(f"::error::kgate: cannot create report-folder: {error.strerror}; choose another folder")
    for file in REPORTS.values():
        (folder / file).unlink(missing_ok=True)
    return folder


def _command(inputs: Mapping[str, str], folder: Path) -> list[str]:
    """Returns the command line; everything after ``--`` is a path, even if it looks like an option."""
    command = [sys.executable, "-I", "-m", "kgate", "scan", "--cache", "--color", "never"]
    left_out = {"github-review"} if inputs.get("INPUT_SUGGESTIONS") != "true" else set()
    command += [f"--output={name}={folder / REPORTS[name]}" for name in sorted(REPORTS.keys() - left_out)]
    command += [f"{option}={inputs[name]}" for name, option in OPTIONS.items() if inputs.get(name)]
    command += [switch for name, (switch, value) in SWITCHES.items() if inputs.get(name) == value]
    command += _pulling(inputs) if inputs.get("INPUT_PULL") == "true" else ()
    if inputs.get("INPUT_COMMENT") == "true":
        command.append(f"--max-chars={COMMENT_CHARACTERS}")
    paths = [line.strip() for line in inputs.get("INPUT_PATHS", "").splitlines()]
    return [*command, "--", *filter(None, paths)]


def _pulling(inputs: Mapping[str, str]) -> Iterator[str]:
    """Yields the options for fetching; a pull request from a fork gets no more than kgate.lock names."""
    yield "--pull"
    yield f"--cache-dir={inputs['FETCHED']}"
    yield from (f"--pull-from={host}" for host in inputs.get("INPUT_PULL_FROM", "").replace(",", " ").split())
    if inputs.get("INPUT_IS_FORK") != "false":
        yield "--locked"


def _scan(command: list[str]) -> int:
    """Runs kgate so that the runner takes nothing in its report for a command. Returns the exit code."""
    token = secrets.token_hex(16)
    print(f"::stop-commands::{token}", flush=True)
    code = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
    print(f"::{token}::", flush=True)
    return code


def _counts(report: Path | None) -> dict[str, str]:
    """Returns the numbers of the JSON report as outputs; without a report nothing was judged, and nothing passed."""
    if report is None:
        return {"passed": "false"}
    data = json.loads(report.read_text(encoding="utf-8"))
    summary, verdict = data["summary"], data["verdict"]
    score = summary["lowest_score"]
    found = {severity: summary["findings"][severity] for severity in SEVERITIES}
    return {
        "passed": json.dumps(verdict["passed"]),
        "score": "" if score is None else str(score),
        "findings": str(sum(found.values())),
        **{severity: str(count) for severity, count in found.items()},
    }


def _assignments(outputs: Mapping[str, str]) -> Iterator[str]:
    """Yields each output between delimiters that no value can contain."""
    for name, value in outputs.items():
        end = secrets.token_hex(16)
        yield f"{name}<<{end}\n{value}\n{end}\n"


def _summary(report: Path | None, code: int) -> str:
    if report is None:
        return f"## kgate wrote no report\n\nIt ended with exit code {code}; the log of this step says why.\n"
    return report.read_text(encoding="utf-8")


def _write(path: str, text: str) -> None:
    with open(path, "a", encoding="utf-8", newline="\n") as file:
        file.write(text)


if __name__ == "__main__":
    main()
