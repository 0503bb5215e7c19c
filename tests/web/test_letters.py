"""The pages and the API of dead letters."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import insert, select

from registry.domain.kinds import Role
from registry.storage.database import reading, writing
from registry.storage.tables import audit, dead_letter
from tests.web.conftest import NOON, Web, send


@pytest.fixture
def letters(web: Web) -> dict[str, int]:
    """Three of an unknown device, one damaged; ids by a short name."""
    rows = [
        *(
            ("CV-9", "unknown_device", "device 'CV-9' is not registered", f'["CV-9","tilt_z",{n},{n},1.0,0]')
            for n in "123"
        ),
        ("", "undecodable", "the pack is cut off", "[{truncated <b>"),
    ]
    with writing(web.city.engine) as tx:
        ids = [
            tx.execute(
                insert(dead_letter)
                .values(at=NOON, cabinet_id="c1", device=device, reason=reason, detail=detail, body=body)
                .returning(dead_letter.c.id)
            ).scalar_one()
            for device, reason, detail, body in rows
        ]
    return {"first": ids[0], "damaged": ids[3]}


def asked(web: Web) -> list[int]:
    with reading(web.city.engine) as tx:
        query = select(dead_letter.c.id).where(dead_letter.c.asked_at.is_not(None)).order_by(dead_letter.c.id)
        return list(tx.execute(query).scalars())


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_worst_cause_stands_first_with_what_to_do(web: Web, letters: dict[str, int], lang: str) -> None:
    client = web.as_(Role.ADMINISTRATOR)
    client.set_cookie("lang", lang)
    text = client.get("/letters").text
    first, second = ("未登记的设备", "无法解码") if lang == "zh" else ("Unknown device", "Undecodable")
    assert 0 < text.index(f">{first}</a>") < text.index(f">{second}</a>")
    assert ("在部件上安装" if lang == "zh" else "Fit a device") in text
    narrowed = client.get("/letters?reason=undecodable").text
    assert "the pack is cut off" in narrowed
    assert "is not registered" not in narrowed
    assert client.get("/letters?q=nothing-like-it").status_code == 200


def test_one_letter_is_shown_whole_and_harmless(web: Web, letters: dict[str, int]) -> None:
    text = web.as_(Role.VIEWER).get(f"/letters/{letters['damaged']}").text
    assert "[{truncated &lt;b&gt;" in text
    assert "/letters/replay" not in text  # a viewer looks only
    assert web.as_(Role.VIEWER).get("/letters/4711").status_code == 404


def test_a_dispatcher_replays_one_letter_or_all_that_a_filter_leaves(web: Web, letters: dict[str, int]) -> None:
    client = web.as_(Role.DISPATCHER)
    answer = send(client, "/letters/replay", {"letter_id": letters["damaged"]}, page=f"/letters/{letters['damaged']}")
    assert (answer.status_code, asked(web)) == (303, [letters["damaged"]])
    answer = send(client, "/letters/replay", {"device": "CV-9"}, page="/letters?device=CV-9")
    assert answer.status_code == 303
    assert len(asked(web)) == 4
    assert "CV-9" in answer.location
    assert send(client, "/letters/drop", {"device": "CV-9"}, page="/letters").status_code == 403


def test_letting_go_takes_a_registrar_and_is_on_record(web: Web, letters: dict[str, int]) -> None:
    answer = send(web.as_(Role.REGISTRAR), "/letters/drop", {"device": "CV-9", "sure": "1"}, page="/letters")
    assert answer.status_code == 303
    with reading(web.city.engine) as tx:
        assert list(tx.execute(select(dead_letter.c.id)).scalars()) == [letters["damaged"]]
        assert "letters.drop" in tx.execute(select(audit.c.action)).scalars().all()


def test_programs_list_count_and_replay(web: Web, letters: dict[str, int]) -> None:
    client = web.as_(Role.REGISTRAR)
    listed = client.get("/api/v1/letters?device=CV-9&limit=2").get_json()
    assert (len(listed["items"]), listed["next"] is not None) == (2, True)
    causes = client.get("/api/v1/letter-causes").get_json()["items"]
    assert [(each["device"], each["letters"]) for each in causes] == [("CV-9", 3), ("", 1)]
    whole = client.get(f"/api/v1/letters/{letters['first']}").get_json()
    assert json.loads(whole["body"])[0] == "CV-9"

    def order(path: str, body: dict) -> tuple[int, dict]:
        answer = send_json(web, path, body)
        return answer.status_code, answer.get_json()

    assert order("replay", {"ids": [letters["first"]]}) == (202, {"letters": 1})
    assert order("replay", {"reason": "unknown_device"}) == (202, {"letters": 3})
    assert order("replay", {"ids": [4711]})[0] == 404
    assert order("replay", {})[0] == 422
    assert order("drop", {"ids": [letters["first"]], "q": "x"})[0] == 422
    assert order("drop", {"all": True}) == (200, {"letters": 4})


def send_json(web: Web, path: str, body: dict):
    """As a page's own script does: with the session and its token in a header."""
    from tests.web.conftest import csrf_of

    client = web.as_(Role.REGISTRAR)
    return client.post(f"/api/v1/letters/{path}", json=body, headers={"X-CSRFToken": csrf_of(client, "/letters")})
