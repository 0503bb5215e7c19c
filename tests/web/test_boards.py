"""Boards in the web part: pages, streamed answers cut to the visitor's area, keeping edits."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from registry.domain.kinds import Role, Severity
from registry.services.boards import SHIPPED_KEYS
from registry.storage.database import writing
from registry.storage.tables import user
from tests.web.conftest import NOON, Web, csrf_of, send

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
NOON_MS = round(NOON.timestamp() * 1000)


def ask(client: FlaskClient, path: str, body: dict[str, Any], **headers: str) -> TestResponse:
    token = csrf_of(client, "/account")
    return client.post(path, json=body, headers={"X-CSRFToken": token, "Accept": "application/json", **headers})


def question(**more: Any) -> dict[str, Any]:
    return {"from_ms": NOON_MS - DAY_MS, "to_ms": NOON_MS + 60_000, "width_px": 600, "vars": {}, "panels": None} | more


def answers_of(client: FlaskClient, key: str, **more: Any) -> dict[str, dict[str, Any]]:
    response = ask(client, f"/boards/{key}/answers", question(**more))
    assert response.status_code == 200, response.text
    return {line["panel"]: line for line in map(json.loads, response.text.splitlines())}


def previewed(client: FlaskClient, kind: str, source: dict[str, Any], **more: Any) -> dict[str, Any]:
    panel = {"id": "p", "kind": kind, "x": 0, "y": 0, "w": 6, "h": 4, "source": source}
    response = ask(
        client, "/boards/preview", {k: v for k, v in question(**more).items() if k != "panels"} | {"panel": panel}
    )
    assert response.status_code == 200, response.text
    return dict(response.json or {})


def test_every_shipped_board_is_listed_and_opens(web: Web):
    office = web.as_(Role.ADMINISTRATOR)
    page = office.get("/boards").text
    for key in SHIPPED_KEYS:
        assert f'href="/boards/{key}"' in page
        assert office.get(f"/boards/{key}").status_code == 200
        assert (office.get(f"/boards/{key}.json").json or {})["key"] == key


@pytest.mark.parametrize("key", SHIPPED_KEYS)
def test_every_panel_of_a_shipped_board_is_answered(web: Web, key: str):
    opened = web.city.open_case(NOON)
    web.city.add_alert(opened.case_id, NOON)
    office = web.as_(Role.ADMINISTRATOR)
    body = office.get(f"/boards/{key}.json").json or {}
    found = answers_of(office, key)
    assert set(found) == {each["id"] for each in body["panels"] if each["kind"] != "text"}
    problems = {line["problem"]["code"] for line in found.values() if "problem" in line}
    assert problems <= {"choose", "not_counted"}, found
