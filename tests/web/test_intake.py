"""The desk's side of what the public tells: merging, the hotline, blocks, the rules, and the payout ledger."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from registry.domain.kinds import Role, Source
from registry.domain.public_rules import PublicRules
from registry.queries.public_settings import current_rules
from registry.queries.reports import similar_cases
from registry.services.public_rules import change_rules
from registry.services.reports import NewReport, take_report
from registry.services.rewards import propose_rewards
from registry.storage.database import reading, writing
from registry.storage.tables import asset, case, report, report_block, reward
from tests.web.conftest import Web, send
from tests.web.test_reporting import tell


def desk(web: Web) -> Any:
    return web.as_(Role.DISPATCHER)


def place_of(web: Web) -> tuple[float, float]:
    with reading(web.city.engine) as tx:
        row = tx.execute(select(asset.c.lon, asset.c.lat).where(asset.c.id == web.city.asset_id)).one()
    return float(row.lon), float(row.lat)


def rules(web: Web, expected_version: int = 0, **changes: Any) -> None:
    change_rules(
        web.city.engine,
        changes,
        note="",
        expected_version=expected_version,
        by=web.city.administrator,
        now=web.clock.now,
    )


def cases(web: Web) -> list[Any]:
    with reading(web.city.engine) as tx:
        return list(tx.execute(select(case).order_by(case.c.id)))


def test_what_is_near_in_place_and_time_is_offered_and_a_merge_takes_everybody_along(web: Web) -> None:
    lon, lat = place_of(web)
    about = {"kind": "cover_loose", "lon": str(lon + 0.0003), "lat": str(lat)}  # 31 m
    web.clock.pass_by(hours=-25)  # the desk signs in when all is told: no session lasts so long
    first = web.city.open_case(web.clock.now, kind="cover_loose")
    assert tell(web, **about, text="一").status_code == 303
    assert tell(web, **about | {"lon": str(lon + 0.0009)}, text="二").status_code == 303  # 92 m
    assert tell(web, **about | {"kind": "pole_leaning"}, text="三").status_code == 303
    web.clock.pass_by(hours=25)
    assert tell(web, **about, text="四").status_code == 303
    by_id = {row.id: row for row in cases(web)}
    (second,) = (each for each in similar_cases(web.city.engine, first.case_id))
    assert 25 < second.distance_m < 35
    page = desk(web).get(f"/cases/{second.id}").text
    assert f'name="into_id" value="{first.case_id}"' in page
    form = {"into_id": str(first.case_id), "version": str(by_id[second.id].version)}
    answer = send(desk(web), f"/cases/{second.id}/merge", form, page="/cases")
    assert answer.status_code == 303, answer.text
    with reading(web.city.engine) as tx:
        merged = tx.execute(select(case.c.stage, case.c.merged_into_id).where(case.c.id == second.id)).one()
        told = tx.scalars(select(report.c.case_id).where(report.c.text == "一")).one()
    assert tuple(merged) == ("void", first.case_id)
    assert told == first.case_id


def test_how_near_and_how_soon_is_the_citys_to_say(web: Web) -> None:
    lon, lat = place_of(web)
    opened = web.city.open_case(web.clock.now, kind="cover_loose")
    tell(web, kind="cover_loose", lon=str(lon + 0.0003), lat=str(lat))
    assert len(similar_cases(web.city.engine, opened.case_id)) == 1
    rules(web, similar_m=20)
    assert similar_cases(web.city.engine, opened.case_id) == []


def test_a_call_becomes_a_case_once_and_says_who_took_it(web: Web) -> None:
    told = {"text": "井盖响", "contact": "13912345678", "reporter": "王女士", "number": "12345-7", "asset": web.token}
    answer = send(desk(web), "/intake/hotline", told, page="/intake/hotline")
    assert answer.status_code == 303, answer.text
    assert send(desk(web), "/intake/hotline", told, page="/intake/hotline").status_code == 303
    with reading(web.city.engine) as tx:
        (row,) = tx.execute(select(report)).all()
        assert tx.scalar(select(case.c.source)) == "hotline"
    assert (row.brought_by, row.reporter, row.asset_id) == (web.city.dispatcher.user_id, "王女士", web.city.asset_id)
    page = desk(web).get("/intake").text
    assert "王女士" in page
    assert send(desk(web), "/intake/hotline", {"text": "响"}, page="/intake/hotline").status_code == 422


LIST = (
    "工单编号,内容,联系电话,部件编码,经度,纬度,案件类型\n"
    "1,井盖响,139,{code},,,井盖松动异响\n"
    "2,灯歪了,,,113.3,23.1,\n"
    "3,,,,,,\n"
    "4,洞,,,,,\n"
)


def test_a_list_is_checked_first_and_a_bad_row_holds_no_other_up(web: Web) -> None:
    with reading(web.city.engine) as tx:
        code = tx.scalar(select(asset.c.code).where(asset.c.id == web.city.asset_id))

    def sent(**more: str) -> Any:
        file = (io.BytesIO(LIST.format(code=code).encode()), "工单.csv")
        return send(desk(web), "/intake/list", {"file": file, **more}, page="/intake/list")

    checked = sent(check="1")
    assert checked.status_code == 200, checked.text
    assert "2 行可以导入，2 行有问题" in checked.text
    assert cases(web) == []
    taken = sent()
    assert "已导入 2 行，2 行有问题" in taken.text
    assert [(row.kind, row.source) for row in cases(web)] == [("cover_loose", "hotline"), ("reported", "hotline")]
    assert "此前已导入" in sent().text
    assert len(cases(web)) == 2


def test_a_blocked_contact_is_heard_again_after_its_time_or_when_it_is_lifted(web: Web) -> None:
    assert tell(web, contact="139 1234 5678").status_code == 303
    with reading(web.city.engine) as tx:
        report_id = tx.scalar(select(report.c.id))
    form = {"kind": "contact", "days": "7", "reason": "恶意上报"}
    assert send(desk(web), f"/intake/reports/{report_id}/block", form, page="/intake").status_code == 303
    assert tell(web, contact="13912345678").status_code == 422
    page = desk(web).get("/intake/blocks").text
    assert "139****5678" in page
    assert "恶意上报" in page
    send(desk(web), f"/intake/reports/{report_id}/block", form | {"kind": "address"}, page="/intake")
    assert tell(web).status_code == 422
    with reading(web.city.engine) as tx:
        block_id = tx.scalar(select(report_block.c.id).order_by(report_block.c.id.desc()).limit(1))
    assert send(desk(web), f"/intake/blocks/{block_id}/lift", {}, page="/intake").status_code == 303
    assert tell(web).status_code == 303
    assert tell(web, contact="13912345678").status_code == 422
    web.clock.pass_by(days=7, minutes=1)
    assert tell(web, contact="13912345678").status_code == 303


def test_rules_are_changed_as_a_version_and_never_over_somebody_elses(web: Web) -> None:
    form = {
        "version": "0",
        "similar_m": "80",
        "similar_h": "48",
        "per_address_day": "5",
        "per_contact_day": "3",
        "same_photo_days": "0",
        "rewards": "1",
        "tariff.*": "20",
        "tariff.cover_displaced": "50",
        "per_person_month": "1000",
        "per_month": "30000",
        "jurisdictions": "zhanjiang",
        "note": "试点",
    }
    client = web.as_(Role.ADMINISTRATOR)
    assert send(client, "/intake/rules", form, page="/intake/rules").status_code == 303
    version, now_in_force = current_rules(web.city.engine)
    assert version == 1
    assert now_in_force == PublicRules(
        similar_m=80,
        similar_h=48,
        per_address_day=5,
        per_contact_day=3,
        same_photo_days=0,
        rewards=True,
        tariff_fen={"*": 2000, "cover_displaced": 5000},
        jurisdictions=("zhanjiang",),
    )
    assert send(client, "/intake/rules", form | {"similar_m": "10"}, page="/intake/rules").status_code == 409
    wrong = send(client, "/intake/rules", form | {"version": "1", "similar_m": "9999"}, page="/intake/rules")
    assert wrong.status_code == 422
    assert "试点" in client.get("/intake/rules").text


def found_by(web: Web, contact: str, *, kind: str = "reported", asset_id: int | None = None) -> int:
    """A case that somebody found and that was mended; answers its id."""
    new = NewReport(
        text="井盖坏了", kind=kind, contact=contact, asset_id=asset_id or web.city.asset_id, secret=b"k", trusted=True
    )
    kept = take_report(web.city.engine, new, now=web.clock.now)
    with writing(web.city.engine) as tx:
        ended = {"stage": "closed", "ended_at": web.clock.now, "closed_how": "repaired"}
        tx.execute(update(case).where(case.c.id == kept.case_id).values(**ended))
    return kept.case_id


def ledger(web: Web) -> list[Any]:
    with reading(web.city.engine) as tx:
        return list(tx.execute(select(reward).order_by(reward.c.id)))


def test_the_first_reporter_of_a_real_case_earns_once_and_caps_are_kept_to_the_fen(web: Web) -> None:
    assert propose_rewards(web.city.engine, now=web.clock.now) == 0
    found_by(web, "13900000000")  # before rewards were switched on
    web.clock.pass_by(hours=1)
    tariffs = {"*": 2000, "cover_loose": 5000}
    rules(web, rewards=True, tariff_fen=tariffs, per_person_month_fen=6000, per_month_fen=9000)
    web.clock.pass_by(hours=1)
    for contact, kind in (
        ("139 1111 1111", "cover_loose"),
        ("13911111111", "reported"),
        ("13922222222", "reported"),
        ("13933333333", "reported"),
        ("", "reported"),
    ):
        found_by(web, contact, kind=kind)
    assert propose_rewards(web.city.engine, now=web.clock.now) == 4
    assert propose_rewards(web.city.engine, now=web.clock.now) == 0
    rows = ledger(web)
    assert [(row.tariff_fen, row.amount_fen, row.cap) for row in rows] == [
        (5000, 5000, ""),
        (2000, 1000, "person"),
        (2000, 2000, ""),
        (2000, 1000, "month"),
    ]
    assert {row.month for row in rows} == {"2026-03"}
    assert len({row.person for row in rows}) == 3


def test_a_case_that_a_sensor_found_first_earns_nobody_anything(web: Web) -> None:
    rules(web, rewards=True)
    web.clock.pass_by(hours=1)
    web.city.open_case(web.clock.now, kind="cover_loose", source=Source.SENSOR)
    found_by(web, "13911111111", kind="cover_loose")
    assert propose_rewards(web.city.engine, now=web.clock.now) == 0


def test_one_person_approves_and_another_pays_and_the_export_says_both(web: Web) -> None:
    rules(web, rewards=True)
    web.clock.pass_by(hours=1)
    found_by(web, "=HYPERLINK(1)")
    propose_rewards(web.city.engine, now=web.clock.now)
    (row,) = ledger(web)
    client = desk(web)
    path = f"/rewards/{row.id}"
    assert send(client, f"{path}/decide", {"version": "1", "approved": "0"}, page="/rewards").status_code == 303
    assert ledger(web)[0].state == "proposed"  # a refusal needs its reason
    send(client, f"{path}/decide", {"version": "1", "approved": "1"}, page="/rewards")
    send(client, f"{path}/pay", {"version": "2", "note": "R-1"}, page="/rewards")
    assert ledger(web)[0].state == "approved"  # nobody pays what they approved
    send(web.as_(Role.ADMINISTRATOR), f"{path}/pay", {"version": "1", "note": "R-1"}, page="/rewards")
    assert ledger(web)[0].state == "approved"  # somebody else dealt with it meanwhile
    send(web.as_(Role.ADMINISTRATOR), f"{path}/pay", {"version": "2", "note": "R-1"}, page="/rewards")
    assert (ledger(web)[0].state, ledger(web)[0].paid_note) == ("paid", "R-1")
    page = client.get("/rewards?month=2026-03").text
    assert "20.00" in page
    exported = client.get("/rewards.csv?month=2026-03")
    text = exported.data.decode("utf-8-sig")
    assert "'=HYPERLINK(1)" in text
    assert "20.00" in text
    assert "已发放" in text


def test_a_refused_reward_gives_its_amount_back_to_the_month(web: Web) -> None:
    rules(web, rewards=True, per_month_fen=2000)
    web.clock.pass_by(hours=1)
    found_by(web, "13911111111")
    propose_rewards(web.city.engine, now=web.clock.now)
    (row,) = ledger(web)
    send(desk(web), f"/rewards/{row.id}/decide", {"version": "1", "approved": "0", "note": "假照片"}, page="/rewards")
    web.clock.now += timedelta(minutes=1)
    found_by(web, "13922222222")
    propose_rewards(web.city.engine, now=web.clock.now)
    assert [(each.state, each.amount_fen) for each in ledger(web)] == [("refused", 2000), ("proposed", 2000)]
