"""Seasons on their page: what is in force, the switch, the dates, and taking a change back."""

from __future__ import annotations

import pytest

from registry.domain.kinds import Role
from registry.queries.seasons import season_row
from registry.services.seasons import install_shipped_seasons
from registry.storage.database import writing
from tests.web.conftest import NOON, Web, send


@pytest.fixture(autouse=True)
def shipped(web: Web) -> None:
    with writing(web.city.engine) as tx:
        install_shipped_seasons(tx)


def test_the_page_shows_all_four_and_what_they_change(web: Web) -> None:
    page = web.as_(Role.VIEWER).get("/seasons").text
    assert all(name in page for name in ("汛期", "台风", "冰冻期", "夜市"))
    assert "2 紧急工作时" in page
    assert "满量程的 80%" in page  # a number without its unit says nothing
    assert "15%" in page
    assert "7 天" in page
    assert "/switch" not in page


def test_a_season_is_switched_and_the_switching_taken_back(web: Web) -> None:
    client = web.as_(Role.DISPATCHER)
    answer = send(client, "/seasons/typhoon/switch", {"switch": "on"}, page="/seasons")
    assert answer.headers["Location"] == "/seasons#season-typhoon"
    page = client.get("/seasons").text
    assert "陈派 于" in page
    assert "恢复为 关闭" in page
    send(client, "/seasons/typhoon/undo", {}, page="/seasons")
    row = season_row(web.city.engine, "typhoon", now=NOON)
    assert row is not None
    assert row.switch == "off"


def test_dates_are_kept_or_said_to_be_wrong_at_the_season(web: Web) -> None:
    client = web.as_(Role.ADMINISTRATOR)
    send(client, "/seasons/flood/dates", {"starts": "04-01", "ends": "10-15"}, page="/seasons")
    row = season_row(web.city.engine, "flood", now=NOON)
    assert row is not None
    assert (row.starts, row.ends) == ("04-01", "10-15")
    wrong = send(client, "/seasons/flood/dates", {"starts": "04-31", "ends": "10-15"}, page="/seasons")
    assert wrong.status_code == 422
    assert 'value="04-31"' in wrong.text
    assert send(client, "/seasons/monsoon/switch", {"switch": "on"}, page="/seasons").status_code == 404


def test_a_season_without_dates_does_not_follow_them(web: Web) -> None:
    client = web.as_(Role.DISPATCHER)
    answer = send(client, "/seasons/typhoon/switch", {"switch": "auto"}, page="/seasons")
    assert (answer.status_code, "还没有起止日期" in answer.text) == (422, True)


def test_the_overview_says_which_season_is_in_force(web: Web) -> None:
    client = web.as_(Role.DISPATCHER)
    assert "生效中" not in client.get("/").text
    send(client, "/seasons/typhoon/switch", {"switch": "on"}, page="/seasons")
    assert "台风生效中" in client.get("/").text
