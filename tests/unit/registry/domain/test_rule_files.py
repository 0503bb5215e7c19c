"""Rules as YAML: what is written is read again as the same, and every mistake is told with its line."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.domain.kinds import Severity
from registry.domain.rules import GroupPolicy, Hours, Rule, Step, Watches
from registry.domain.rules.differences import differences
from registry.domain.rules.files import check_rules, read_rules, write_rules
from registry.domain.rules.shipped import SHIPPED_RULES

TILT = next(rule for rule in SHIPPED_RULES if rule.key == "cover_tilt")
FULL = msgspec.structs.replace(
    TILT,
    name_zh="井盖倾斜",
    reason_zh="第一行\n第二行: 带冒号",
    ladder=(Step(severity=Severity.CRITICAL, fire=45.0, clear=10.0),),
    seasons={"flood": {"fire": 12.5}},
    hours=(Hours(days=(1, 7), from_min=22 * 60, until_min=6 * 60 + 30),),
    grouping=GroupPolicy(alone_from=Severity.ALARM),
    flapping=None,
    watches=Watches(classes=("cjt214-2007:0101",), area="320508", assets=(12, 14), devices=("A-1",)),
)


def unversioned(rule: Rule) -> Rule:
    return msgspec.structs.replace(rule, version=0)


@pytest.mark.parametrize("rule", [FULL, *SHIPPED_RULES], ids=lambda rule: rule.key)
def test_a_rule_that_was_written_is_read_again_as_the_same(rule: Rule) -> None:
    found, problems = read_rules(write_rules([(rule, ())]))

    assert problems == []
    assert [each.rule for each in found] == [unversioned(rule)]


def test_a_file_names_assets_by_their_codes_where_they_have_one() -> None:
    text = write_rules([(FULL, ("3205080101000001", "K7M2Q9XWB4"))])
    found, problems = read_rules(text)

    assert "assets" not in text
    assert problems == []
    assert found[0].tags == ("3205080101000001", "K7M2Q9XWB4")
    assert found[0].rule.watches.assets == ()


def test_what_has_its_usual_value_is_left_out_of_the_file() -> None:
    text = write_rules([(TILT, ())])

    assert "severity: alarm" in text
    assert [word for word in ("version", "seasons", "lateness_s", "votes", "grouping") if word in text] == []


MISTAKEN = """\
rules:
  - key: lean
    name_zh: 倾斜
    severity: awful
    colour: red
    family: cover
    point: tilt_q
    condition:
      type: limit
      fire: 10
      clearr: 12
      clear: 12
      hold_s: five
    hours:
      - days: [mon, someday]
        from: 22:00
        until: "25:00"
  - key: stuck
    severity: notice
    severity: alarm
    condition: {type: stuck, samples: 1, for_s: 2}
  - key: stuck
    severity: notice
    condition: {type: sticky}
"""


def test_every_mistake_of_a_file_is_told_with_its_line_and_field() -> None:
    found, problems = read_rules(MISTAKEN)
    told = [(problem.line, problem.key, problem.error.field) for problem in [*problems, *check_rules(found)]]

    assert told == [
        (4, "lean", "severity"),
        (5, "lean", "colour"),
        (11, "lean", "condition.clearr"),
        (13, "lean", "condition.hold_s"),
        (15, "lean", "hours[0].days[1]"),
        (17, "lean", "hours[0].until"),
        (20, "", "file"),
        (22, "stuck", "key"),
        (24, "stuck", "condition.type"),
        (18, "stuck", "name_zh"),
        (18, "stuck", "point"),
        (21, "stuck", "condition.samples"),
    ]


def test_a_name_that_is_nearly_right_is_corrected() -> None:
    _, problems = read_rules(MISTAKEN)

    assert "did you mean clear?" in next(str(each.error) for each in problems if each.error.field == "condition.clearr")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- 1",
        "rule: []",
        "rules: {}",
        "rules: [1, null]",
        "rules: [",
        "a: *b",
        "a: &a [*a, *a]\nrules: *a",
        "\x00",
        "rules: [{[1]: 2}]",
        "rules: [!!python/object/apply:os.system [ls]]",
        "rules: [{key: 2026-01-01, version: !!int x}]",
        "[" * 3000,
        "rules:\n  - key: a\n   b: c",
    ],
    ids=lambda text: repr(text[:20]),
)
def test_what_is_no_file_of_rules_is_refused_with_a_reason(text: str) -> None:
    found, problems = read_rules(text)

    assert found == []
    assert problems
    assert all(problem.line >= 1 and problem.error.problem for problem in problems)


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=80))
def test_no_text_breaks_the_reader(text: str) -> None:
    read_rules(text)
    read_rules(f"rules:\n  - key: {text}\n    condition: {{type: {text}}}\n")


def test_differences_name_the_fields_that_changed() -> None:
    changed = msgspec.structs.replace(
        FULL, severity=Severity.NOTICE, seasons={"frost": {"fire": 10.0}}, watches=Watches(assets=(12,)), version=9
    )

    assert [tuple(each) for each in differences(FULL, changed)] == [
        ("severity", 2, 1),
        ("watches.assets", [12, 14], [12]),
        ("seasons.frost.fire", None, 10.0),
        ("watches.classes", ["cjt214-2007:0101"], None),
        ("watches.area", "320508", None),
        ("watches.devices", ["A-1"], None),
        ("seasons.flood.fire", 12.5, None),
    ]
    assert differences(FULL, FULL) == []
    assert {each.field for each in differences(None, TILT)} >= {"key", "condition.fire", "severity"}


def test_the_file_shown_in_the_documents_is_sound() -> None:
    page = (Path(__file__).parents[4] / "docs/rules.md").read_text(encoding="utf-8")
    text = page.partition("```yaml\n")[2].partition("```")[0]
    found, problems = read_rules(text)

    assert [str(problem.error) for problem in [*problems, *check_rules(found)]] == []
    assert found[0].tags == ("3205080101000001",)
