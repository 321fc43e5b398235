"""waiverfile.py: what is read of waivers, and every mistake in them at its line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from kgate.config import Options, Settings, read_trusted, settle
from kgate.errors import ConfigError, RuleError
from kgate.judgement.waivers import FindingPattern, RemarkPattern, WaiverEntry
from kgate.judgement.waiving import Waivers
from kgate.model import Problem, Unjudged, Waiver
from kgate.repository import Repository, UntrustedFolders
from kgate.rules.load import load
from kgate.waiverfile import in_force

TODAY = date(2026, 12, 1)
RULES = load()


def settled(folder: Path, waivers: str | None = None, config: str | None = None, today: date = TODAY) -> Settings:
    """The settings of a scan of a folder with these files."""
    for name, text in (("kgate-waivers.yaml", waivers), ("kgate.yaml", config)):
        if text is not None:
            (folder / name).write_text(text, encoding="utf-8")
    repository = Repository(folder)
    file, _ = read_trusted((str(folder),), None, repository)
    return settle(Options(today=today), file, repository, UntrustedFolders((folder,)))


def read(folder: Path, waivers: str | None = None, config: str | None = None, today: date = TODAY) -> Waivers:
    return in_force(settled(folder, waivers, config, today).waivers, RULES, is_whole=True)


def entry(*lines: str, reason: str = "reason: tried out") -> str:
    """A file with one entry, whose first line is the second one of the file."""
    first, *others = (*lines, reason)
    return "\n".join(("accept:", f"- {first}", *(f"  {line}" for line in others if line), ""))


def scoped(*lines: str) -> str:
    return entry("rule: host-pid", "path: a.yaml", *lines)


POLICY = "waivers:\n  {}\n"
EVERYWHERE = (
    "waives host-pid everywhere; name a path, resource, image or fingerprint, or write path: '**' if that is meant"
)
DIGITS = "32 digits (0-9, a-f) of a report; `kgate waive` writes them"
TOO_LONG = "61 days ahead, and waivers.max-days allows 60; write 2027-01-30 or earlier"
LEAVE = "name what it is about, or leave it out"
OBJECT = "write KIND/NAMESPACE/NAME, or KIND/NAME in whatever namespace"
MISSPELT = "no rule has the id 'host-pit'; did you mean 'host-pid'?; `kgate rules list` shows all"
LONG = "x" * (1 << 18)
MISTAKES = [
    pytest.param("- rule: host-pid\n", "must hold one mapping", id="a list"),
    pytest.param("waivers: []\n", "1: unknown field 'waivers'; write the entries below accept", id="another key"),
    pytest.param("acept: []\n", "1: unknown field 'acept'; did you mean 'accept'?", id="a misspelt key"),
    pytest.param(
        "require: [owner]\n",
        "1: unknown field 'require'; it belongs in kgate.yaml, below waivers: require",
        id="a key of the configuration",
    ),
    pytest.param("accept: host-pid\n", "1: accept must be a list of waivers", id="text for the list"),
    pytest.param("accept:\n- host-pid\n", "2: accept[0] must be a mapping", id="text for an entry"),
    pytest.param("accept:\n- {rule: a\n", "3: not valid YAML: did not find expected ',' or '}'", id="no YAML"),
    pytest.param(
        scoped("untill: 2027-01-01"),
        "4: unknown field 'untill' in accept[0]; did you mean 'until'?",
        id="a misspelt field",
    ),
    pytest.param(
        scoped("expires: 2027-01-01"),
        "4: unknown field 'expires' in accept[0]; write until: DATE",
        id="a field of another program",
    ),
    pytest.param(
        scoped("namespace: shop"),
        "4: unknown field 'namespace' in accept[0]; write resource: {namespace: NAMESPACE}",
        id="a namespace by itself",
    ),
    pytest.param(
        entry("path: a.yaml"),
        "2: accept[0] names no rule; write rule: ID, or problem: or unjudged: with a part of the message",
        id="no rule",
    ),
    pytest.param(
        entry("path: a.yaml", "rule: host-pid", "problem: x"),
        "4: accept[0] has rule and problem; write an entry for each",
        id="a rule and a problem",
    ),
    pytest.param(entry("rule: host-pit", "path: a.yaml"), f"2: {MISSPELT}", id="a misspelt rule"),
    pytest.param(
        entry("rule:", "- host-pid", "- host-pit", "path: a.yaml"), f"4: {MISSPELT}", id="a misspelt rule in a list"
    ),
    pytest.param(
        entry("rule: [1]", "path: a.yaml"),
        "2: accept[0].rule[0] must be a string; put it in quotes",
        id="a number as rule",
    ),
    pytest.param(
        entry("rule: {id: a}", "path: a.yaml"),
        "2: accept[0].rule must be a string; put it in quotes",
        id="a mapping as rule",
    ),
    pytest.param(entry("rule: []", "path: a.yaml"), f"2: accept[0].rule is an empty list; {LEAVE}", id="no rules"),
    pytest.param(entry("rule: ' '", "path: a.yaml"), f"2: accept[0].rule is blank; {LEAVE}", id="a blank rule"),
    pytest.param(entry("rule: host-pid"), f"2: accept[0] {EVERYWHERE}", id="everywhere"),
    pytest.param(
        entry("rule: host-pid", "container: app", "field: hostPID"),
        f"2: accept[0] {EVERYWHERE}",
        id="every container of a name",
    ),
    pytest.param(entry("rule: host-pid", "path: ''"), f"3: accept[0].path is blank; {LEAVE}", id="a blank path"),
    pytest.param(
        entry("rule: host-pid", "path:", "- a", "- 1"),
        "5: accept[0].path[1] must be a string; put it in quotes",
        id="a number as path",
    ),
    pytest.param(
        entry("rule: host-pid", f"path: {LONG}"),
        "3: accept[0].path: the pattern is longer than 262,144 letters",
        id="a huge path",
    ),
    pytest.param(
        entry("rule: host-pid", "resource: web"),
        f"3: accept[0].resource: 'web' is not an object; {OBJECT}",
        id="a name alone",
    ),
    pytest.param(
        entry("rule: host-pid", "resource: Pod//web"),
        f"3: accept[0].resource: 'Pod//web' is not an object; {OBJECT}",
        id="an empty namespace",
    ),
    pytest.param(
        entry("rule: host-pid", "resource: {kynd: Pod}"),
        "3: unknown field 'kynd' in accept[0].resource; did you mean 'kind'?",
        id="a misspelt kind",
    ),
    pytest.param(
        entry("rule: host-pid", "resource: {}"),
        "3: accept[0].resource is empty; name a kind, namespace or name",
        id="an empty object",
    ),
    pytest.param(
        entry("rule: host-pid", "resource: {name: ' '}"),
        "3: accept[0].resource.name is blank; name it",
        id="a blank name",
    ),
    pytest.param(
        entry("rule: host-pid", "fingerprint: 1a2b3c4d"),
        f"3: accept[0].fingerprint: '1a2b3c4d' is not a fingerprint: {DIGITS}",
        id="half a fingerprint",
    ),
    pytest.param(
        entry("rule: host-pid", f"fingerprint: {'1' * 32}"),
        "3: accept[0].fingerprint must be a string; put it in quotes",
        id="a fingerprint without quotes",
    ),
    pytest.param(
        entry("rule: host-pid", "path: a", reason=""),
        "2: accept[0].reason is missing; say why it is accepted",
        id="no reason",
    ),
    pytest.param(
        entry("rule: host-pid", "path: a", reason="reason:"),
        "4: accept[0].reason is missing; say why it is accepted",
        id="an empty reason",
    ),
    pytest.param(
        entry("rule: host-pid", "path: a", reason="reason: '  '"),
        "4: accept[0].reason is blank; say why it is accepted",
        id="a blank reason",
    ),
    pytest.param(
        entry("rule: host-pid", "path: a", reason="reason: 42"),
        "4: accept[0].reason must be a string; put it in quotes",
        id="a number as reason",
    ),
    pytest.param(scoped("owner: ' '"), "4: accept[0].owner is blank; say who accepts it", id="a blank owner"),
    pytest.param(scoped("owner: [a]"), "4: accept[0].owner must be a string; put it in quotes", id="two owners"),
    pytest.param(
        scoped("until: 2027-02-30"), "4: accept[0].until: 2027-02-30 is not a day of the calendar", id="no such day"
    ),
    pytest.param(
        scoped("until: 31.01.2027"), "4: accept[0].until must be a date such as 2027-01-31", id="another order"
    ),
    pytest.param(
        scoped("until: 20270131"), "4: accept[0].until must be a date such as 2027-01-31", id="a number as date"
    ),
    pytest.param(
        scoped("until: 2027-01-31T10:00:00Z"), "4: accept[0].until must be a date such as 2027-01-31", id="a time"
    ),
    pytest.param(scoped("until: never"), "4: accept[0].until must be a date such as 2027-01-31", id="never"),
    pytest.param(
        entry("problem: x"),
        "2: accept[0].path is missing; name the file or folder that the problem entry is about",
        id="a problem without path",
    ),
    pytest.param(
        entry("unjudged: x", "path: a", "container: app"),
        "4: accept[0].container goes with rule, and not with unjudged; name a path",
        id="a container that is not judged",
    ),
    pytest.param(entry("problem: ''", "path: a"), f"2: accept[0].problem is blank; {LEAVE}", id="any problem"),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_a_mistake_in_the_file_is_reported_at_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises((ConfigError, RuleError)) as error:
        read(tmp_path, text)
    assert str(error.value) == f"{tmp_path}/kgate-waivers.yaml:{' ' if message.startswith('must') else ''}{message}"


OWNED = scoped("owner: us", "until: 2027-01-31")
OF_POLICY = [
    pytest.param("[]", None, "kgate.yaml:1: waivers must be a mapping", id="a list"),
    pytest.param(
        "rules: []",
        None,
        "kgate.yaml:2: unknown field 'rules' in waivers; write a list of entries below accept",
        id="another key",
    ),
    pytest.param(
        "max-day: 1",
        None,
        "kgate.yaml:2: unknown field 'max-day' in waivers; did you mean 'max-days'?",
        id="a misspelt key",
    ),
    pytest.param(
        "require: owner", None, "kgate.yaml:2: waivers.require must be a list of owner and until", id="text for a list"
    ),
    pytest.param(
        "require: [owner, ticket]",
        None,
        "kgate.yaml:2: waivers.require[1] must be owner or until",
        id="what is not known",
    ),
    pytest.param(
        "max-days: 0",
        None,
        "kgate.yaml:2: waivers.max-days must be a whole number of days from 1 to 3,660",
        id="no days",
    ),
    pytest.param(
        "max-days: half a year",
        None,
        "kgate.yaml:2: waivers.max-days must be a whole number of days from 1 to 3,660",
        id="days in words",
    ),
    pytest.param("inline: maybe", None, "kgate.yaml:2: waivers.inline must be true or false", id="no truth value"),
    pytest.param("never: [host-pit]", None, f"kgate.yaml:2: {MISSPELT}", id="a misspelt rule"),
    pytest.param(
        "accept: [{rule: host-pid, reason: x}]",
        None,
        f"kgate.yaml:2: waivers.accept[0] {EVERYWHERE}",
        id="an entry in the configuration",
    ),
    pytest.param(
        "never: [host-ipc, host-pid]",
        OWNED,
        "kgate-waivers.yaml:2: host-pid cannot be waived, as waivers.never lists it (kgate.yaml:2)",
        id="what is never waived",
    ),
    pytest.param(
        "require: [owner]",
        scoped(),
        "kgate-waivers.yaml:2: accept[0].owner is missing; write who accepts it, as waivers.require wants",
        id="no owner",
    ),
    pytest.param(
        "require: [until]",
        scoped("owner: us"),
        "kgate-waivers.yaml:2: accept[0].until is missing; write its last day, as waivers.require wants",
        id="no end",
    ),
    pytest.param(
        "max-days: 180",
        scoped("owner: us"),
        "kgate-waivers.yaml:2: accept[0].until is missing; write its last day, as waivers.max-days wants",
        id="no end though days are counted",
    ),
    pytest.param(
        "max-days: 60",
        OWNED,
        f"kgate-waivers.yaml:5: accept[0].until is {TOO_LONG}",
        id="too long",
    ),
]


@pytest.mark.parametrize(("policy", "waivers", "message"), OF_POLICY)
def test_a_mistake_in_the_configuration_too(tmp_path: Path, policy: str, waivers: str | None, message: str) -> None:
    config = f"waivers: {policy}\n" if policy == "[]" else POLICY.format(policy)
    with pytest.raises((ConfigError, RuleError)) as error:
        read(tmp_path, waivers, config)
    assert str(error.value).replace(f"{tmp_path}/", "") == message.replace(f"{tmp_path}/", "")


def test_there_are_many_mistakes() -> None:
    assert len(MISTAKES) + len(OF_POLICY) >= 55


@pytest.mark.parametrize("name", ["kgate-waivers.yml", ".kgate-waivers.yaml", "kgate-waivers.json"])
def test_a_file_with_another_name_is_not_passed_over(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("accept: []\n", encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        settled(tmp_path)
    assert str(error.value) == f"{tmp_path / name}: is not read; rename it to kgate-waivers.yaml"


def test_a_file_that_cannot_be_read_ends_the_scan(tmp_path: Path) -> None:
    (tmp_path / "kgate-waivers.yaml").symlink_to("/etc/passwd")
    with pytest.raises(ConfigError) as error:
        settled(tmp_path)
    advice = "leads out of the repository, and is not followed; fix or remove it"
    assert str(error.value) == f"{tmp_path}/kgate-waivers.yaml: cannot be read: {advice}"


# --------------------------------------------------------------------------------------- what is read


def only(waivers: Waivers) -> WaiverEntry:
    (one,) = waivers.entries
    return one


def test_an_entry_says_why_who_and_until_when(tmp_path: Path) -> None:
    text = scoped("owner: us", "until: 2027-01-31", "reason: |", "  a", "  b").replace("reason: tried out", "")
    found = only(read(tmp_path, f"# ours\n{text}"))
    assert found.waiver == Waiver("a b", "us", "2027-01-31", "kgate-waivers.yaml:3")
    assert (found.until, str(found.location)) == (date(2027, 1, 31), "kgate-waivers.yaml:3:3")


def test_one_or_several_of_everything_may_be_named(tmp_path: Path) -> None:
    lines = (
        "rule: [host-pid, host-ipc]",
        "path: [a, b]",
        "resource: [Pod/a, Pod/b/*]",
        "container: c",
        "field: hostPID",
    )
    found = only(read(tmp_path, entry(*lines, "image: nginx", f"fingerprint: ['{'1' * 32}', {'ab' * 16}]"))).pattern
    assert isinstance(found, FindingPattern)
    assert found.rules == ("host-pid", "host-ipc")
    assert [len(one) for one in (found.paths, found.resources, found.containers, found.fields, found.images)] == [
        2,
        2,
        1,
        1,
        1,
    ]
    assert found.fingerprints == ("1" * 32, "ab" * 16)


@pytest.mark.parametrize(("key", "kind"), [("problem", Problem), ("unjudged", Unjudged)])
def test_remarks_are_named_by_what_they_say_and_where(tmp_path: Path, key: str, kind: type) -> None:
    found = only(read(tmp_path, entry(f"{key}: cannot be had", "path: charts/**"))).pattern
    assert isinstance(found, RemarkPattern)
    assert (found.kind, [one.text for one in found.causes], [one.text for one in found.paths]) == (
        kind,
        ["cannot be had"],
        ["charts/**"],
    )


def test_the_configuration_may_hold_entries_beside_those_of_the_file(tmp_path: Path) -> None:
    config = "waivers:\n  accept:\n  - {rule: host-ipc, path: b.yaml, reason: x}\n"
    found = read(tmp_path, scoped(), config)
    assert [one.waiver.place for one in found.entries] == ["kgate.yaml:3", "kgate-waivers.yaml:2"]


def test_pyproject_may_hold_them_too(tmp_path: Path) -> None:
    text = (
        "[tool.kgate.waivers]\nmax-days = 100\n[[tool.kgate.waivers.accept]]\n"
        'rule = "host-pid"\npath = "a.yaml"\nreason = "x"\nuntil = "2027-01-31"\n'
    )
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    assert only(read(tmp_path)).waiver == Waiver("x", "", "2027-01-31", "pyproject.toml:3")


def test_files_lie_beside_the_configuration_and_without_one_at_the_nearest_place(tmp_path: Path) -> None:
    (tmp_path / "k8s/shop").mkdir(parents=True)
    (tmp_path / "kgate-waivers.yaml").write_text(scoped(), encoding="utf-8")
    repository = Repository(tmp_path)
    start = (str(tmp_path / "k8s/shop"),)
    found, _ = read_trusted(start, None, repository)
    assert found is not None
    assert len(found.waivers.entries) == 1
    (tmp_path / "k8s/kgate.yaml").write_text("{}", encoding="utf-8")
    found, _ = read_trusted(start, None, repository)
    assert found is not None
    assert found.waivers.entries == ()


def test_what_extends_a_file_has_its_waivers_under_the_stricter_policy(tmp_path: Path) -> None:
    known = "{rule: host-pid, path: a, owner: us, until: 2027-01-31, reason: x}"
    base = f"waivers: {{require: [owner], max-days: 90, never: [host-ipc], accept: [{known}]}}\n"
    (tmp_path / "base.yaml").write_text(base, encoding="utf-8")
    config = "extends: base.yaml\nwaivers: {require: [until], max-days: 100, never: [host-network]}\n"
    found = settled(tmp_path, None, config).waivers.file
    assert (found.policy.require, found.policy.max_days) == (("owner", "until"), 90)
    assert [rule.id for rule in found.policy.never] == ["host-network", "host-ipc"]
    assert len(found.entries) == 1


def test_on_a_day_that_nobody_knows_everything_that_ends_has_ended(tmp_path: Path) -> None:
    found = read(tmp_path, OWNED, today=date.max)
    assert only(found).has_expired(found.today)
