"""Giving out codes: consecutive, never twice, never over the six digits."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, insert

from registry.domain.codes import MAX_SERIAL
from registry.domain.errors import InvalidInput
from registry.services.codes import issue_codes
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
