"""One thing of each sort that the city keeps, so that every page has something to show."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import JSON, Boolean, Connection, Engine, Float, Integer, Table, insert, select
from werkzeug.routing import Rule

from benchmarks._month_city import CHINA, MonthCity
from benchmarks._month_city import NOW as MONTH_CLOSED
from registry.domain.kinds import Role, Severity, Source
from registry.domain.people import Actor
from registry.queries.months import find_month
from registry.services.cases import open_or_attach
from registry.services.kiosk_links import NewKioskLink, issue_link
from registry.services.month_closing import ask_to_close, close_month
from registry.services.months import approve_month, publish_month
from registry.services.permits import NewPermit, start
from registry.services.revisions import bump
from registry.services.silences import NewSilence, add_silence
from registry.services.standard import REVISION
from registry.storage import tables
from registry.storage.database import reading, writing
from registry.storage.times import UtcTime
from tests.browser.troubled_cabinet import troubled_cabinet


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """A site that has an asset with a sensor on it, and people."""

    engine: Engine
    asset_id: int
    unit_id: int
    crew: Actor
    dispatcher: Actor
    area_code: str
    now: datetime


@dataclass(slots=True)
class Things:
    """What an address may name: by the name in the route, and for some routes another of the same name."""

    by_name: dict[str, Any] = field(default_factory=dict)
    of_route: dict[str, dict[str, Any]] = field(default_factory=dict)


def put(tx: Connection, table: Table, **given: Any) -> int:
    """A row of ``table`` with what is given and something plausible where a value must be; its id (0 without one)."""
    moment = given.pop("moment", None)
    row = {
        column.name: _plausible(column.type, moment)
        for column in table.columns
        if not (column.nullable or column.primary_key or column.default or column.server_default)
    } | given
    made = insert(table).values(row)
    if "id" not in table.c:
        tx.execute(made)
        return 0
    return int(tx.execute(made.returning(table.c.id)).scalar_one())


def _plausible(kind: Any, moment: datetime | None) -> Any:
    if isinstance(kind, UtcTime):
        return moment
    if isinstance(kind, JSON):
        return {}
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, (Integer, Float)):
        return 1
    return "-"


def one_of_each(at: Where) -> Things:
    """Make them, all about ``at.asset_id`` and in its area."""
    now, later, day = at.now, at.now + timedelta(hours=1), at.now.date().isoformat()
    with writing(at.engine) as tx:
        opened = open_or_attach(
            tx, asset_id=at.asset_id, kind="cover_displaced", severity=Severity.ALARM, source=Source.SENSOR, now=now
        )
        case_id = opened.case_id
        by_name: dict[str, Any] = {
            "asset_id": at.asset_id,
            "case_id": case_id,
            "unit_id": at.unit_id,
            "user_id": at.crew.user_id,
            **_alerts(tx, at, case_id),
            **_people(tx, at, day),
            **_ledgers(tx, at, case_id, day),
            **_watched(tx, at, day),
        }
        device = select(tables.device.c.id).where(tables.device.c.asset_id == at.asset_id)
        if (device_id := tx.execute(device.limit(1)).scalar()) is not None:
            by_name["device_id"] = device_id
    new = NewPermit(asset_id=at.asset_id, work="清淤", people=2, minutes=60, scanned=True)
    by_name["permit_id"] = start(at.engine, new, by=at.crew, now=now)
    muted = NewSilence(asset_id=at.asset_id, ends_at=later, reason="路面施工，井盖会被掀开")
    by_name["silence_id"] = add_silence(at.engine, muted, by=at.dispatcher, now=now)
    by_name |= {"doubt": "same_place", "season": "flood", "scheme": "cjt214-2007", "scheme_key": "jinhua"}
    return Things(by_name | _a_month(at), _of_routes(at))


def _a_month(at: Where) -> dict[str, str]:
    """A month of a city a thousandth the size of a real one, counted and open to everybody."""
    MonthCity(5, 0.001).write(at.engine)
    with writing(at.engine) as tx:
        bump(tx, REVISION)  # whoever asked for the standard before has none of its lines
    key = "2023-02"
    ask_to_close(at.engine, key, zone=CHINA, by=at.dispatcher, now=MONTH_CLOSED)
    close_month(at.engine, key, clock=lambda: MONTH_CLOSED, zone=CHINA)
    for step, somebody in ((approve_month, at.crew), (publish_month, at.dispatcher)):
        found = find_month(at.engine, key)
        assert found is not None
        step(at.engine, key, expected_version=found.version, by=somebody, now=MONTH_CLOSED)
    return {"month": key, "ending": "csv"}


def _alerts(tx: Connection, at: Where, case_id: int) -> dict[str, int]:
    now, pole = at.now, tables.point.c.device_id
    device = select(tables.device.c.id).where(tables.device.c.asset_id == at.asset_id).limit(1)
    device_id = tx.execute(device).scalar()
    measured = select(tables.point.c.id).where(pole == device_id).order_by(tables.point.c.name != "tilt_z")
    point_id = tx.execute(measured.limit(1)).scalar()
    times = {"began_at": now, "recorded_at": now}
    group = {"rule_key": "water_high", "state": "open", "members": 8, "severity": 2, "area_code": at.area_code}
    made = {
        "group_id": put(tx, tables.alert_group, **group, **times, last_at=now),
        "alert_id": put(
            tx, tables.alert, rule_key="cover_tilt", rule_version=1, point_id=point_id, device_id=device_id,
            asset_id=at.asset_id, case_id=case_id, severity=2, state="firing", **times, fired_at=now, value=20.0,
            peak=25.0,
        ),
        "letter_id": put(
            tx, tables.dead_letter, at=now, cabinet_id="c-0093", reason="unknown_device", device="LW-24E124136B001234",
            detail="device 'LW-24E124136B001234' is not registered: fit it to an asset", body="[]",
        ),
    }  # fmt: skip
    if point_id is not None:
        made["point_id"] = int(point_id)
    return made


def _people(tx: Connection, at: Where, day: str) -> dict[str, int]:
    now, unit_id = at.now, at.unit_id
    channel_id = put(
        tx, tables.channel, name="值班群", kind="webhook", address="https://chat.example/hook", created_at=now
    )
    person = {"name": at.crew.name, "user_id": at.crew.user_id}
    contact_id = put(tx, tables.contact, channel_id=channel_id, unit_id=unit_id, address="", **person)
    step = {"after_min": 0, "contacts": [contact_id], "to": []}
    shift_id = put(
        tx, tables.shift, unit_id=unit_id, name="白班", from_min=480, until_min=1200, days="every", moment=now
    )
    turn = {"starts_at": now, "ends_at": now + timedelta(hours=8), "day": day}
    return {
        "channel_id": channel_id,
        "contact_id": contact_id,
        "route_id": put(tx, tables.route, name="严重的都打电话", severity=2, hours=[], steps=[step]),
        "post_id": put(tx, tables.post, unit_id=unit_id, name="排水抢修", a_name="李敏", a_phone="138****", moment=now),
        "shift_id": shift_id,
        "turn_id": put(tx, tables.shift_turn, shift_id=shift_id, **turn, **person),
        "api_token_id": put(tx, tables.api_token, name="数据中台", user_id=at.crew.user_id, hash=str(now), prefix="cc_",
                            scopes=["read"], created_at=now),
    }  # fmt: skip


def _ledgers(tx: Connection, at: Where, case_id: int, day: str) -> dict[str, Any]:
    now, unit_id, area = at.now, at.unit_id, {"area_code": at.area_code}
    later = now + timedelta(days=3)
    notice_id = put(
        tx, tables.supervision_notice, year=2026, serial=1, unit_id=unit_id, title="督办井盖移位", demand="三日内修复",
        issuer="市数字城管监督中心", issued_at=now, reply_by=later,
    )  # fmt: skip
    item_id = put(
        tx, tables.supervision_item, notice_id=notice_id, case_id=case_id, problem="井盖移位三日未修", state="replied",
        opened_at=now, deadline_at=later, **area,
    )  # fmt: skip
    entry_id = put(tx, tables.supervision_entry, item_id=item_id, at=now, move="reply", detail={})
    plan_id = put(
        tx, tables.patrol_plan, name="人民路夜查", unit_id=unit_id, weekly=3, starts_on=day, moment=now, **area
    )
    earlier = put(
        tx,
        tables.case,
        asset_id=at.asset_id,
        kind="cover_displaced",
        severity=2,
        source="sensor",
        stage="closed",
        number="A0",
        moment=now,
    )
    put(tx, tables.case_repeat, case_id=case_id, earlier_case_id=earlier, same_asset=True, found_at=now, **area)
    put(tx, tables.patrol_stop, plan_id=plan_id, position=1, name="路口", asset_id=at.asset_id, lon=113.3, lat=23.1,
        radius_m=50, key_point=True)  # fmt: skip
    round_id = put(
        tx,
        tables.patrol_round,
        plan_id=plan_id,
        day=day,
        user_id=at.crew.user_id,
        started_at=now,
        stops=1,
        visited=0,
        key_stops=1,
        key_visited=0,
    )
    campaign_id = put(tx, tables.campaign, name="汛前排查", purpose="雨季前把低洼处的井盖查一遍", starts_on=day,
                      ends_on="2099-12-31", quota=40, moment=now)  # fmt: skip
    consultation_id = put(tx, tables.consultation, year=2026, serial=1, subject="无主井盖权属会商", held_at=now,
                          place="三楼会议室", chair="陈派", members=["水务", "电力"], moment=now)  # fmt: skip
    list_id = put(tx, tables.mandate_list, name="一周督办件", received_on=day, sha256="0" * 64, created_at=now)
    report = {"case_id": case_id, "asset_id": at.asset_id, "at": now, "text": "井盖翘起来了，过车很响。", **area}
    return {
        "supervision_notice_id": notice_id,
        "supervised_id": item_id,
        "evidence_id": put(tx, tables.supervision_file, item_id=item_id, entry_id=entry_id, name="回函.pdf",
                           media_type="application/pdf", size_bytes=9, sha256="0" * 64, added_at=now),
        "recheck_id": put(tx, tables.recheck, case_id=case_id, round=1, turn=1, times=1, every_days=7, state="due",
                          due_at=later, planned_at=now, **area),
        "inspection_id": put(tx, tables.inspection, case_id=case_id, likes=[], state="open", gate=False,
                             opened_at=now, due_at=later, **area),
        "plan_id": plan_id,
        "round_id": round_id,
        "warning_id": put(tx, tables.patrol_warning, unit_id=unit_id, plan_id=plan_id, text="低洼处雨篦堵塞",
                          due_on=day, sent_at=now, **area),
        "campaign_id": campaign_id,
        "measure_id": put(tx, tables.campaign_measure, campaign_id=campaign_id, position=1, text="增派一组夜查"),
        "consultation_id": consultation_id,
        "item_id": put(tx, tables.consultation_item, consultation_id=consultation_id, position=1,
                       subject="人民路三口无主井归属"),
        "mandate_id": put(tx, tables.mandate, list_id=list_id, number="督〔2026〕1", subject="人民路井盖异响",
                          state="open", photo_ids=[]),
        "report_id": put(tx, tables.report, key="k-0001", **report),
        "run_id": put(tx, tables.import_run, at=now, file_name="雨水井.csv", state="done", problems=[], rows=12,
                      created=10, unchanged=1, rejected=1),
    }  # fmt: skip


def _watched(tx: Connection, at: Where, day: str) -> dict[str, Any]:
    """What stands on maps and walls."""
    now, is_administrator = at.now, tables.user.c.role == "administrator"
    row = tx.execute(select(tables.user.c.id, tables.user.c.name).where(is_administrator).limit(1)).one()
    administrator = Actor(user_id=row.id, name=row.name, role=Role.ADMINISTRATOR, unit_id=None)
    outline = [[113.0, 23.0], [113.1, 23.0], [113.1, 23.1]]
    selection_id = put(tx, tables.map_selection, made_at=now, made_by=row.id, ends_at=now + timedelta(days=7),
                       outline=outline, count=1, by_family={"cover": 1})  # fmt: skip
    put(tx, tables.map_selection_item, selection_id=selection_id, asset_id=at.asset_id)
    put(tx, tables.map_layer, key="sewers", kind="wmts", name_zh="排水管线", name_en="Sewers", dated_on=day,
        address="https://tiles.example/{z}/{x}/{y}.png", access="staff", colour="#0a66c2", moment=now)  # fmt: skip
    return {
        "selection_id": selection_id,
        "mobile_id": put(tx, tables.mobile_resource, kind="vehicle", number="苏E·5K210", name="抢险一号车",
                         unit_id=at.unit_id, placed_at=now, lon=120.62, lat=31.31, added_at=now),
        "word": issue_link(tx, NewKioskLink(name="指挥大厅"), by=administrator, now=now).word,
    }  # fmt: skip


def _of_routes(at: Where) -> dict[str, dict[str, Any]]:
    """Names that mean different things on different routes."""
    cabinet = troubled_cabinet(at.engine, "c-lindun-renmin-0093", now=at.now).cabinet.rpartition("/")[2]
    with writing(at.engine) as tx:
        printed = put(tx, tables.print_run, name="人民路首批", kind="assets", state="done",
                      template_key="plate-60x90", template_version=1, format="pdf", total=40, made=40, selection={},
                      moment=at.now)  # fmt: skip
    with reading(at.engine) as tx:
        plate = tx.execute(select(tables.tag.c.token, tables.tag.c.asset_id).limit(1)).first()
        area_id = tx.execute(select(tables.area.c.id).limit(1)).scalar()
    keys = {"report": "k-0001", "standard_line": "cover_displaced", "class_table": "cjt214-2007"}
    keys |= dict.fromkeys(("rule", "rule_history"), "cover_tilt")
    keys |= dict.fromkeys(("board", "edit_board", "board_body", "board_annotations", "panel_csv"), "overview")
    keys |= dict.fromkeys(("map_layers", "edit_map_layer", "map_layer_file", "map_layer_tile"), "sewers")
    keys |= dict.fromkeys(("label_template", "label_template_picture", "label_template_json"), "plate-60x90")
    found: dict[str, dict[str, Any]] = {endpoint: {"key": key} for endpoint, key in keys.items()}
    found["panel_csv"]["panel"] = "open"
    for endpoint in ("print_run", "print_run_file", "print_run_progress"):
        found[endpoint] = {"run_id": printed}
    for endpoint in ("scan", "tag", "bind_tag"):
        found[endpoint] = {"token": plate.token if plate else "none"}
    for endpoint in ("cabinet", "configuration", "cabinet_progress"):
        found[endpoint] = {"cabinet": cabinet}
    for endpoint in ("area", "area_outline"):
        found[endpoint] = {"area_id": area_id or 1}
    return found


def page_addresses(app: Flask, things: Things) -> dict[str, str]:
    """Endpoint → address of every route that answers GET and is no program's; the shortest where one has several."""
    adapter, found = app.url_map.bind("localhost"), dict[str, str]()
    rules = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ()) and _for_people(rule)]
    for rule in sorted(rules, key=lambda rule: (len(rule.rule), rule.rule)):
        if rule.endpoint not in found:
            known = things.by_name | things.of_route.get(rule.endpoint, {})
            values = {name: known.get(name, _first(rule, name)) for name in rule.arguments}
            found[rule.endpoint] = adapter.build(rule.endpoint, values)
    return found


def _first(rule: Rule, name: str) -> int | str:
    """What a route takes that names no thing of the city."""
    return 1 if f"<int:{name}>" in rule.rule else "none"


def _for_people(rule: Rule) -> bool:
    # a stream never ends
    return not rule.rule.startswith(("/api/", "/static/", "/open311/", "/healthz", "/metrics")) and not (
        rule.rule.endswith("/stream")
    )
