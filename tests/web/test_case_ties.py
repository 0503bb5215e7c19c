"""The case's page leads to what else names it: consultations, campaigns, tasks from above, patrols, inspections."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert

from registry.domain.kinds import Role
from registry.queries.case_ties import TieKind, ties_of_case
from registry.storage.database import writing
from registry.storage.tables import (
    campaign,
    campaign_item,
    consultation,
    consultation_case,
    consultation_item,
    inspection,
    inspection_item,
    mandate,
    mandate_list,
    patrol_finding,
    patrol_plan,
    patrol_round,
    patrol_warning,
)
from tests.web.conftest import NOON, Web


def add(web: Web, table: Any, **row: Any) -> int:
    with writing(web.city.engine) as tx:
        return int(tx.execute(insert(table).values(row).returning(*table.primary_key.columns)).one()[0])


def tie_to_everything(web: Web, case_id: int) -> list[str]:
    city, day = web.city, "2026-03-02"
    held = add(web, consultation, year=2026, serial=3, subject="暴雨会商", held_at=NOON, members=[], updated_at=NOON)
    item = add(web, consultation_item, consultation_id=held, position=1, subject="清掏")
    add(web, consultation_case, item_id=item, case_id=case_id)
    dates = {"starts_on": day, "ends_on": "2026-04-01", "updated_at": NOON}
    ran = add(web, campaign, name="井盖整治", quota=5, **dates)
    dealt = {"campaign_id": ran, "asset_id": city.asset_id, "day": day, "at": NOON, "result": "case"}
    add(web, campaign_item, case_id=case_id, **dealt)
    listed = add(web, mandate_list, name="市里清单", received_on=day, sha256="0" * 64, created_at=NOON)
    asked = {"list_id": listed, "number": "7", "subject": "修", "state": "open", "photo_ids": []}
    ordered = add(web, mandate, case_id=case_id, **asked)
    plan = add(web, patrol_plan, name="夜巡", unit_id=city.water, weekly=1, starts_on=day, updated_at=NOON)
    walked = add(web, patrol_round, plan_id=plan, day=day, user_id=city.crew.user_id, started_at=NOON)
    add(web, patrol_finding, round_id=walked, at=NOON, case_id=case_id)
    add(web, patrol_warning, unit_id=city.water, text="松动", due_on=day, sent_at=NOON, case_id=case_id)
    other = city.open_case(NOON, kind="cover_loose").case_id
    seen = {"likes": [], "state": "open", "gate": False, "opened_at": NOON, "due_at": NOON}
    alike = add(web, inspection, case_id=other, **seen)
    looked = {"inspection_id": alike, "asset_id": city.asset_id, "likes": [], "result": "wrong"}
    add(web, inspection_item, case_id=case_id, **looked)
    pages = [f"/consultations/{held}", f"/campaigns/{ran}", f"/mandates/{ordered}", f"/rounds/{walked}"]
    return [*pages, "/warnings", f"/inspections/{alike}"]


def test_the_page_of_a_case_leads_to_everything_that_names_it(web: Web) -> None:
    case_id = web.city.open_case(NOON).case_id
    assert ties_of_case(web.city.engine, case_id) == []
    links = tie_to_everything(web, case_id)
    page = web.as_(Role.DISPATCHER).get(f"/cases/{case_id}").text
    assert [link for link in links if f'href="{link}"' not in page] == []
    for words in ("会商〔2026〕3号", "井盖整治", "上级交办 · 7", "夜巡", "松动"):
        assert words in page
    ties = ties_of_case(web.city.engine, case_id)
    assert [tie.kind for tie in ties] == list(TieKind)
