"""The repairs list as people and programs see it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update

from registry.domain.kinds import Role
from registry.domain.repairs import AsideSaid, BusSaid, RepairReason
from registry.services.cabinets import CabinetState, note_cabinet
from registry.storage.database import reading, writing
from registry.storage.tables import audit, cabinet, device
from tests.web.conftest import NOON, Web, send


@pytest.fixture
def sick(web: Web) -> Web:
    """A cabinet that loses readings with a dead line, and the sensor behind it that never spoke."""
    with writing(web.city.engine) as tx:
        tx.execute(update(device).values(cabinet_id="c7", fitted_at=NOON - timedelta(days=2)))
        tx.execute(insert(cabinet).values(id="c8", name="c8", online=True, state_at=NOON - timedelta(hours=3)))
    state = CabinetState(
        cabinet="c7", online=True, at=NOON.timestamp(), dropped=4, buses=[BusSaid(name="east", units_silent=[1, 2])]
    )
    note_cabinet(web.city.engine, state, now=NOON)
    return web


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_worst_stands_first_with_what_to_do(sick: Web, lang: str) -> None:
    client = sick.as_(Role.VIEWER)
    client.set_cookie("lang", lang)
    text = client.get("/repairs").text
    first, second = ("读数丢失", "总线多个单元无应答") if lang == "zh" else ("Readings were lost", "Several units")
    assert 0 < text.index(f"<strong>{first}") < text.index(f"<strong>{second}")
    assert "spool.max_bytes" in text
    assert "c8" in text


def test_filters_narrow_and_an_unknown_one_is_left_out(sick: Web) -> None:
    client = sick.as_(Role.VIEWER)
    client.set_cookie("lang", "en")
    lines = client.get("/repairs?kind=line").text
    assert "<strong>Several units" in lines
    assert "<strong>Readings were lost" not in lines
    assert client.get("/repairs?reason=weak_battery").text.count("<strong>Weak battery") == 0
    assert client.get("/repairs?cabinet=c8").text.count("/cabinets/c7") == 0


def test_a_well_city_says_so(web: Web) -> None:
    with writing(web.city.engine) as tx:
        tx.execute(update(device).values(removed_at=NOON))
    client = web.as_(Role.VIEWER)
    client.set_cookie("lang", "en")
    assert "Nothing to repair" in client.get("/repairs").text


def test_the_list_is_for_staff_and_counted_on_the_system_page(sick: Web) -> None:
    assert sick.visitor().get("/repairs").status_code == 302
    client = sick.as_(Role.VIEWER)
    client.set_cookie("lang", "en")
    assert "Repairs: 2 cabinets, 1 bus," in client.get("/system").text


def test_programs_get_the_same_with_words(sick: Web) -> None:
    answer = sick.as_(Role.VIEWER).get("/api/v1/repairs?kind=cabinet", headers={"Accept-Language": "en"})
    assert answer.status_code == 200
    first = answer.json["items"][0]
    assert first["repair"]["reason"] == RepairReason.DROPS
    assert "spool.max_bytes" in first["fix"]
    assert answer.json["counts"]["line"] == 1
    assert sick.as_(Role.VIEWER).get("/api/v1/repairs?kind=nonsense").status_code in (400, 422)


def told_of(web: Web, *names: str) -> None:
    files = [AsideSaid(name=name, at=NOON.timestamp() + number, bytes=4000) for number, name in enumerate(names)]
    state = CabinetState(cabinet="c7", online=True, at=NOON.timestamp(), set_aside=files)
    note_cabinet(web.city.engine, state, now=NOON)


def test_a_damaged_spool_file_is_listed_until_somebody_has_seen_it(web: Web) -> None:
    told_of(web, "spool.db.damaged-1")
    told_of(web)  # the cabinet has cleaned up meanwhile
    client = web.as_(Role.DISPATCHER)
    assert "spool.db.damaged-1" in client.get("/repairs").text
    assert send(client, "/repairs/c7/seen", {}, page="/repairs").status_code == 303
    assert "spool.db.damaged-1" not in client.get("/repairs").text
    told_of(web, "spool.db.damaged-1")
    assert "spool.db.damaged-1" not in client.get("/repairs").text, "the same one again is no news"
    told_of(web, "spool.db.damaged-1", "spool.db.damaged-2")
    assert "spool.db.damaged-2" in client.get("/repairs").text
    answer = web.as_(Role.VIEWER).get("/api/v1/repairs?reason=spool_set_aside")
    assert [one["repair"]["file"] for one in answer.json["items"]] == ["spool.db.damaged-2"]
    with reading(web.city.engine) as tx:
        (said,) = tx.execute(select(audit.c.subject, audit.c.detail).where(audit.c.action == "cabinet.seen"))
    assert (said.subject, "spool.db.damaged-1" in str(said.detail)) == ("cabinet:c7", True)


def test_who_only_looks_cannot_say_that_it_was_seen(web: Web) -> None:
    told_of(web, "spool.db.damaged-1")
    viewer = web.as_(Role.VIEWER)
    assert "/repairs/c7/seen" not in viewer.get("/repairs").text
    assert send(web.as_(Role.DISPATCHER), "/repairs/c404/seen", {}, page="/repairs").status_code == 404
