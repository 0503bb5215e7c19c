"""A board as data: what is read, what is refused, where, and how its time is cut."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from registry.domain.board_check import check_board, check_panel
from registry.domain.board_time import MOST_STEPS, steps
from registry.domain.boards import Over, plain_board, read_board, read_panel
from registry.domain.errors import InvalidInput
from registry.services.boards import SHIPPED_KEYS, shipped_board

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
CITY = ZoneInfo("Asia/Shanghai")
TILT = {"of": "series", "point": "tilt_z", "of_family": ["cover"]}


def panel(**more: Any) -> dict[str, Any]:
    return {"id": "one", "kind": "time_series", "x": 0, "y": 0, "w": 12, "h": 8, "source": TILT} | more


def board(*panels: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"key": "own", "name": {"zh": "自己的"}, "panels": list(panels)} | more


def fields(plain: dict[str, Any]) -> list[str]:
    return [problem.field for problem in check_board(read_board(plain))]


@pytest.mark.parametrize("key", SHIPPED_KEYS)
def test_a_shipped_board_is_in_order_and_survives_being_written_and_read(key: str):
    shipped = shipped_board(key)
    assert shipped is not None
    assert check_board(shipped) == ()
    assert read_board(plain_board(shipped)) == shipped
    assert all(each.title.zh and each.title.en for each in shipped.panels)


def test_what_fits_no_shape_is_refused_with_the_path_to_it():
    with pytest.raises(InvalidInput) as refused:
        read_board(board(panel(source=TILT | {"most": "many"})))
    assert refused.value.field == "panels[0].source.most"
    with pytest.raises(InvalidInput, match="colour"):
        read_panel(panel(colour="red"))


@pytest.mark.parametrize(
    ("plain", "field"),
    [
        (board(key="new"), "key"),
        (board(key="Größe"), "key"),
        (board(name={"zh": " "}), "name.zh"),
        (board(refresh_s=1), "refresh_s"),
        (board(time={"from": "yesterday"}), "time.from"),
        (board(time={"from": "2026-03-02T04:00:00"}), "time.from"),
        (board(variables=[{"name": "area"}, {"name": "area"}]), "variables[1].name"),
        (board(variables=[{"name": "area", "default": ["1", "2"]}]), "variables[0].default"),
        (board(panel(), panel(y=8)), "panels[1].id"),
        (board(panel(), panel(id="two", x=6, y=4)), "panels[1].y"),
        (board(panel(x=20)), "panels[0].w"),
        (board(panel(h=0)), "panels[0].h"),
        (board(panel(source=None)), "panels[0].source"),
        (board(panel(kind="text")), "panels[0].source"),
        (board(panel(kind="bar")), "panels[0].source.of"),
        (board(panel(source=TILT | {"point": "colour"})), "panels[0].source.point"),
        (board(panel(source=TILT | {"points": [1]})), "panels[0].source.point"),
        (board(panel(source=TILT | {"of_assets": [1]})), "panels[0].source.of_family"),
        (board(panel(source=TILT | {"most": 51})), "panels[0].source.most"),
        (board(panel(source=TILT | {"of_family": ["cover"] * 201})), "panels[0].source.of_family"),
        (board(panel(source=TILT | {"where": {"stage": "filed"}})), "panels[0].source.where.stage"),
        (board(panel(source=TILT | {"where": {"area": "$area"}})), "panels[0].source.where.area"),
        (board(panel(source=TILT | {"where": {"area": "$moon"}})), "panels[0].source.where.area"),
        (board(panel(source={"of": "count", "what": "cases"})), "panels[0].source.over"),
        (board(panel(kind="stat", source={"of": "count", "what": "assets", "over": "day"})), "panels[0].source.over"),
        (board(panel(kind="bar", source={"of": "count", "what": "cases", "by": "road"})), "panels[0].source.by"),
        (board(panel(kind="bar", source={"of": "count", "what": "cases"})), "panels[0].source.by"),
        (board(panel(kind="heat_map", source={"of": "week_hours", "what": "assets"})), "panels[0].source.what"),
        (board(panel(options={"decimals": 9})), "panels[0].options.decimals"),
        (board(panel(options={"min": 2, "max": 1})), "panels[0].options.max"),
        (board(panel(options={"href": "//elsewhere.example"})), "panels[0].options.href"),
        (board(panel(options={"href": "/\\elsewhere.example"})), "panels[0].options.href"),
        (board(panel(options={"href": "/\t/elsewhere.example"})), "panels[0].options.href"),
        (board(panel(source={"of": "series", "points": [1, 2**63]})), "panels[0].source.points[1]"),
        (
            board(panel(kind="stat", source={"of": "count", "what": "cases", "where": {"open": "yes"}})),
            "panels[0].source.where.open",
        ),
        (
            board(panel(kind="bar", source={"of": "quality", "what": "gaps", "where": {"cabinet": "c1"}})),
            "panels[0].source.where.cabinet",
        ),
        (
            board(panel(options={"thresholds": [{"from": 2, "tone": "good"}, {"from": 1, "tone": "alarm"}]})),
            "panels[0].options.thresholds",
        ),
    ],
)
def test_each_mistake_is_told_at_its_field(plain: dict[str, Any], field: str):
    assert fields(plain) == [field]


def test_panels_that_touch_do_not_overlap():
    assert fields(board(panel(), panel(id="two", x=12), panel(id="three", y=8, w=24))) == []


def test_a_panel_by_itself_may_name_any_variable():
    assert check_panel(read_panel(panel(source=TILT | {"where": {"area": "$area"}}))) == ()


@pytest.mark.parametrize("said", ["now", "-24h", "-8w", "-12M", "-1y", "2026-01-01T00:00:00+08:00"])
def test_a_span_is_told_in_words_or_as_a_moment(said: str):
    assert fields(board(time={"from": said})) == []


@pytest.mark.parametrize(
    ("over", "first"),
    [
        (Over.HOUR, "2026-02-20T12:00:00+08:00"),
        (Over.DAY, "2026-02-20T00:00:00+08:00"),
        (Over.WEEK, "2026-02-16T00:00:00+08:00"),
        (Over.MONTH, "2026-02-01T00:00:00+08:00"),
    ],
)
def test_steps_begin_on_the_citys_clock(over: Over, first: str):
    found = steps(datetime(2026, 2, 20, 4, 30, tzinfo=UTC), NOW, over, CITY)
    assert found[0].isoformat() == first
    assert found[-2] < NOW <= found[-1]
    assert all(one < two for one, two in pairwise(found))


def test_a_year_by_the_hour_is_shown_by_the_day():
    found = steps(NOW - timedelta(days=365), NOW, Over.HOUR, CITY)
    assert 365 <= len(found) <= MOST_STEPS
    assert found[1] - found[0] == timedelta(days=1)


def test_a_day_of_twenty_three_hours_is_one_day():
    berlin = ZoneInfo("Europe/Berlin")
    found = steps(datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 3, 31, 12, tzinfo=UTC), Over.DAY, berlin)
    assert [each.astimezone(UTC).hour for each in found] == [23, 23, 22, 22, 22]
    hours = steps(datetime(2026, 3, 29, 0, tzinfo=UTC), datetime(2026, 3, 29, 3, tzinfo=UTC), Over.HOUR, berlin)
    assert [each.hour for each in hours] == [1, 3, 4, 5]
