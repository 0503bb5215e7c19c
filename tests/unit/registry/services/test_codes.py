"""Giving out codes: consecutive, never twice, never over the six digits."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from sqlalchemy import Engine, insert

from registry.domain.codes import MAX_SERIAL
from registry.domain.errors import InvalidInput
from registry.services.assets import NewAsset, register_asset
from registry.services.codes import explain_code, issue_codes, keep_codes
from registry.storage.database import writing
from registry.storage.tables import code_counter


def test_serials_go_on_where_the_last_call_ended(engine: Engine):
    with writing(engine) as tx:
        assert issue_codes(tx, "320508", "0101", 2) == ["3205080101000001", "3205080101000002"]
    with writing(engine) as tx:
        assert issue_codes(tx, "320508", "0101", 1) == ["3205080101000003"]
        assert issue_codes(tx, "320508", "0118", 1) == ["3205080118000001"]
        assert issue_codes(tx, "320509", "0101", 1) == ["3205090101000001"]


def test_codes_of_a_transaction_that_failed_were_never_given(engine: Engine):
    def fail_after_taking() -> None:
        with writing(engine) as tx:
            issue_codes(tx, "320508", "0101", 5)
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        fail_after_taking()
    with writing(engine) as tx:
        assert issue_codes(tx, "320508", "0101", 1) == ["3205080101000001"]


def test_a_class_that_is_nearly_full_gives_what_it_has_and_no_more(engine: Engine):
    with writing(engine) as tx:
        tx.execute(insert(code_counter).values(division="320508", class_code="0101", last_serial=MAX_SERIAL - 2))
        with pytest.raises(InvalidInput, match="fewer than 3"):
            issue_codes(tx, "320508", "0101", 3)
        assert issue_codes(tx, "320508", "0101", 2)[-1] == "3205080101999999"
        with pytest.raises(InvalidInput, match="extension class"):
            issue_codes(tx, "320508", "0101", 1)


@pytest.mark.parametrize(
    ("division", "class_code", "count", "field"),
    [
        ("32050", "0101", 1, "division"),
        ("320508", "101", 1, "class_code"),
        ("320508", "0101", 0, "count"),
        ("320508", "0101", MAX_SERIAL + 1, "class_code"),
    ],
)
def test_an_unusable_request_is_refused_by_field(
    engine: Engine, division: str, class_code: str, count: int, field: str
):
    with writing(engine) as tx, pytest.raises(InvalidInput) as refused:
        issue_codes(tx, division, class_code, count)
    assert refused.value.field == field


def test_codes_given_elsewhere_are_never_issued_and_the_counter_never_falls(engine: Engine):
    with writing(engine) as tx:
        keep_codes(tx, ["3205080101000040", "3205080101000012", "3205080118000003"])
        keep_codes(tx, ["3205080101000007"])
        keep_codes(tx, [])
        assert issue_codes(tx, "320508", "0101", 1) == ["3205080101000041"]
        assert issue_codes(tx, "320508", "0118", 1) == ["3205080118000004"]
        with pytest.raises(InvalidInput):
            keep_codes(tx, ["320508"])


def test_a_good_code_is_explained_part_by_part(engine: Engine, now: datetime):
    with writing(engine) as tx:
        cover = register_asset(tx, NewAsset(division="320508", class_code="0101", lon=120.6, lat=31.3), now=now)
        reading = explain_code(tx, "３２０５０８ 0101-000001", scheme="cjt214-2007")
    assert reading.usable
    assert reading.findings == ()
    assert (reading.grouped, reading.asset_id, reading.issued) == ("320508 0101 000001", cover, True)
    assert reading.division is not None
    assert reading.division.full_name == "江苏省苏州市姑苏区"
    assert [(each.scheme, each.name_zh) for each in reading.classes] == [
        ("cjt214-2007", "上水井盖"),
        ("gbt30428-2013", "上水井盖"),
    ]


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("", [("code", "is empty", True)]),
        ("32050801O1000001", [("code", "character 9 is 'O'; is it the digit 0\\?", True)]),
        ("320508010100000", [("code", "has 15 digits.*1 missing", True)]),
        ("3205080101000001234", [("code", "Sichuan cover number", True)]),
        ("0205080001000000", [("division", "begin with 0", True), ("class_code", "major", True), ("serial", "", True)]),
        ("9999990101000001", [("division", "is it a new one", False), ("serial", "not given yet", False)]),
        ("3205000101000001", [("division", "prefecture", False), ("serial", "not given yet", False)]),
        ("1101030101000001", [("division", "dissolved in 2010", False), ("serial", "not given yet", False)]),
        (
            "3205080139000001",
            [
                ("class_code", r"not in the class table cjt214-2007; it is in gbt30428-2013 \(景观灯\)", False),
                ("serial", "", False),
            ],
        ),
        ("3205089999000001", [("class_code", "add it as an extension class", False), ("serial", "", False)]),
    ],
)
def test_what_is_wrong_with_a_code_is_said_by_its_digits(
    engine: Engine, text: str, findings: list[tuple[str, str, bool]]
):
    with writing(engine) as tx:
        reading = explain_code(tx, text, scheme="cjt214-2007")
    assert [(found.part, found.grave) for found in reading.findings] == [(part, grave) for part, _, grave in findings]
    for found, (_, problem, _) in zip(reading.findings, findings, strict=True):
        assert re.search(problem, found.problem)
        assert 1 <= found.first <= found.last <= 16
    assert reading.usable == (not any(grave for _, _, grave in findings))


def test_a_serial_whose_asset_is_gone_counts_as_given(engine: Engine):
    with writing(engine) as tx:
        issue_codes(tx, "320508", "0101", 3)
        reading = explain_code(tx, "3205080101000002")
    assert (reading.issued, reading.asset_id) == (True, None)
    assert "nothing on file carries it" in reading.findings[0].problem
