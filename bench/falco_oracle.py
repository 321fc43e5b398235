"""Compares how kgate reads rule files with what Falco's own parser, and its unit tests, say of them.

    python -m bench.falco_oracle --libs FOLDER --falco FOLDER --rules FOLDER [--edits 100]

The folders are clones of falcosecurity/libs, falco and rules. Builds the parser of libs with g++ and libre2 (Debian:
libre2-dev), parses every condition of the rules with both, and edits each of them many times: parentheses, quotes,
words and ends are dropped and put in. Prints every difference in what is refused, counts the places of the refusals,
loads what Falco's unit tests load, and exits with 1 if there is a difference.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from kgate.falco.conditions import ConditionError
from kgate.falco.loading import load
from kgate.falco.parsing import parse

_UTILS = """
#pragma once
#include <string>
inline std::string& trim(std::string& s) {
  auto first = s.find_first_not_of(" \\t\\r\\n");
  if (first == std::string::npos) { s.clear(); return s; }
  s = s.substr(first, s.find_last_not_of(" \\t\\r\\n") - first + 1);
  return s;
}
"""
"""The one function that the parser needs of libsinsp/utils.h."""

_MAIN = """
#include <libsinsp/filter/parser.h>
#include <libsinsp/sinsp_exception.h>
#include <iostream>
int main() {
  for (std::string line; std::getline(std::cin, line);) {
    std::string text(std::stoul(line), ' ');
    std::cin.read(&text[0], text.size());
    std::cin.get();
    libsinsp::filter::parser parser(text);
    parser.set_max_depth(1000);
    try { parser.parse(); std::cout << -1 << std::endl; }
    catch (const sinsp_exception&) { std::cout << parser.get_pos().idx << std::endl; }
  }
}
"""
_INSERTED = ("(", ")", ",", "'", '"', "=", "and ", "or ", "not ", "[", "]", " in ", " oneof ", "x", "%", "or(", "1")
_UNIT_TESTS = ("test_rule_loader.cpp", "test_alt_rule_loader.cpp", "test_filter_warning_resolver.cpp")


class Parser:
    """Falco's parser, in a process."""

    def __init__(self, libs: Path, folder: Path) -> None:
        sinsp = libs / "userspace/libsinsp"
        (folder / "libsinsp").mkdir()
        (folder / "libsinsp/filter").symlink_to(sinsp.resolve() / "filter")
        (folder / "libsinsp/utils.h").write_text(_UTILS, encoding="utf-8")
        for name in ("sinsp_exception.h", "sinsp_public.h"):
            (folder / "libsinsp" / name).write_bytes((sinsp / name).read_bytes())
        (folder / "main.cpp").write_text(_MAIN, encoding="utf-8")
        sources = ("main.cpp", *(f"libsinsp/filter/{name}.cpp" for name in ("parser", "ast", "escaping")))
        command = ("g++", "-std=c++17", "-O1", "-w", "-I.", *sources, "-lre2", "-lpthread", "-o", "parser")
        subprocess.run(command, cwd=folder, check=True)
        self._process = subprocess.Popen((folder / "parser",), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def refusal(self, text: str) -> int | None:
        """Returns where the parser stops; None if it takes the condition."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{len(text.encode())}\n{text}\n")
        stdin.flush()
        offset = int(stdout.readline())
        return None if offset < 0 else offset


def refusal(text: str) -> int | None:
    """Returns where kgate stops; None if it takes the condition."""
    try:
        parse(text)
    except ConditionError as error:
        return error.offset
    return None


def conditions(folder: Path) -> list[str]:
    """Returns the conditions of all rules and macros, with lists and exceptions."""
    found = []
    for path in sorted((folder / "rules").glob("*.yaml")):
        ruleset = load([(path.name, path.read_bytes())]).ruleset
        found += [one.text for one in ruleset.macros.values()] + [one.text.text for one in ruleset.rules]
    return found


def edited(text: str, count: int, chance: random.Random) -> Iterator[str]:
    """Yields a condition with one edit, so many times."""
    words = [match.span() for match in re.finditer(r"[\w.]+|\S", text)]
    for _ in range(count):
        place, sign = chance.randrange(len(text) + 1), chance.choice(_INSERTED)
        start, end = chance.choice(words)
        yield chance.choice(
            (
                text[:place],
                text[:place] + sign + text[place:],
                text[:start] + text[end:],
                text[:start] + sign + text[end:],
            )
        )


def where(text: str, theirs: int, ours: int) -> str:
    """Returns how the places of two refusals differ."""
    between = text[min(theirs, ours) : max(theirs, ours)].strip()
    if not between:
        return "at the same place"
    if between in ("and", "or"):
        return "at a word, where falco stops behind it"
    return "at an escape, where falco stops behind the text" if between.startswith("\\") else "elsewhere"


def compare(parser: Parser, texts: Sequence[str], edits: int) -> int:
    """Prints how often both refuse the same; returns the number of differences."""
    chance = random.Random(1)
    counts: Counter[str] = Counter()
    for text in (edit for whole in texts for edit in (whole, *edited(whole, edits, chance)) if edit):
        theirs, ours = parser.refusal(text), refusal(text)
        if theirs is None or ours is None:
            counts["both take" if theirs is ours else "DIFFERENT"] += 1
            if theirs is not ours:
                print(f"falco {theirs}, kgate {ours}: {text}")
            continue
        kind = where(text, theirs, ours)
        counts[f"both refuse {kind}"] += 1
        if kind == "elsewhere":
            print(f"falco {theirs}, kgate {ours}: {text}")
    print(f"{len(texts)} conditions and {edits} edits of each: {dict(counts)}")
    return counts["DIFFERENT"] + counts["both refuse elsewhere"]


def compare_unit_tests(falco: Path) -> int:
    """Loads what Falco's unit tests load; returns in how many cases one refuses what the other takes."""
    different = total = 0
    for name in _UNIT_TESTS:
        text = (falco / "unit_tests/engine" / name).read_text(encoding="utf-8")
        for match in re.finditer(r"^TEST(?:_F)?\(\w+, (\w+)\) \{(.*?)^\}", text, re.DOTALL | re.MULTILINE):
            files = dict(re.findall(r'(?:auto|std::string) (\w+) =\s*R"END\((.*?)\)END"', match[2], re.DOTALL))
            loads = re.findall(r"ASSERT_(TRUE|FALSE)\(load_rules\((\w+),", match[2])
            if not loads or any(file not in files for _, file in loads):
                continue
            total += 1
            found = load((f"{file}.yaml", files[file].encode()) for _, file in loads)
            if found.is_refused is (loads[-1][0] == "TRUE"):
                different += 1
                print(f"{match[1]}: falco expects {loads[-1][0]}, kgate says {[str(fault) for fault in found.faults]}")
    print(f"{total} unit tests of the loader: {different} different")
    return different + (total == 0)


def main() -> int:
    """Compares everything; returns the exit code."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("libs", "falco", "rules"):
        options.add_argument(f"--{name}", type=Path, required=True, metavar="FOLDER")
    options.add_argument("--edits", type=int, default=100)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        parser = Parser(chosen.libs, Path(folder))
        different = compare(parser, conditions(chosen.rules), chosen.edits)
    return 1 if different + compare_unit_tests(chosen.falco) else 0


if __name__ == "__main__":
    sys.exit(main())
