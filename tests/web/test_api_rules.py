"""Rules over the API: versions, If-Match, every problem at once, names that nobody knows."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient

from registry.domain.kinds import Role
from tests.web.conftest import Web, csrf_of

KEY = "cover_tilt"
PATH = f"/api/v1/rules/{KEY}"


def ask(client: FlaskClient, method: str, path: str, body: Any = None, **headers: str) -> Any:
    told = {"X-CSRFToken": csrf_of(client, "/"), "Accept": "application/json"} | headers
    return client.open(path, method=method, json=body, headers={k.replace("_", "-"): v for k, v in told.items()})


def test_a_rule_is_read_changed_by_its_version_and_taken_back(web: Web) -> None:
    client = web.as_(Role.DISPATCHER)
    seen = client.get(PATH)
    rule = seen.get_json()
    rule["condition"]["fire"] = 12.5
    body = {"rule": rule, "note": "试行"}
    saved = ask(client, "PUT", PATH, body, If_Match=seen.headers["ETag"])
    assert saved.get_json() == {"key": KEY, "version": 2}

    assert ask(client, "PUT", PATH, body, If_Match=seen.headers["ETag"]).status_code == 412
    assert ask(client, "PUT", PATH, body).status_code == 428
    undone = ask(client, "POST", f"{PATH}/undo", If_Match=saved.headers["ETag"])
    assert undone.get_json()["version"] == 3
    versions = client.get(f"{PATH}/versions").get_json()["items"]
    assert [(one["rule"]["version"], one["note"]) for one in versions] == [(3, ""), (2, "试行"), (1, "")]
    assert versions[1]["changes"] == [["condition.fire", 15.0, 12.5]]
    assert client.get(f"{PATH}?version=2").get_json()["condition"]["fire"] == 12.5


def test_everything_that_is_wrong_is_told_at_once_and_names_that_nobody_knows_are_refused(web: Web) -> None:
    client = web.as_(Role.DISPATCHER)
    rule = client.get(PATH).get_json()
    rule["condition"] |= {"clear": 40, "hold_s": -1}
    rule["case_kind"] = "nonsense"
    judged = ask(client, "POST", "/api/v1/rules/check", {"rule": rule}).get_json()["problems"]
    fields = [one["field"] for one in judged]
    assert fields[:2] == ["condition.hold_s", "condition.clear"]
    assert "case_kind" in fields
    refused = ask(client, "PUT", PATH, {"rule": rule, "note": "x"}, If_Match="*")
    assert (refused.status_code, [one["field"] for one in refused.get_json()["errors"]]) == (422, fields)

    strange = client.get(PATH).get_json()
    strange["condition"]["clearr"] = 9
    refused = ask(client, "PUT", PATH, {"rule": strange, "note": "x"}, If_Match="*").get_json()
    assert [one["field"] for one in refused["errors"]] == ["condition.clearr"]


def test_a_rule_watches_what_its_tags_name(web: Web) -> None:
    client = web.as_(Role.DISPATCHER)
    rule = client.get(PATH).get_json()
    ask(client, "PUT", PATH, {"rule": rule, "note": "一处", "tags": [web.token]}, If_Match="*")

    assert client.get(PATH).get_json()["watches"]["assets"] == [web.city.asset_id]


def test_only_those_who_may_change_rules_do(web: Web) -> None:
    for role in (Role.CREW, Role.VIEWER, Role.REGISTRAR):
        client = web.as_(role)
        assert client.get("/api/v1/rules").status_code == 200
        assert ask(client, "DELETE", PATH, If_Match="*").status_code == 403
