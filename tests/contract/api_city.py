"""A city in which every operation of the API has something to do: each kind of thing in each state that one asks for.

It is made once and copied back before each test, so that no test sees what another one did.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from typing import Any

from PIL import Image
from sqlalchemy import insert, select, update

from gateway.credentials import password_hash
from registry.domain.deadlines import CHINA_TIME
from registry.domain.kinds import Reject, Role, Severity, Source
from registry.domain.people import SYSTEM, Actor
from registry.domain.rules.plain import rule_plain
from registry.domain.rules.shipped import SHIPPED_RULES
from registry.services import campaigns, consultations, patrol_rounds, patrol_warnings, patrols, shifts
from registry.services import imports as import_services
from registry.services.asset_merging import merge_assets
from registry.services.cabinets import CabinetState, note_cabinet
from registry.services.case_opening import Place, open_at_place
from registry.services.cases import move_case
from registry.services.credentials import enrol
from registry.services.month_closing import ask_to_close, close_month
from registry.services.months import approve_month
from registry.services.notice_planning import plan_notices
from registry.services.print_making import CityOnPlates
from registry.services.print_runs import make_run
from registry.services.rule_edits import switch_rule
from registry.services.scans import record_scan
from registry.services.seasons import install_shipped_seasons
from registry.services.sessions import Device, Lifetime, open_session
from registry.services.supervising import add_item
from registry.services.supervision import NewItem
from registry.services.supervision_notices import NewNotice, issue_notice
from registry.storage.database import reading, writing
from registry.storage.tables import (
    case_repeat,
    dead_letter,
    device,
    inspection,
    inspection_item,
    mandate,
    mandate_list,
    month_case,
    recheck,
    user_session,
)
from registry.storage.times import to_ms
from tests.notices import PLACE as CITY_OF_NOTICES
from tests.notices import Told
from tests.web.conftest import NOON, Web, csrf_of

PREFIX = "/api/v1"
CENSUS = "原编号,部件分类,经度,纬度\nW-1,上水井盖,113.3,23.1\nW-2,上水井盖,113.35,23.15\n"
CELLS = ("440803001001001", "440803001001002")
PLACE = {"division": "440803", "class_code": "0101", "lon": 113.31, "lat": 23.12}


@dataclass(frozen=True, kw_only=True)
class Right:
    """A request that is right: what stands in its path, its query, its JSON body, or the fields and file of a form."""

    path: dict[str, Any] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    json: Any = None
    form: dict[str, str] = field(default_factory=dict)
    file: tuple[str, str, bytes] | None = None

    def sent(self) -> dict[str, Any]:
        """As a client of Flask takes it."""
        told: dict[str, Any] = {"query_string": self.query}
        if self.file is not None:
            name, file_name, content = self.file
            told["data"] = {**self.form, name: (BytesIO(content), file_name)}
        elif self.json is not None:
            told["json"] = self.json
        return told


class ApiCity:
    """The city's ids by the names that stand in paths, and the right request of each operation that needs more."""

    def __init__(self, web: Web) -> None:
        self.web = web
        self.client = web.as_(Role.ADMINISTRATOR)
        self.token = csrf_of(self.client, "/assets")
        self.known: dict[str, Any] = {}
        self.right: dict[str, Right] = {}
        for make in (
            self._assets,
            self._cabinets,
            self._places,
            self._imports,
            self._prints,
            self._people,
            self._quiet,
            self._months,
            self._notices,
            self._in_the_field,
            self._followed,
        ):
            make()
        self._rules()

    @property
    def by(self) -> Actor:
        return self.web.city.administrator

    def post(self, path: str, *, status: int = 201, **sent: Any) -> Any:
        answer = self.client.post(PREFIX + path, headers={"X-CSRFToken": self.token}, **sent)
        assert answer.status_code == status, answer.text
        return answer.json

    def get(self, path: str) -> Any:
        answer = self.client.get(PREFIX + path)
        assert answer.status_code == 200, answer.text
        return answer.json

    def _assets(self) -> None:
        web, city = self.web, self.web.city
        twin, merged = city.add_asset(NOON, name="甲"), city.add_asset(NOON, name="乙", lon=113.32)
        merge_assets(city.engine, twin, merged, by=self.by, now=NOON)
        other = city.add_asset(NOON, name="丙", lon=113.33)
        asset = f"/assets/{city.asset_id}"
        self.post(f"{asset}/aliases", json={"kind": "old", "value": "A-1"})
        photos = [self._photo(asset, shade) for shade in (0, 255)]
        self.client.delete(f"{PREFIX}/photos/{photos[1]}", headers={"X-CSRFToken": self.token})
        blank = self.post("/tags/blank", json={"count": 1})["tokens"][0]
        record_scan(city.engine, "K7M2Q9XWB4", now=NOON)
        scans = [one["id"] for one in self.get("/scans?flagged=true")["items"]]
        opened = city.open_case(NOON)
        there = Place(lon=113.3001, lat=23.1, words="中山路口")
        told_of = {"kind": "cover_loose", "severity": Severity.ALARM, "source": Source.CITIZEN}
        with writing(city.engine) as tx:
            placed = open_at_place(tx, place=there, now=NOON, **told_of).case_id
        asked = move_case(
            city.engine,
            case_id=opened.case_id,
            move="request_extension",
            by=city.dispatcher,
            expected_version=1,
            now=NOON,
            note="等配件",
        )
        self.known |= {
            "asset_id": city.asset_id,
            "code": self.get(asset)["code"],
            "kind": "old",
            "value": "A-1",
            "token": web.token,
            "photo_id": photos[0],
            "device_id": city.device_id,
            "point_id": city.point("tilt_z"),
            "case_id": opened.case_id,
            "request_id": asked.request_id,
            "alert_id": city.add_alert(opened.case_id, NOON),
            "scheme": "cjt214-2007",
        }
        change = {"asset_id": city.asset_id, "version": self.get(asset)["version"], "change": {"road": "人民大道"}}
        self.right |= {
            "api_lookup": Right(query={"text": web.token}),
            "api_nearest": Right(query={"lon": 113.3, "lat": 23.1}),
            "api_register": Right(json=PLACE),
            "api_report_asset": Right(json={"text": "井盖移位"}),
            "api_register_many": Right(json={"items": [PLACE, PLACE | {"class_code": "9999"}]}),
            "api_change": Right(json={"road": "人民大道", "details": {"锁": "无"}}),
            "api_change_many": Right(json={"items": [change]}),
            "api_move_state": Right(json={"state": "damaged", "reason": "车辆碾压"}),
            "api_merge": Right(json={"merged_id": other}),
            "api_unmerge": Right(path={"asset_id": merged}, json={}),
            "api_add_alias": Right(json={"kind": "RFID", "value": "E200"}),
            "api_issue_tag": Right(json={"asset_id": other}),
            "api_blank_tags": Right(json={"count": 2}),
            "api_bind_tag": Right(path={"token": blank}, json={"asset_id": other}),
            "api_end_tag": Right(json={"state": "lost"}),
            "api_scan": Right(json={"token": web.token}),
            "api_scans_looked": Right(json={"scan_ids": scans}),
            "api_fit": Right(
                json={"serial": "CV-9", "profile": "cc-cover-1", "asset_id": other, "heartbeat_s": 600, "points": []}
            ),
            "api_swap": Right(json={"serial": "CV-10", "reason": "电池耗尽"}),
            "api_remove": Right(json={"reason": "拆除"}),
            "api_rezero": Right(json={"baselines": {"tilt_z": 0.5}, "reason": "重新安装"}),
            "api_add_photo": Right(file=("photo", "a.png", _picture(90)), form={"kind": "near"}),
            "api_add_case_photo": Right(path={"case_id": placed}, file=("photo", "b.png", _picture(60)), form={}),
            "api_restore_photo": Right(path={"photo_id": photos[1]}),
            "api_move_case": Right(json={"move": "note", "note": "已电话通知"}),
            "api_name_asset": Right(path={"case_id": placed}, json={"asset_id": city.asset_id}),
            "api_decide_request": Right(json={"granted": True}),
            "api_take_positions": Right(
                json={"positions": [{"number": "苏E12345", "at": "2026-03-02T03:59:00Z", "lon": 110.36, "lat": 21.27}]}
            ),
            "api_take_alerts": Right(json=[{"labels": {"alertname": "积水", "token": web.token}}]),
            "api_explain_code": Right(query={"code": self.known["code"]}),
            "api_add_class": Right(json={"name_zh": "花箱", "family": "other"}),
            "api_load_classes": Right(
                file=("file", "分类.csv", "编码,名称\n0101,上水井盖\n".encode()),
                form={"scheme": "city-own", "name_zh": "我市分类"},
            ),
        }

    def _cabinets(self) -> None:
        """A cabinet that has enrolled, carries the sensor, waits for a command and has sent what nobody could use."""
        engine = self.web.city.engine
        note_cabinet(engine, CabinetState(cabinet="c1", online=True, at=NOON.timestamp()), now=NOON)
        code = str(self.post("/cabinets/codes", json={"cabinet_id": "c1"})["code"])
        enrol(engine, code, password_hash("sieben-lange-woerter-7"), address="", now=NOON)
        with writing(engine) as tx:
            tx.execute(update(device).where(device.c.id == self.web.city.device_id).values(cabinet_id="c1"))
            letter = {"at": NOON, "cabinet_id": "c1", "reason": Reject.UNKNOWN_DEVICE, "detail": "CV-9", "body": "[]"}
            kept = tx.execute(insert(dead_letter).values(letter).returning(dead_letter.c.id)).scalar_one()
        self.known |= {
            "cabinet": "c1",
            "command_id": self.post("/cabinets/c1/commands", json={"kind": "poll"})["id"],
            "letter_id": kept,
        }
        self.right |= {
            "api_configure": Right(json={"text": "[uplink]\nwindow = 32\n", "follows": 0, "note": "信号好"}),
            "api_order": Right(json={"kind": "restart"}),
            "api_device_order": Right(json={"kind": "rezero", "reason": "重新安装"}),
            "api_code": Right(json={"cabinet_id": "c2"}),
            "api_replay_letters": Right(json={"ids": [kept]}),
            "api_drop_letters": Right(json={"reason": Reject.UNKNOWN_DEVICE}),
            "api_repairs": Right(query={"kind": "cabinet"}),
            "api_see_set_aside": Right(),
        }

    def _rules(self) -> None:
        tilt, began = self.web.city.point("tilt_z"), to_ms(NOON)
        # quiet before its case was opened, and over 15° for a while at the end
        hours = [(tilt, began - n * 60_000, 20.0 if n < 10 else 1.0, 0, began) for n in range(600)]
        self.web.store.append(hours)
        switch_rule(self.web.city.engine, "cover_knock", on=False, seen_version=None, by=self.by, now=NOON)
        tried = {"rule": rule_plain(next(each for each in SHIPPED_RULES if each.key == "cover_tilt"))}
        span = {"since": "2026-03-02T02:00:00+08:00", "until": "2026-03-02T13:00:00+08:00"}
        self.right |= {
            "api_rule": Right(path={"key": "cover_tilt"}),
            "api_rule_versions": Right(path={"key": "cover_tilt"}),
            "api_check_rule": Right(json=tried),
            "api_save_rule": Right(path={"key": "cover_tilt"}, json=tried | {"note": "试行"}),
            "api_undo_rule": Right(path={"key": "cover_knock"}),
            "api_switch_rule": Right(path={"key": "cover_tilt"}, json={"on": False}),
            "api_ship_rule": Right(path={"key": "cover_tilt"}),
            "api_restore_rule": Right(path={"key": "cover_tilt"}),
            "api_retire_rule": Right(path={"key": "cover_tilt"}),
            "api_backtest": Right(json=tried | span),
            "api_rule_yesterday": Right(json=tried),
            "api_threshold": Right(json=tried | span),
        }

    def _quiet(self) -> None:
        """A permit that runs and one that may be started, silences, and a season that was switched."""
        city = self.web.city
        with writing(city.engine) as tx:
            install_shipped_seasons(tx)
        other = city.add_asset(NOON, name="丁", lon=113.34)
        work = {"work": "清淤", "people": 2, "minutes": 60}
        silence = {"rule_key": "cover_tilt", "ends_at": "2026-03-03T12:00:00+08:00", "reason": "道路施工"}
        self.post("/seasons/typhoon/switch", status=200, json={"switch": "on"})
        self.known |= {
            "permit_id": self.post(f"/assets/{other}/permits", json=work | {"note": "电话报备"})["id"],
            "silence_id": self.post("/silences", json=silence)["id"],
            "season": "typhoon",
            "board_key": "data_quality",
            "line": "lamp_out",
        }
        self.right |= {
            "api_start_permit": Right(json=work | {"token": self.web.token}),
            "api_prolong_permit": Right(json={"minutes": 30}),
            "api_end_permit": Right(json={"note": "已盖好"}),
            "api_would_mute": Right(query={"rule_key": "cover_tilt", "severity": 3}),
            "api_add_silence": Right(json=silence | {"asset_id": city.asset_id, "severity": 1}),
            "api_board_answers": Right(json={"from_ms": 0, "to_ms": 86_400_000}),
            "api_save_board": Right(json={"key": "data_quality", "name": {"zh": "数据"}, "panels": []}),
            "api_switch_season": Right(json={"switch": "off"}),
            "api_load_standard": Right(file=("file", "标准.csv", "名称,处置时限\n座椅破损,3 工作日\n".encode())),
            "api_put_standard_line": Right(
                json={
                    "expected_version": 1,
                    "family": "light",
                    "severity": 2,
                    "name_zh": "路灯不亮",
                    "limits": [{"step": "repair", "amount": 1, "unit": "work_day"}],
                }
            ),
            "api_work_calendar": Right(query={"year": 2026}),
            "api_set_work_day": Right(json={"day": "2026-10-07", "works": True}),
            "api_set_work_hours": Right(json={"valid_from": "2026-06-01", "windows": [[480, 720], [900, 1080]]}),
            "api_deadline": Right(query={"start": "2026-09-30T16:00:00+08:00", "amount": 1, "unit": "work_day"}),
            "api_season_dates": Right(json={"starts": "06-15", "ends": "09-30"}),
        }

    def _months(self) -> None:
        """Months that are closed: one to look at, to approve, to publish (approved already), and to correct."""
        city = self.web.city
        for key in ("2026-01", "2025-12", "2025-11", "2025-10"):
            ask_to_close(city.engine, key, by=SYSTEM, now=NOON, zone=CHINA_TIME)
            close_month(city.engine, key, clock=lambda: NOON, zone=CHINA_TIME)
        approve_month(city.engine, "2025-11", expected_version=1, by=city.administrator, now=NOON)
        counted = {"month": "2025-10", "case_id": self.known["case_id"], "mask": 1, "kind": "cover_displaced"}
        with writing(city.engine) as tx:
            tx.execute(insert(month_case).values(counted))
        scheme = self.web.as_(Role.VIEWER).get("/api/v1/score-schemes").json["items"][0]
        made = {"scheme": scheme["scheme"], "version": scheme["version"], "note": "核对"}
        wrong = {"case_id": self.known["case_id"], "kind": "exclude", "reason": "重复", "version": 1}
        self.known |= {"month": "2026-01"}
        self.right |= {
            "api_close_month": Right(json={"month": "2025-09"}),
            "api_month_cases": Right(query={"count": "found", "sort": "district", "subject": "440803"}),
            "api_approve_month": Right(path={"month": "2025-12"}, json={"version": 1}),
            "api_publish_month": Right(path={"month": "2025-11"}, json={"version": 2}),
            "api_correct_month": Right(path={"month": "2025-10"}, json=wrong),
            "api_save_score_scheme": Right(json=made),
        }

    def _notices(self) -> None:
        """A channel by which nothing gets out, and a notice that waits for it."""
        told = Told(self.web.city, NOON, with_rule=False)
        channel_id = told.add_channel("http://127.0.0.1:9/hook", "webhook")
        told.add_route({"after_s": 0, "contacts": [told.add_contact(channel_id)]})
        told.fire(point_id=self.web.city.point("vibration"))
        plan_notices(self.web.city.engine, place=CITY_OF_NOTICES, now=NOON)
        self.known |= {"channel_id": channel_id}
        self.right |= {"api_try_channel": Right(json={"to": "duty@example.cn"})}

    def _in_the_field(self) -> None:
        """A shift with somebody on it, a plan with a round under way, a warning, a campaign, a consultation, a task."""
        city, by, now = self.web.city, self.by, NOON
        early = shifts.NewShift(unit_id=city.water, name="早班", from_min=480, until_min=960)
        shift_id = shifts.save_shift(city.engine, None, early, by=by, now=now)
        turn = shifts.NewTurn(shift_id=shift_id, day=now.date(), user_id=city.crew.user_id)
        plan = patrols.NewPlan(name="中山路巡查", unit_id=city.water, starts_on=now.date())
        plan_id = patrols.save_plan(city.engine, None, plan, by=by, now=now)
        patrols.set_stops(city.engine, plan_id, [patrols.NewStop(asset_id=city.asset_id)], by=by, now=now)
        warning = patrol_warnings.NewWarning(unit_id=city.water, text="箅子松动", due_on=now.date())
        wanted = {"name": "窨井盖专项", "starts_on": now.date(), "ends_on": now.date(), "quota": 5, "family": "cover"}
        held = consultations.NewConsultation(subject="积水会商", held_at=now)
        self.known |= {
            "turn_id": shifts.put_turn(city.engine, turn, by=by, now=now),
            "plan_id": plan_id,
            "round_id": patrol_rounds.start_round(city.engine, plan_id, by=by, now=now),
            "warning_id": patrol_warnings.send_warning(city.engine, warning, by=by, now=now),
            "campaign_id": campaigns.save_campaign(city.engine, None, campaigns.NewCampaign(**wanted), by=by, now=now),
            "consultation_id": consultations.save_consultation(
                city.engine, None, held, [consultations.NewItem(subject="清掏")], by=by, now=now
            ),
            "mandate_id": self._task(),
        }
        self.right |= {
            "api_put_turn": Right(json={"shift_id": shift_id, "day": "2026-03-03", "name": "老张", "phone": "138"}),
            "api_start_round": Right(json={"unannounced": True}),
            "api_be_there": Right(json={"lon": 113.3, "lat": 23.1, "accuracy_m": 8.0}),
            "api_end_round": Right(json={"note": "完成"}),
            "api_answer_warning": Right(json={"answer": "已加固"}),
            "api_record_item": Right(json={"result": "mended", "before_value": 8.0, "after_value": 0.5}),
            "api_move_mandate": Right(json={"move": "report", "note": "已更换"}),
        }

    def _followed(self) -> None:
        """An item on a notice and one that may go onto another, a look that is due, an inspection, a repeat."""
        city, by, now = self.web.city, self.by, NOON
        until = now + timedelta(days=7)
        items = [
            add_item(city.engine, NewItem(problem=problem, unit_id=city.water, deadline_at=until), by=by, now=now)
            for problem in ("箅子缺失", "井盖松动")
        ]
        words = {"unit_id": city.water, "title": "督查通知单", "demand": "请整改", "issuer": "城管办"}
        issued = issue_notice(city.engine, NewNotice(item_ids=items[:1], reply_by=until, **words), by=by, now=now)
        case_id, other = self.known["case_id"], city.add_asset(now, name="戊", lon=113.35)
        closed, _ = city.open_case(now, kind="water_high")
        area = {"case_id": case_id, "area_code": "440803"}
        look = {"round": 1, "turn": 1, "times": 1, "every_days": 7, "state": "due", "due_at": now, "planned_at": now}
        listed = {"likes": ["road"], "state": "open", "gate": False, "opened_at": now, "due_at": until}
        again = {"earlier_case_id": closed, "same_asset": True, "found_at": now}
        with writing(city.engine) as tx:
            look_id = tx.execute(insert(recheck).values(area | look).returning(recheck.c.id)).scalar_one()
            list_id = tx.execute(insert(inspection).values(area | listed).returning(inspection.c.id)).scalar_one()
            one = {"inspection_id": list_id, "asset_id": other, "likes": ["road"], "result": "waiting"}
            tx.execute(insert(inspection_item).values(one))
            tx.execute(insert(case_repeat).values(area | again))
        self.known |= {
            "supervised_id": items[0],
            "supervision_notice_id": issued.id,
            "recheck_id": look_id,
            "inspection_id": list_id,
        }
        item = {"problem": "井框高差", "unit_id": city.water, "deadline_at": "2026-03-09T18:00:00+08:00"}
        sent = {"item_ids": items[1:], "reply_by": "2026-03-09T18:00:00+08:00"}
        self.right |= {
            "api_add_supervised": Right(json=item),
            "api_move_supervised": Right(json={"move": "reply", "version": 2, "note": "已换新"}),
            "api_issue_supervision_notice": Right(json=words | sent),
            "api_withdraw_supervision_notice": Right(json={"why": "单位写错"}),
            "api_do_recheck": Right(json={"stable": True}),
            "api_look_at_asset": Right(json={"asset_id": other, "result": "fine"}),
            "api_answer_repeat": Right(json={"version": 1, "cause": "井座沉降", "measure": "更换井座"}),
        }

    def _task(self) -> int:
        row = {"name": "清单", "received_on": "2026-03-02", "sha256": "0" * 64, "created_at": NOON}
        task = {"number": "1", "subject": "更换破损井盖", "state": "open", "photo_ids": []}
        with writing(self.web.city.engine) as tx:
            list_id = tx.execute(insert(mandate_list).values(row).returning(mandate_list.c.id)).scalar_one()
            return int(tx.execute(insert(mandate).values(list_id=list_id, **task).returning(mandate.c.id)).scalar_one())

    def _photo(self, asset: str, shade: int) -> int:
        sent = {"photo": (BytesIO(_picture(shade)), "a.png")}
        return int(self.post(f"{asset}/photos", data=sent)["id"])

    def _places(self) -> None:
        city = self.web.city
        areas = {"file": (BytesIO(_areas()), "a.geojson"), "dry_run": "false"}
        self.post("/areas/import", status=200, data=areas)
        street = self.get("/areas?level=street")["items"][0]["id"]
        post = {"unit_id": city.water, "name": "值班", "a_name": "王五", "a_phone": "1", "b_name": "赵六"}
        duty = {"party": "owner", "unit_id": city.water}
        away = {"user_id": city.mate.user_id, "first_on": "2026-03-02"}
        jobs = [self.post(path, status=202)["id"] for path in ("/areas/relocate", "/gaps/count")]
        self.post(f"/jobs/{jobs[1]}/stop", status=200)
        self.known |= {
            "area_id": street,
            "unit_id": city.water,
            "post_id": self.post("/posts", json=post)["id"],
            "duty_id": self.post("/duties", json=duty)["id"],
            "line_id": self.post("/dispatch-lines", json={"unit_id": city.water})["id"],
            "absence_id": self.post("/absences", json=away)["id"],
            "job_id": jobs[0],
            "doubt": "rough",
        }
        area_file = ("file", "a.geojson", _areas())
        self.right |= {
            "api_import_areas": Right(file=area_file, form={"level": "", "field_name": "name"}),
            "api_make_grid": Right(json={"code": "440803Z01", "cells": list(CELLS), "name": "一号网格"}),
            "api_change_area": Right(json={"name": "乙街道", "unit_id": city.water}),
            "api_end_area": Right(json={}),
            "api_add_unit": Right(json={"name": "燃气公司"}),
            "api_change_unit": Right(json={"name": "水务局", "phone": "0759-110"}),
            "api_merge_unit": Right(json={"merged_id": city.power}),
            "api_set_duty": Right(json=duty | {"party": "maintainer"}),
            "api_set_duties": Right(json={"items": [duty, duty | {"party": "supervisor"}]}),
            "api_set_dispatch_line": Right(json={"kind": "cover_displaced", "unit_id": city.water}),
            "api_set_dispatch_lines": Right(json={"items": [{"family": "light", "automatic": True}]}),
            "api_add_absence": Right(json=away | {"last_on": "2026-03-05"}),
            "api_add_post": Right(json=post | {"name": "抢修"}),
            "api_change_post": Right(json=post | {"b_name": "钱七"}),
            "api_set_absence": Right(json={"a_away_from": "2026-03-01", "a_away_until": "2026-03-05"}),
            "api_resume_job": Right(path={"job_id": jobs[1]}),
        }

    def _imports(self) -> None:
        engine, folder = self.web.city.engine, self.web.place.data_dir
        uploaded, checking, checked, done = (self._upload() for _ in range(4))
        settings = self.get(f"/imports/{uploaded}/look")["guessed"] | {"crs": "wgs84", "key": "", "duplicates": "hold"}
        for run in (checked, done):
            self.post(f"/imports/{run}/check", status=202, json=settings)
        import_services.work_waiting_imports(engine, folder, clock=self.web.clock)
        self.post(f"/imports/{done}/run", status=202)
        import_services.work_waiting_imports(engine, folder, clock=self.web.clock)
        self.post(f"/imports/{checking}/check", status=202, json=settings)
        held = self.get(f"/imports/{done}/duplicates")["items"][0]["id"]
        profile = {"name": "每月普查", "settings": settings}
        self.known |= {"run_id": done, "profile_id": self.post("/import-profiles", json=profile)["id"]}
        self.right |= {
            "api_upload": Right(file=("file", "普查.csv", CENSUS.encode())),
            "api_import_look": Right(path={"run_id": uploaded}),
            "api_import_check": Right(path={"run_id": uploaded}, json=settings),
            "api_import_run": Right(path={"run_id": checked}),
            "api_import_stop": Right(path={"run_id": checking}),
            "api_import_decide": Right(json={"items": [{"duplicate_id": held, "decision": "keep"}]}),
            "api_add_profile": Right(json=profile | {"name": "每季普查"}),
            "api_change_profile": Right(json=settings | {"duplicates": "keep"}),
        }

    def _upload(self) -> int:
        return int(self.post("/imports", data={"file": (BytesIO(CENSUS.encode()), "普查.csv")})["id"])

    def _prints(self) -> None:
        key = str(self.get("/label-templates")["items"][0]["key"])
        plan = {"name": "空白标牌", "kind": "blank", "template_key": key, "format": "svg", "count": 1}
        made, waiting, stopped = (int(self.post("/print-runs", json=plan)["id"]) for _ in range(3))
        self.post(f"/print-runs/{stopped}/stop", status=200)
        make_run(
            self.web.city.engine,
            made,
            data_dir=self.web.place.data_dir,
            city=CityOnPlates(public_url=self.web.place.public_url),
            stop=lambda: False,
            clock=self.web.clock,
        )
        file = self.get(f"/print-runs/{made}/files")["items"][0]["name"]
        self.known |= {"key": key, "print_run_id": made, "file": file}
        self.right |= {
            "api_save_template": Right(json=self.get(f"/label-templates/{key}")),
            "api_plan_run": Right(json=plan),
            "api_preview_run": Right(json=plan),
            "api_stop_run": Right(path={"print_run_id": waiting}),
            "api_resume_run": Right(path={"print_run_id": stopped}),
        }

    def _people(self) -> None:
        city = self.web.city
        token = {"name": "巡检程序", "scopes": ["read"]}
        made = [self.post("/me/tokens", json=token)["id"] for _ in range(2)]
        self.known |= {
            "user_id": city.crew.user_id,
            "api_token_id": made[0],
            "own_token_id": made[1],
            "session": self._session(city.crew),
        }
        person = {"login": "newcomer", "name": "新人", "role": "crew", "password": "sieben-lange-woerter-7"}
        self.right |= {
            "api_end_my_session": Right(path={"session": self._session(self.by)}),
            "api_add_person": Right(json=person),
            "api_change_person": Right(json={"phone": "0759-112", "locked": True}),
            "api_add_token": Right(json=token),
            "api_export": Right(query={"format": "geojson"}),
        }

    def _session(self, somebody: Actor) -> str:
        hours = Lifetime(absolute=timedelta(hours=12), idle=timedelta(hours=12))
        open_session(self.web.city.engine, somebody, Device(), lifetime=hours, now=NOON)
        theirs = select(user_session.c.id).where(user_session.c.user_id == somebody.user_id)
        with reading(self.web.city.engine) as tx:
            return str(tx.execute(theirs.order_by(user_session.c.created_at)).scalars().all()[0])


def _picture(shade: int) -> bytes:
    taken = BytesIO()
    Image.new("L", (200, 200), shade).save(taken, "PNG")
    return taken.getvalue()


def _square(west: float, east: float) -> dict[str, Any]:
    ring = [[west, 23.0], [east, 23.0], [east, 23.2], [west, 23.2], [west, 23.0]]
    return {"type": "Polygon", "coordinates": [ring]}


def _areas() -> bytes:
    """A street and two cells side by side in it."""
    places: list[tuple[str, str, float, float]] = [
        ("440803001", "甲街道", 113.2, 113.4),
        (CELLS[0], "一号", 113.2, 113.3),
        (CELLS[1], "二号", 113.3, 113.4),
    ]
    features = [
        {"type": "Feature", "properties": {"code": code, "name": name}, "geometry": _square(west, east)}
        for code, name, west, east in places
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()
