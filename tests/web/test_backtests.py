"""Back-tests over the API: in pieces, of rules that could be saved, for people who may change them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from registry.domain.kinds import Role
from registry.domain.rules.plain import rule_plain
from registry.domain.rules.shipped import SHIPPED_RULES
from registry.services.devices import NewDevice, put_on
from registry.storage.database import writing
from registry.storage.tables import device, point, user
from registry.storage.times import to_ms
from tests.web.conftest import NOON, Web, csrf_of

TILT = next(each for each in SHIPPED_RULES if each.key == "cover_tilt")
SPAN = {"since": "2026-02-28T00:00:00Z", "until": "2026-03-02T00:00:00Z"}


@pytest.fixture
def past(web: Web) -> Web:
    """Two covers with three days behind them, each open for an hour of the last full day."""
    return with_past(web)


def with_past(web: Web) -> Web:
    began = NOON - timedelta(days=3)
    with writing(web.city.engine) as tx:
        tx.execute(update(device).values(fitted_at=began))
    second = web.city.add_asset(began)
    with writing(web.city.engine) as tx:
        device_id = put_on(tx, NewDevice(serial="CV-9", profile="p", asset_id=second, heartbeat_s=600.0), now=began)
        second_tilt = tx.scalar(
            point.select().with_only_columns(point.c.id).where(point.c.device_id == device_id, point.c.name == "tilt_z")
        )
    for number, tilt in enumerate((web.city.point("tilt_z"), second_tilt)):
        opened = to_ms(NOON) - (20 - number) * 3_600_000
        times = [to_ms(began) + n * 600_000 for n in range(432)]
        web.store.append([(tilt, at, 30.0 if 0 <= at - opened < 3_600_000 else 1.0, 0, at) for at in times])
    web.store.fold(NOON)
    return web


def ask(client: FlaskClient, path: str, body: dict[str, Any]) -> TestResponse:
    token = csrf_of(client, "/alerts")
    return client.post(f"/api/v1{path}", json=body, headers={"X-CSRFToken": token})


def test_a_backtest_comes_in_pieces_that_say_where_to_go_on(past: Web):
    client, body = past.as_(Role.DISPATCHER), {"rule": rule_plain(TILT)} | SPAN
    whole = ask(client, "/rules/backtest", body).json
    assert whole["next"] is None
    assert (whole["assets"], whole["assets_of"], whole["tally"]["fired"]) == (2, 2, 2)
    assert whole["present_version"] == 1
    assert whole["differences"] == {"new": 0, "gone": 0, "kept": 2}
    assert sum(day["fired"] for day in whole["days"]) == 2
    rest = ask(client, "/rules/backtest", body | {"after": past.city.asset_id}).json
    assert (rest["assets"], rest["tally"]["fired"]) == (1, 1)


def test_a_number_in_the_editor_is_tried_without_being_saved(past: Web):
    milder = msgspec.structs.replace(
        TILT, condition=msgspec.structs.replace(TILT.condition, fire=40.0, clear=20.0), ladder=()
    )
    found = ask(past.as_(Role.DISPATCHER), "/rules/backtest", {"rule": rule_plain(milder)} | SPAN).json
    assert (found["tally"]["fired"], found["present"]["fired"], found["differences"]["gone"]) == (0, 2, 2)


def test_a_rule_that_could_not_be_saved_is_not_tried(past: Web):
    wrong = msgspec.structs.replace(TILT, condition=msgspec.structs.replace(TILT.condition, clear=99.0))
    answer = ask(past.as_(Role.DISPATCHER), "/rules/backtest", {"rule": rule_plain(wrong)} | SPAN)
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json["errors"]] == ["condition.clear", "ladder[0].clear"]


def test_somebody_bound_to_an_area_sees_only_what_lies_there(past: Web):
    with writing(past.city.engine) as tx:
        tx.execute(update(user).where(user.c.login == "dispatcher").values(area_code="440805"))
    found = ask(past.as_(Role.DISPATCHER), "/rules/backtest", {"rule": rule_plain(TILT)} | SPAN)
    assert found.json["assets_of"] == 0


def test_only_those_who_may_change_rules_may_try_them(past: Web):
    for role in (Role.VIEWER, Role.CREW, Role.REGISTRAR):
        assert ask(past.as_(role), "/rules/backtest", {"rule": rule_plain(TILT)}).status_code == 403


def test_a_rule_that_would_have_raised_many_cases_yesterday_warns(past: Web, make_web: Callable[..., Web]):
    answer = ask(past.as_(Role.ADMINISTRATOR), "/rules/yesterday", {"rule": rule_plain(TILT)}).json
    assert (answer["day"], answer["cases"], answer["most"], answer["warns"]) == ("2026-03-01", 2, 20, False)
    strict = make_web(place={"warn_cases": 1})  # the same city
    assert ask(strict.as_(Role.ADMINISTRATOR), "/rules/yesterday", {"rule": rule_plain(TILT)}).json["warns"]


def test_a_threshold_comes_with_its_reason_in_both_languages(past: Web):
    path = f"/assets/{past.city.asset_id}/threshold"
    answer = ask(past.as_(Role.DISPATCHER), path, {"rule": rule_plain(TILT)} | SPAN)
    assert answer.status_code == 200, answer.text
    assert answer.json["fire"] > answer.json["clear"]
    assert "quiet days" in answer.json["en"]
    assert "平静" in answer.json["zh"]
