"""The phone's page: a shell that holds nothing of anybody, what its owner carries, and acts that are told later."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any

from PIL import Image
from sqlalchemy import select, update

from registry.domain import geo
from registry.domain.kinds import Role, Severity, Source, Stage
from registry.domain.people import Actor
from registry.queries.cases import case_file
from registry.queries.field_bundle import field_bundle
from registry.queries.permits import permit_row
from registry.services.asset_merging import merge_assets
from registry.services.assets import NewAsset, register_asset
from registry.services.case_opening import Place, open_at_place
from registry.services.cases import move_case, open_or_attach
from registry.services.permit_ends import watch_permits
from registry.services.sessions import close_session
from registry.storage.database import reading, writing
from registry.storage.tables import baseline, device, scan, tag, user, user_session
from tests.web.conftest import NOON, Web
from tests.web.program import Program, told


def dispatched(web: Web) -> int:
    city = web.city
    with writing(city.engine) as tx:
        opened = open_or_attach(
            tx,
            asset_id=city.asset_id,
            kind="cover_displaced",
            severity=Severity.CRITICAL,
            source=Source.PATROL,
            now=web.clock(),
            by=city.dispatcher,
        )
    file = case_file(city.engine, opened.case_id)
    assert file is not None
    move_case(
        city.engine,
        case_id=opened.case_id,
        move="dispatch",
        by=city.dispatcher,
        expected_version=file.version,
        now=web.clock(),
        assignee_id=city.crew.user_id,
        note="先围挡，再处理",
    )
    return opened.case_id


def permit_body(**more: Any) -> dict[str, Any]:
    return {"work": "清淤", "people": 2, "minutes": 60, "note": "铭牌脏了", **more}


def test_the_shell_says_nothing_of_whoever_opens_it(web: Web) -> None:
    for client in (web.visitor(), web.as_(Role.CREW)):
        answer = client.get("/app")
        assert answer.status_code == 200
        assert "李敏" not in answer.text
        assert "csrf" not in answer.text
        assert "'wasm-unsafe-eval'" in answer.headers["Content-Security-Policy"]


def test_the_app_can_be_installed(web: Web) -> None:
    answer = web.visitor().get("/app/manifest.webmanifest")
    assert answer.mimetype == "application/manifest+json"
    assert "private" in answer.headers["Cache-Control"]
    assert "Cookie" in answer.headers["Vary"]
    said = answer.get_json(force=True)
    assert (said["start_url"], said["scope"], said["display"]) == ("/app", "/app", "standalone")
    for icon in said["icons"]:
        with web.visitor().get(icon["src"]) as kept:
            picture = Image.open(BytesIO(kept.data))
        assert f"{picture.width}x{picture.height}" == icon["sizes"]


def test_the_worker_names_every_file_of_the_shell_and_may_rule_the_app_only(web: Web) -> None:
    answer = web.visitor().get("/app/sw.js")
    assert answer.status_code == 200, "the front end is not built; run: make setup"
    assert answer.headers["Service-Worker-Allowed"] == "/app"
    assert answer.text.startswith("self.COVERCODE = {")
    first = answer.text.split(";\n", 1)[0]
    for address in [each for each in first.split('"') if each.startswith("/")]:
        with web.visitor().get(address) as kept:
            assert kept.status_code == 200, address
    again = web.visitor().get("/app/sw.js", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_a_page_that_comes_with_another_policy_is_another_version(web: Web, monkeypatch: Any) -> None:
    kept = web.visitor().get("/app/sw.js").headers["ETag"]
    monkeypatch.setattr("dashboards.pages.phone.POLICY", "default-src 'none'")
    assert web.visitor().get("/app/sw.js").headers["ETag"] != kept


def test_a_plate_that_was_read_without_a_signal_is_kept_once_with_its_own_time(web: Web) -> None:
    crew, read = Program(web, Role.CREW), NOON - timedelta(hours=2)
    body = {"token": web.token.lower(), "done_at": read.isoformat()}
    said = told(crew.send("POST", "/scans", body, Idempotency_Key="once"), 201)
    assert told(crew.send("POST", "/scans", body, Idempotency_Key="once"), 201) == said
    with reading(web.city.engine) as tx:
        rows = tx.execute(select(scan.c.id, scan.c.at, scan.c.token, scan.c.asset_id, scan.c.user_id)).all()
    assert rows == [(said["id"], read, web.token, web.city.asset_id, web.city.crew.user_id)]
    assert said["finding"] == "active"
    late = body | {"done_at": (NOON - timedelta(days=15)).isoformat()}
    assert crew.send("POST", "/scans", late).status_code == 422


def test_the_session_says_who_is_there_and_a_stranger_is_nobody(web: Web) -> None:
    assert web.visitor().get("/app/session.json").json["user"] is None
    said = web.as_(Role.CREW).get("/app/session.json").json
    assert said["user"]["id"] == web.city.crew.user_id
    assert said["csrf"]
    assert said["now"].startswith("2026-03-02T04:00")
    assert said["must_change_password"] is False


def test_the_phone_hears_that_a_password_of_ones_own_comes_first(web: Web) -> None:
    client = web.as_(Role.CREW)
    with writing(web.city.engine) as tx:
        tx.execute(update(user).where(user.c.id == web.city.crew.user_id).values(must_change_password=True))
    said = client.get("/app/session.json").json
    assert said["must_change_password"] is True
    address = f"/api/v1/assets/{web.city.asset_id}/permits"
    assert client.post(address, json=permit_body(), headers={"X-CSRFToken": said["csrf"]}).status_code == 403


def test_the_session_tells_a_sign_in_that_was_ended_on_purpose_from_one_that_merely_ended(web: Web) -> None:
    client = web.as_(Role.CREW)
    word = client.get("/app/session.json").json["csrf"]
    assert client.post("/logout", headers={"X-CSRFToken": word}).status_code == 303
    said = client.get("/app/session.json").json
    assert (said["user"], said["left"]) == (None, web.city.crew.user_id)
    client = web.signed_in("stranger")
    assert client.get("/app/session.json").json["left"] is None
    web.clock.pass_by(days=2)
    said = client.get("/app/session.json").json
    assert (said["user"], said["left"]) == (None, None)


def test_what_is_sent_with_the_sessions_word_is_taken(web: Web) -> None:
    client = web.as_(Role.CREW)
    word = client.get("/app/session.json").json["csrf"]
    address = f"/api/v1/assets/{web.city.asset_id}/permits"
    assert client.post(address, json=permit_body()).status_code == 400
    assert client.post(address, json=permit_body(), headers={"X-CSRFToken": word}).status_code == 201


def test_a_crew_carries_its_tasks_with_the_things_they_are_about(web: Web) -> None:
    case_id = dispatched(web)
    said = web.as_(Role.CREW).get("/app/bundle.json").json
    [task] = said["cases"]
    assert task["case"]["id"] == case_id
    assert task["said"] == "先围挡，再处理"
    assert task["moves"][0]["name"] == "accept"
    then = {move["name"]: move["stays"] for move in task["then"]["accept"]}
    assert (then["secure"], then["hand_back"]) == (True, False)
    [asset] = said["assets"]
    assert asset["id"] == web.city.asset_id
    assert asset["tokens"] == [web.token]
    assert asset["care"] is True
    assert asset["devices"][0]["serial"] == "CV-000001"
    assert "tilt_x" in [point["name"] for point in asset["devices"][0]["points"]]
    assert said["kinds"]["cover_displaced"]["zh"]


def test_a_depots_phones_behind_one_address_do_not_use_up_each_others_requests(web: Web) -> None:
    crew = web.as_(Role.CREW)
    assert [crew.get("/app/session.json").status_code for _ in range(121)][-2:] == [200, 429]
    assert web.signed_in("stranger").get("/app/session.json").status_code == 200
    assert [web.visitor().get("/app/session.json").status_code for _ in range(121)][-2:] == [200, 429]


def test_the_things_around_the_phone_are_carried_too(web: Web) -> None:
    bare = field_bundle(web.city.engine, web.city.stranger, now=NOON)
    assert bare.assets == []
    said = web.signed_in("stranger").get("/app/bundle.json?lon=113.3005&lat=23.1003").json
    assert [asset["id"] for asset in said["assets"]] == [web.city.asset_id]
    assert said["assets"][0]["care"] is False
    assert web.as_(Role.CREW).get("/app/bundle.json?lon=200&lat=1").status_code == 422


def beside(web: Web, lon: float) -> int:
    """Another cover on the parallel of the city's one, which stands at 113.3° east."""
    with writing(web.city.engine) as tx:
        return register_asset(tx, NewAsset(division="440803", class_code="0101", lon=lon, lat=23.1), now=NOON)


def test_what_is_nearest_to_the_work_is_carried_first_and_what_is_left_out_is_said(web: Web, monkeypatch: Any) -> None:
    def carried(by: Actor, where: geo.Place | None = None) -> tuple[set[int], bool]:
        told = field_bundle(web.city.engine, by, now=NOON, near=where)
        return {each.id for each in told.assets}, told.more

    first, crew = web.city.asset_id, web.city.crew
    far, near, out = (beside(web, lon) for lon in (113.302, 113.3004, 113.304))
    dispatched(web)
    assert carried(crew) == ({first, far, near}, False)
    monkeypatch.setattr("registry.queries.field_bundle.MOST_ASSETS", 2)
    assert carried(crew) == ({first, near}, True)
    bound = replace(web.city.stranger, area_code="440803")
    assert carried(bound, geo.Place(113.3045, 23.2)) == ({out, far}, True)


def test_more_tasks_than_fit_are_said_too(web: Web, monkeypatch: Any) -> None:
    dispatched(web)
    assert not field_bundle(web.city.engine, web.city.crew, now=NOON).more_cases
    monkeypatch.setattr("registry.queries.field_bundle.MOST_TASKS", 0)
    assert field_bundle(web.city.engine, web.city.crew, now=NOON).more_cases


def test_a_look_is_carried_with_its_steps_so_that_it_can_be_taken_without_a_signal(web: Web) -> None:
    case_id, _ = web.city.open_case(NOON, kind="cover_loose", source=Source.CITIZEN)
    version = web.city.case(case_id).version
    move_case(
        web.city.engine, case_id=case_id, move="ask_check", by=web.city.dispatcher, expected_version=version, now=NOON
    )
    said = web.as_(Role.CREW).get("/app/bundle.json").json
    assert said["cases"] == []
    [look] = said["look_cases"]
    assert look["case"]["id"] == said["looks"][0]["case_id"] == case_id
    [check] = [move for move in look["moves"] if move["name"] == "check"]
    assert (check["verdict_required"], check["stays"]) == (True, True)


def test_a_plate_that_was_destroyed_proves_nothing(web: Web) -> None:
    dispatched(web)
    with writing(web.city.engine) as tx:
        tx.execute(update(tag).where(tag.c.token == web.token).values(state="destroyed"))
    assert web.as_(Role.CREW).get("/app/bundle.json").json["assets"][0]["tokens"] == []


def test_an_alert_comes_with_the_name_of_its_rule(web: Web) -> None:
    dispatched(web)
    web.city.add_alert(None, NOON)
    said = web.as_(Role.CREW).get("/app/bundle.json").json
    [alert] = said["assets"][0]["alerts"]
    assert alert["severity"] == said["assets"][0]["severity"]
    assert said["rules"][alert["rule_key"]]["zh"] == "井盖倾斜"


def test_people_who_are_bound_to_an_area_carry_nothing_from_elsewhere(web: Web) -> None:
    dispatched(web)
    with writing(web.city.engine) as tx:
        tx.execute(update(user).where(user.c.login == "crew").values(area_code="440804"))
    said = web.as_(Role.CREW).get("/app/bundle.json?lon=113.3&lat=23.1").json
    assert (said["assets"], said["cases"]) == ([], [])
    with writing(web.city.engine) as tx:
        tx.execute(update(user).where(user.c.login == "crew").values(area_code="440803"))
    assert len(web.as_(Role.CREW).get("/app/bundle.json").json["assets"]) == 1


def test_a_permit_that_was_started_without_a_signal_counts_from_then(web: Web) -> None:
    began = NOON - timedelta(minutes=50)
    crew = Program(web, Role.CREW)
    body = permit_body(token=web.token, note="", done_at=began.isoformat())
    permit = told(crew.send("POST", f"/assets/{web.city.asset_id}/permits", body), 201)
    found = permit_row(web.city.engine, permit["id"], now=NOON)
    assert found is not None
    assert (found.started_at, found.ends_at) == (began, NOON + timedelta(minutes=10))


def test_its_end_counts_although_the_time_ran_out_before_the_phone_could_tell(web: Web) -> None:
    began = NOON - timedelta(hours=3)
    crew = Program(web, Role.CREW)
    body = permit_body(done_at=began.isoformat())
    permit = told(crew.send("POST", f"/assets/{web.city.asset_id}/permits", body), 201)
    watch_permits(web.city.engine, NOON)  # the worker came by first
    closed = began + timedelta(minutes=40)
    told(crew.send("POST", f"/permits/{permit['id']}/end", {"done_at": closed.isoformat()}))
    found = permit_row(web.city.engine, permit["id"], now=NOON)
    assert found is not None
    assert (found.ended_at, found.ended_by) == (closed, web.city.crew.user_id)
    assert crew.send("POST", f"/permits/{permit['id']}/end", {}).status_code == 409


def test_a_permit_cannot_end_before_it_began(web: Web) -> None:
    crew = Program(web, Role.CREW)
    permit = told(crew.send("POST", f"/assets/{web.city.asset_id}/permits", permit_body()), 201)
    early = {"done_at": (NOON - timedelta(hours=1)).isoformat()}
    assert crew.send("POST", f"/permits/{permit['id']}/end", early).status_code == 422


def test_a_moment_without_its_zone_is_refused(web: Web) -> None:
    body = permit_body(done_at=NOON.replace(tzinfo=None).isoformat())
    assert Program(web, Role.CREW).send("POST", f"/assets/{web.city.asset_id}/permits", body).status_code == 422


def test_a_move_tells_when_it_was_made_beside_when_it_was_heard(web: Web) -> None:
    case_id = dispatched(web)
    crew = Program(web, Role.CREW)
    web.clock.pass_by(hours=2)
    made = NOON + timedelta(minutes=15)
    body = {"move": "accept", "done_at": made.isoformat()}
    moved = crew.send("POST", f"/cases/{case_id}/moves", body, If_Match='"2-0"')
    [entry] = [each for each in told(moved)["entries"] if each["move"] == "accept"]
    assert entry["detail"]["done_at"] == made.isoformat()
    assert entry["at"].startswith("2026-03-02T06:00")
    page = web.as_(Role.DISPATCHER).get(f"/cases/{case_id}").text
    assert "现场完成于" in page
    assert "2026-03-02 12:15" in page


def test_a_report_from_the_street_opens_a_case_with_its_pictures(web: Web) -> None:
    crew = Program(web, Role.CREW)
    picture = BytesIO()
    Image.new("RGB", (40, 30), "gray").save(picture, "JPEG")
    picture.seek(0)
    kept = crew.client.post(
        f"/api/v1/assets/{web.city.asset_id}/photos",
        data={"photo": (picture, "a.jpg"), "taken_at": (NOON - timedelta(hours=1)).isoformat()},
        headers={"X-CSRFToken": crew.token},
    )
    photo_id = told(kept, 201)["id"]
    seen = NOON - timedelta(hours=1)
    body = {"text": "井盖松动", "kind": "cover_loose", "photo_ids": [photo_id], "done_at": seen.isoformat()}
    said = told(crew.send("POST", f"/assets/{web.city.asset_id}/reports", body), 201)
    file = case_file(web.city.engine, said["case_id"])
    assert file is not None
    assert (file.source, file.stage, file.kind) == (Source.PATROL, Stage.FILED, "cover_loose")
    assert [photo.id for photo in file.photos] == [photo_id]
    assert file.photos[0].taken_at == seen
    assert file.entries[0].note == "井盖松动"
    # a second one joins it
    assert told(crew.send("POST", f"/assets/{web.city.asset_id}/reports", body | {"photo_ids": []}), 201) == {
        "case_id": said["case_id"],
        "opened": False,
    }


def test_a_case_of_a_place_without_an_asset_takes_pictures_too(web: Web) -> None:
    city, place = web.city, Place(lon=113.3001, lat=23.1, words="中山路口")
    with writing(city.engine) as tx:
        told_of: dict[str, Any] = {"kind": "cover_loose", "severity": Severity.ALARM, "source": Source.PATROL}
        case_id = open_at_place(tx, place=place, now=NOON, **told_of).case_id
    crew = Program(web, Role.CREW)
    picture = BytesIO()
    Image.new("RGB", (40, 30), "gray").save(picture, "JPEG")
    picture.seek(0)
    sent = {"photo": (picture, "a.jpg"), "kind": "after", "taken_at": NOON.isoformat()}
    kept = crew.client.post(f"/api/v1/cases/{case_id}/photos", data=sent, headers={"X-CSRFToken": crew.token})
    photo_id = told(kept, 201)["id"]
    sent_to: dict[str, Any] = {"expected_version": 1, "now": NOON, "assignee_id": city.crew.user_id}
    move_case(city.engine, case_id=case_id, move="dispatch", by=city.dispatcher, **sent_to)
    told(crew.send("POST", f"/cases/{case_id}/moves", {"move": "accept"}, If_Match='"2-0"'))
    body = {"move": "hand_back", "note": "已复位", "photo_ids": [photo_id]}
    told(crew.send("POST", f"/cases/{case_id}/moves", body, If_Match='"3-0"'))
    file = case_file(city.engine, case_id)
    assert file is not None
    assert (file.stage, [photo.id for photo in file.photos]) == (Stage.HANDED_BACK, [photo_id])


def test_a_report_about_what_was_merged_since_goes_to_the_file_that_was_kept(web: Web) -> None:
    crew, twin = Program(web, Role.CREW), beside(web, 113.30001)
    merge_assets(web.city.engine, web.city.asset_id, twin, by=web.city.administrator, now=NOON)
    said = told(crew.send("POST", f"/assets/{twin}/reports", {"text": "井盖松动", "kind": "cover_loose"}), 201)
    file = case_file(web.city.engine, said["case_id"])
    assert file is not None
    assert file.asset_id == web.city.asset_id


def test_a_report_about_another_sort_of_thing_is_refused(web: Web) -> None:
    body = {"text": "灯杆倾斜", "kind": "pole_leaning"}
    refused = Program(web, Role.CREW).send("POST", f"/assets/{web.city.asset_id}/reports", body)
    assert refused.status_code == 422


def test_a_device_was_swapped_when_somebody_swapped_it(web: Web) -> None:
    web.clock.pass_by(hours=5)
    done = NOON + timedelta(hours=1)
    body = {"serial": "CV-000002", "reason": "电池鼓包", "done_at": done.isoformat()}
    fresh = told(Program(web, Role.CREW).send("POST", f"/devices/{web.city.device_id}/swap", body), 201)
    with reading(web.city.engine) as tx:
        rows = {row.id: row for row in tx.execute(select(device))}
    assert rows[web.city.device_id].removed_at == done
    assert rows[fresh["id"]].fitted_at == done


def test_a_zero_that_is_told_late_never_replaces_a_newer_one(web: Web) -> None:
    web.clock.pass_by(hours=5)
    crew = Program(web, Role.CREW)
    address, noon = f"/devices/{web.city.device_id}/rezero", {"reason": "重新安装", "baselines": {"tilt_x": 1.5}}
    told(crew.send("POST", address, noon | {"done_at": (NOON + timedelta(hours=2)).isoformat()}))
    late = noon | {"baselines": {"tilt_x": 0.5}, "done_at": (NOON + timedelta(hours=1)).isoformat()}
    assert crew.send("POST", address, late).status_code == 409
    with reading(web.city.engine) as tx:
        kept = select(baseline.c.value, baseline.c.set_at).where(baseline.c.point_id == web.city.point("tilt_x"))
        newest = tx.execute(kept.order_by(baseline.c.set_at.desc())).first()
    assert newest == (1.5, NOON + timedelta(hours=2))


def test_a_session_that_ended_leaves_the_shell_and_takes_nothing(web: Web) -> None:
    client = web.as_(Role.CREW)
    word = client.get("/app/session.json").json["csrf"]
    with reading(web.city.engine) as tx:
        assert tx.execute(select(user_session.c.id)).first() is not None
    cookie = client.get_cookie("covercode")
    assert cookie is not None
    with client.session_transaction() as session:
        close_session(web.city.engine, session["_user_id"], now=NOON)
    assert client.get("/app").status_code == 200
    assert client.get("/app/session.json").json["user"] is None
    refused = client.post(
        f"/api/v1/assets/{web.city.asset_id}/permits", json=permit_body(), headers={"X-CSRFToken": word}
    )
    assert refused.status_code in (400, 401)
