"""What Grafana asks of the views is what our own boards count."""

from __future__ import annotations

import pytest

from dashboards.grafana.sql import split_by
from registry.domain.boards import SplitBy, Where


@pytest.mark.parametrize(
    ("where", "column"),
    [({"open": True}, "x.area_code"), ({"stage": "filed"}, "x.area_code"), ({}, "x.opened_in_area")],
)
def test_cases_of_now_are_split_by_where_they_lie_today_and_others_by_where_they_were_opened(
    where: Where, column: str
) -> None:
    name, join = split_by("cases", SplitBy.AREA, where, "en")
    assert f"left({column}, " in name
    assert f"left({column}, " in join
