"""The door for other platforms: Alertmanager's list, its webhook, and a real Alertmanager that knocks."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from registry.domain.people import Actor
from registry.intake import Intake
from registry.services.aliases import add_alias
from registry.services.api_tokens import NewToken, issue_token
from registry.storage.database import reading, writing
from registry.storage.tables import alert, dead_letter, event_inbox
from tests.alertmanager import Alertmanager
from tests.event_rule import KEY, have_event_rule
from tests.polling import wait_until
from tests.web.conftest import NOON, Web

PATH = "/api/v2/alerts"
API_PAGE = Path(__file__).parents[2] / "docs/api.md"
FIRING = {"labels": {"alertname": "RoadFlooded", "alias": "W-1"}, "annotations": {"summary": "积水"}}


def token_of(web: Web, somebody: Actor, *scopes: str) -> str:
    with writing(web.city.engine) as tx:
        return issue_token(tx, NewToken(name="视频平台", scopes=scopes, expires_at=None), by=somebody, now=NOON).text


def post(web: Web, token: str, body: Any) -> TestResponse:
    return web.visitor().post(PATH, json=body, headers={"Authorization": f"Bearer {token}"})


def rows(web: Web, table: Any) -> list[Any]:
    with reading(web.city.engine) as tx:
        return list(tx.execute(select(table)).all())


@pytest.fixture
def token(web: Web) -> str:
    with writing(web.city.engine) as tx:
        add_alias(tx, web.city.asset_id, "owner_number", "W-1", now=NOON)
        have_event_rule(tx, NOON)
    return token_of(web, web.city.dispatcher, "events")


def test_a_list_is_answered_alert_by_alert_and_what_can_t_be_used_is_kept(web: Web, token: str) -> None:
    unknown = {"labels": {"alertname": "Fire", "asset_code": "X-9"}}
    answer = post(web, token, [FIRING, unknown, FIRING | {"startsAt": "soon"}])
    assert answer.status_code == 202, answer.text
    told = answer.get_json()
    assert (told["taken"], told["refused"]) == (1, 2)
    assert [one["outcome"] for one in told["items"]] == ["began", "refused", "refused"]
    assert told["items"][0]["asset_id"] == web.city.asset_id
    assert (told["items"][1]["field"], told["items"][2]["field"]) == ("labels", "startsAt")
    assert sorted(row.reason for row in rows(web, dead_letter)) == ["undecodable", "unknown_asset"]


def test_of_a_request_of_which_nothing_can_be_used_each_reason_is_told(web: Web, token: str) -> None:
    answer = post(web, token, {"version": "4", "alerts": [{"labels": {"asset_code": "X-9"}}, {"labels": {}}]})
    assert answer.status_code == 422
    errors = answer.get_json()["errors"]
    assert [error["field"] for error in errors] == ["[0].labels", "[1].labels"]
    assert "X-9" in errors[0]["problem"]
    assert len(rows(web, dead_letter)) == 2


def test_alertmanager_s_webhook_is_taken_at_the_same_address(web: Web, token: str) -> None:
    sent = FIRING | {"status": "firing", "startsAt": "2026-03-02T03:59:00Z", "endsAt": "0001-01-01T00:00:00Z"}
    body = {"version": "4", "groupKey": "{}", "status": "firing", "receiver": "city", "externalURL": "http://am:9093"}
    assert post(web, token, body | {"alerts": [sent]}).status_code == 202
    over = sent | {"status": "resolved", "endsAt": "2026-03-02T04:00:00Z"}
    assert (
        post(web, token, body | {"status": "resolved", "alerts": [over]}).get_json()["items"][0]["outcome"] == "ended"
    )
    (row,) = rows(web, event_inbox)
    assert (row.sender, row.heard, row.ends_at) == ("city http://am:9093", 2, NOON)


def test_nothing_that_is_no_alert_is_an_error_of_ours(web: Web, token: str) -> None:
    for body in ({"alerts": 3}, [{"labels": {"asset_code": 3}}], "alerts", [[]], {}):
        assert post(web, token, body).status_code == 422, body
    visitor = web.visitor()
    cut = visitor.post(
        PATH, data=b"[{", headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    )
    assert cut.status_code == 400
    assert post(web, token, []).get_json() == {"taken": 0, "refused": 0, "items": []}


def test_only_a_token_made_for_events_opens_it(web: Web, token: str) -> None:
    assert post(web, token_of(web, web.city.dispatcher, "read"), [FIRING]).status_code == 403
    assert web.visitor().post(PATH, json=[FIRING]).status_code == 401
    alone = web.visitor().get("/api/v1/assets", headers={"Authorization": f"Bearer {token}"})
    assert alone.status_code == 403


def test_a_sender_gone_wild_is_slowed_down(web: Web, token: str) -> None:
    client, headers = web.visitor(), {"Authorization": f"Bearer {token}"}
    answers = [client.post(PATH, json=[], headers=headers).status_code for _ in range(301)]
    assert answers[299:] == [202, 429]


@pytest.fixture
def served(web: Web) -> Iterator[str]:
    """The address at which the app is really listening."""
    server = make_server("127.0.0.1", 0, web.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(60)
    server.server_close()


def receiver_of_the_page() -> str:
    """The configuration that docs/api.md offers."""
    (found,) = re.findall(r"```yaml\n(.*?)```", API_PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


@pytest.mark.network
def test_a_real_alertmanager_raises_an_alert_on_the_asset_and_takes_it_back(
    web: Web, token: str, served: str, tmp_path: Path
) -> None:
    web.clock.now = datetime.now(UTC)  # Alertmanager has no other clock
    intake = Intake(web.city.engine, web.store, clock=web.clock)

    def has_state(state: str) -> bool:
        web.clock.now = datetime.now(UTC)
        intake.tick(now=web.clock.now)
        return [row.state for row in rows(web, alert)] == [state]

    (tmp_path / "token").write_text(token)
    config = (
        receiver_of_the_page()
        .replace("https://city.example", served)
        .replace("/etc/alertmanager/covercode.token", str(tmp_path / "token"))
        .replace("group_interval: 1m", "group_interval: 1s")
    )
    with Alertmanager(tmp_path / "am", config=config) as manager:
        told = FIRING | {"startsAt": datetime.now(UTC).isoformat(), "generatorURL": "http://camera-7/"}
        manager.post([told])
        wait_until(lambda: has_state("firing"), within_s=120)
        manager.post([told | {"endsAt": datetime.now(UTC).isoformat()}])
        wait_until(lambda: has_state("cleared"), within_s=120)
    (fired,) = rows(web, alert)
    (row,) = rows(web, event_inbox)
    assert (fired.rule_key, fired.asset_id) == (KEY, web.city.asset_id)
    assert (row.name, row.annotations, row.source_url) == ("RoadFlooded", {"summary": "积水"}, "http://camera-7/")
