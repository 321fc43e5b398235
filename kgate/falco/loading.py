"""Loads rule files as Falco does: one after the other, each on top of those before it."""

from __future__ import annotations

from collections.abc import Iterable

from kgate.falco.compiling import Compiler, Ruleset
from kgate.falco.conditions import ConditionError, Expression
from kgate.falco.faults import Code, LoadFault
from kgate.falco.items import Items
from kgate.falco.reading import Reader
from kgate.model import Location, Position
from kgate.values import dataclass
from kgate.yamltree.text import source_text


@dataclass(frozen=True, slots=True)
class LoadedRules:
    """The rules of some files and what Falco says of them; errors come first."""

    ruleset: Ruleset
    faults: tuple[LoadFault, ...]

    @property
    def is_refused(self) -> bool:
        """True if Falco does not start with these files."""
        return any(fault.code.is_error for fault in self.faults)


def load(files: Iterable[tuple[str, bytes | str]]) -> LoadedRules:
    """Loads files, each with its path and its bytes, or with why it cannot be read, in the order in which Falco gets
    them."""
    faults: dict[LoadFault, None] = {}

    def report(fault: LoadFault) -> None:
        faults[fault] = None

    items = Items(report)
    reader = Reader(items, report)
    parsed: dict[str, Expression | ConditionError] = {}
    compiler = Compiler(items, report, parsed)
    ruleset = Ruleset((), {})
    for path, data in files:
        start = Location(path, Position(1, 1), Position(1, 1))
        try:
            if isinstance(data, str):
                report(LoadFault(Code.FILE_READ, data, start))
            else:
                reader.read(source_text(path, data))
        except UnicodeDecodeError:
            report(LoadFault(Code.YAML_PARSE, "is not UTF-8 text", start))
        compiler = Compiler(items, report, parsed)
        ruleset = compiler.compile()
    compiler.report_unused()
    return LoadedRules(ruleset, tuple(sorted(faults, key=lambda one: (one.place.path, one.place.start, one.code))))
