"""kgate rules test: runs the examples of rule folders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kgate.model import Rule
from kgate.reports.safety import one_line
from kgate.repository import UntrustedFolders
from kgate.rules.examples import ExampleOutcome, Examples
from kgate.rules.load import RuleFolder, builtin_folder, load


def run(names: Sequence[str]) -> tuple[str, int]:
    """What to print about the examples of the folders with these names, and the exit code: 1 if one is not judged as
    expected. Raises RuleError."""
    untrusted = UntrustedFolders.around(())
    folders = [RuleFolder.named(name, untrusted) for name in names]
    own = builtin_folder().resolve()
    rules = load(folders, builtin=all(folder.path != own for folder in folders))
    tested = [rule for rule in rules if rule.path.rpartition("/")[0] in [folder.shown for folder in folders]]
    examples = Examples(rules)
    outcomes = [outcome for rule in tested for outcome in examples.outcomes(rule)]
    lines = (*_lines(outcomes), _summary(tested, outcomes))
    return "\n".join(map(one_line, lines)), 0 if all(outcome.passed for outcome in outcomes) else 1


def _lines(outcomes: Iterable[ExampleOutcome]) -> Iterator[str]:
    return (str(outcome) for outcome in outcomes if not outcome.passed)


def _summary(tested: Sequence[Rule], outcomes: Sequence[ExampleOutcome]) -> str:
    failed = sum(not outcome.passed for outcome in outcomes)
    objects = sum(outcome.objects for outcome in outcomes)
    what = f"{len(outcomes)} examples of {len(tested)} rule{'s' * (len(tested) != 1)}, in {objects:,} objects"
    return f"{what}: {failed} failed" if failed else f"{what}: all as expected"
