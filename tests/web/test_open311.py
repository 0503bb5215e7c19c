"""Open311 GeoReport v2 over real HTTP, asked by a client that was written from the specification alone."""

from __future__ import annotations

import io
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from PIL import Image
from sqlalchemy import select, update
from werkzeug.serving import make_server

from registry.domain.kinds import Stage
from registry.domain.people import Actor
from registry.domain.public_rules import PUBLIC_KINDS
from registry.services.api_tokens import NewToken, issue_token
from registry.services.public_rules import change_rules
from registry.storage.database import reading, writing
from registry.storage.tables import asset, case, entry, photo, report, report_update
from tests.open311_client import Client, Refused
from tests.web.conftest import Web

HERE = {"lat": "23.1001", "long": "113.3001"}


def key_of(web: Web, by: Actor, *scopes: str) -> str:
    with writing(web.city.engine) as tx:
        new = NewToken(name="平台", scopes=scopes or ("open311",), expires_at=None)
        return issue_token(tx, new, by=by, now=web.clock.now).text


def picture(shade: str = "grey") -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (64, 64), shade).save(content, "JPEG")
    return content.getvalue()


@pytest.fixture
def address(web: Web) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, web.app, threaded=True)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}/open311/v2"
    server.shutdown()
    serving.join()
    server.server_close()


@pytest.fixture(params=["xml", "json"])
def client(request: pytest.FixtureRequest, web: Web, address: str) -> Client:
    """A platform with a key, in each of the two forms."""
    return Client(address=address, form=request.param, key=key_of(web, web.city.dispatcher))


@pytest.fixture
def platform(web: Web, address: str) -> Client:
    return Client(address=address, key=key_of(web, web.city.dispatcher))


def code_of(web: Web) -> str:
    with reading(web.city.engine) as tx:
        return str(tx.scalar(select(asset.c.code).where(asset.c.id == web.city.asset_id)))


def set_stage(web: Web, stage: Stage, **columns: object) -> None:
    with writing(web.city.engine) as tx:
        tx.execute(update(case).values(stage=stage.value, **columns))


def moved(web: Web, move: str, stage: Stage) -> None:
    """An entry of the timeline, as a move writes it."""
    with writing(web.city.engine) as tx:
        case_id = tx.scalar(select(case.c.id))
        row = {"case_id": case_id, "at": web.clock.now, "move": move, "to_stage": stage.value, "detail": {}}
        tx.execute(entry.insert().values(row | {"note": "找老王, 13900000000"}))
    set_stage(web, stage)


def test_discovery_says_where_and_in_which_forms(client: Client) -> None:
    found = client.discovery()
    (endpoint,) = found["endpoints"]
    assert endpoint["specification"] == "http://wiki.open311.org/GeoReport_v2"
    assert endpoint["url"] == "http://city.example/open311/v2"
    assert endpoint["formats"] == ["text/xml", "application/json"]


def test_every_service_is_described_and_asks_for_the_number_on_the_plate(client: Client) -> None:
    services = client.services()
    assert [each["service_code"] for each in services] == list(PUBLIC_KINDS)
    first = services[0]
    assert set(first) == {
        "service_code",
        "service_name",
        "description",
        "metadata",
        "type",
        "keywords",
        "group",
    }
    assert (first["service_name"], first["group"], first["type"]) == ("井盖移位或缺失", "井盖", "realtime")
    assert first["metadata"] in (True, "true")
    definition = client.definition("cover_displaced")
    (attribute,) = definition["attributes"]
    assert (definition["service_code"], attribute["code"], attribute["datatype"]) == (
        "cover_displaced",
        "asset_code",
        "string",
    )
    assert attribute["required"] in (False, "false")


def test_a_request_about_a_plate_joins_the_case_of_its_asset_and_is_seen_by_its_number(
    web: Web, client: Client
) -> None:
    made = client.create(
        service_code="cover_loose", description="井盖响", attribute__asset_code=code_of(web), phone="13912345678"
    )
    request_id = made["service_request_id"]
    found = client.request(request_id)
    assert (found["service_request_id"], found["status"], found["service_code"]) == (request_id, "open", "cover_loose")
    assert (found["description"], found["address_id"]) == ("井盖响", code_of(web))
    assert float(found["lat"]) == pytest.approx(23.1, abs=0.01)
    assert datetime.fromisoformat(found["requested_datetime"]) == web.clock.now
    assert "http://city.example/reports/" in made["service_notice"]
    with reading(web.city.engine) as tx:
        row = tx.execute(select(case.c.asset_id, case.c.kind, case.c.source, case.c.stage)).one()
        assert tuple(row) == (web.city.asset_id, "cover_loose", "platform", "collected")
    assert client.token(request_id)["service_request_id"] == request_id


def test_a_request_by_place_alone_waits_at_the_desk_where_it_was_reported(web: Web, client: Client) -> None:
    made = client.create(service_code="reported", **HERE, address_string="人民路口", description="有个洞")
    found = client.request(made["service_request_id"])
    assert (found["address"], float(found["lat"]), float(found["long"])) == ("人民路口", 23.1001, 113.3001)
    with reading(web.city.engine) as tx:
        row = tx.execute(select(case.c.asset_id, case.c.lon, case.c.lat, case.c.place)).one()
        assert tuple(row) == (None, 113.3001, 23.1001, "人民路口")


def test_the_same_request_sent_twice_is_one_request_and_no_error(web: Web, client: Client) -> None:
    told = {"service_code": "reported", **HERE, "description": "井盖响", "attribute__fixmystreet_id": "4711"}
    first = client.create(**told)
    assert client.create(**told | {"description": "井盖响!"})["service_request_id"] == first["service_request_id"]
    nameless = {"service_code": "reported", **HERE, "description": "灯歪了"}
    assert client.create(**nameless)["service_request_id"] == client.create(**nameless)["service_request_id"]
    with reading(web.city.engine) as tx:
        assert len(tx.execute(select(report.c.id)).all()) == 2


def test_what_fixmystreet_sends_beyond_the_specification_is_kept_and_hurts_nothing(web: Web, platform: Client) -> None:
    made = platform.create(
        service_code="cover_loose",
        **HERE,
        address_id="#NOTPINPOINTED#",
        address_string="",
        email="a@example.org",
        first_name="敏",
        last_name="李",
        device_id="",
        account_id="",
        jurisdiction_id="city.example",
        description="Subject: 井盖响\r\n\r\nDetail: 一过车就响\r\n\r\nUrl: https://fix.example/report/9",
        attribute__fixmystreet_id="9",
        attribute__easting="452000",
        attribute__colour="",
    )
    with reading(web.city.engine) as tx:
        row = tx.execute(select(report)).one()
        written = str(tx.execute(select(entry)).all())
    assert row.details == {"fixmystreet_id": "9", "easting": "452000", "colour": "", "pinned": "no"}
    assert (row.contact, row.reporter, row.foreign_id) == ("a@example.org", "李 敏", "own:9")
    assert "a@example.org" not in written
    assert "敏" not in written
    assert platform.request(made["service_request_id"])["address_id"] == ""


def test_neither_words_nor_a_picture_are_forced(web: Web, platform: Client) -> None:
    made = platform.create(service_code="cover_loose", **HERE)
    assert platform.request(made["service_request_id"])["description"] == "井盖松动异响"


def test_without_a_key_nobody_reads_words_pictures_or_exact_places(web: Web, address: str, client: Client) -> None:
    made = client.create(picture(), service_code="reported", description="门口的井", lat="23.100123", long="113.300123")
    stranger = Client(address=address, form=client.form)
    found = stranger.request(made["service_request_id"])
    assert (found["description"], found["media_url"], found["address_id"]) == ("", "", "")
    assert (float(found["lat"]), float(found["long"])) == (23.1001, 113.3001)
    assert [each["service_request_id"] for each in stranger.requests()] == [made["service_request_id"]]


def test_a_picture_in_the_form_comes_back_by_its_address_without_metadata(web: Web, platform: Client) -> None:
    made = platform.create(picture(), service_code="reported", description="井", **HERE)
    media = platform.request(made["service_request_id"])["media_url"]
    assert media.startswith("http://city.example/open311/v2/media/")
    local = media.replace("http://city.example/open311/v2", platform.address)
    with urllib.request.urlopen(local, timeout=60) as answer:
        assert answer.headers.get_content_type() == "image/jpeg"
        with Image.open(io.BytesIO(answer.read())) as shown:
            assert shown.size == (64, 64)
    with reading(web.city.engine) as tx:
        assert tx.scalar(select(photo.c.case_id)) == tx.scalar(select(case.c.id))
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(local[:-8] + "XXXX.jpg", timeout=60)
    with refused.value:
        assert refused.value.code == 404


def test_a_link_to_a_picture_elsewhere_is_kept_and_never_fetched(platform: Client) -> None:
    link = "https://fix.example/photo/9.0.full.jpeg"
    made = platform.create(service_code="reported", description="井", media_url=link, **HERE)
    assert platform.request(made["service_request_id"])["media_url"] == link


def test_lists_are_cut_by_status_service_time_and_page(web: Web, client: Client) -> None:
    made = []
    for kind in ("cover_loose", "reported", "reported"):
        made.append(client.create(service_code=kind, description=kind, **HERE)["service_request_id"])
        web.clock.pass_by(days=1)
    newest = made[::-1]

    def ids(**asked: str) -> list[str]:
        return [each["service_request_id"] for each in client.requests(**asked)]

    assert ids() == newest
    assert ids(service_code="reported") == newest[:2]
    assert ids(service_code="reported,cover_loose", page_size="2") == newest[:2]
    assert ids(page_size="2", page="2") == newest[2:]
    assert ids(start_date="2026-03-03T00:00:00Z") == newest[:2]
    assert ids(start_date="2026-03-02T00:00:00Z", end_date="2026-03-02T23:00:00Z") == newest[2:]
    assert ids(service_request_id=",".join(made[:2]), status="closed") == newest[1:]
    assert ids(status="closed") == []
    set_stage(web, Stage.CLOSED, ended_at=web.clock.now)
    assert ids(status="open") == []
    assert ids(status="open,closed") == newest
    web.clock.pass_by(days=120)
    assert ids() == []


def test_what_happens_to_a_request_is_told_once_each_in_plain_words(web: Web, client: Client) -> None:
    made = client.create(service_code="reported", description="井", **HERE)
    for move, stage in (("file", Stage.FILED), ("note", Stage.FILED), ("dispatch", Stage.DISPATCHED)):
        web.clock.pass_by(minutes=5)
        moved(web, move, stage)
    web.clock.pass_by(minutes=5)
    moved(web, "close", Stage.CLOSED)
    updates = client.updates()
    assert [each["description"] for each in updates] == [
        "情况属实，已立案",
        "已派遣给责任单位",
        "已办结，感谢您的反映",
    ]
    assert [each["status"] for each in updates] == ["open", "open", "closed"]
    assert {each["service_request_id"] for each in updates} == {made["service_request_id"]}
    assert len({each["update_id"] for each in updates}) == 3
    assert client.updates() == updates
    assert "老王" not in str(updates)
    last = client.updates(start_date=updates[-1]["updated_datetime"])
    assert [each["update_id"] for each in last] == [updates[-1]["update_id"]]
    assert client.request(made["service_request_id"])["status"] == "closed"


def test_a_platform_may_say_more_of_its_own_requests_only(web: Web, address: str, client: Client) -> None:
    made = client.create(service_code="reported", description="井", **HERE)
    web.clock.pass_by(hours=1)
    told = {
        "service_request_id": made["service_request_id"],
        "update_id": "77",
        "description": "还在响",
        "status": "OPEN",
        "updated_datetime": "2026-03-02T12:30:00+08:00",
        "email": "a@example.org",
        "title": "",
    }
    first = client.update(**told)
    assert client.update(**told) == first
    assert [each["description"] for each in client.updates()] == ["还在响"]
    with reading(web.city.engine) as tx:
        kept = tx.execute(select(report_update)).one()
        last = tx.execute(select(entry).order_by(entry.c.id.desc()).limit(1)).one()
    assert (kept.foreign_id, kept.at) == ("77", datetime(2026, 3, 2, 4, 30, tzinfo=UTC))
    assert (last.move, last.note) == ("report", "还在响")
    other = Client(address=address, form=client.form, key=key_of(web, web.city.administrator))
    with pytest.raises(Refused) as refused:
        other.update(**told)
    assert refused.value.status == 403


@pytest.mark.parametrize(
    ("told", "status", "about"),
    [
        ({}, 400, "service_code"),
        ({"service_code": "reported"}, 400, "lat"),
        ({"service_code": "reported", "lat": "23.1"}, 400, "lat"),
        ({"service_code": "reported", "lat": "113.3", "long": "23.1"}, 400, "lat"),
        ({"service_code": "reported", "address_string": "人民路"}, 400, "lat"),
        ({"service_code": "battery_low", **HERE}, 404, "battery_low"),
        ({"service_code": "nothing", **HERE}, 404, "nothing"),
        ({"service_code": "reported", **HERE, "description": "x" * 4001}, 400, "4000"),
        ({"service_code": "reported", **HERE, "jurisdiction_id": "elsewhere.example"}, 404, "elsewhere.example"),
        ({"service_code": "reported", "attribute__asset_code": "9999999999999999"}, 400, "9999999999999999"),
    ],
)
def test_what_can_not_be_taken_is_refused_by_the_specifications_codes(
    web: Web, client: Client, told: dict[str, str], status: int, about: str
) -> None:
    with pytest.raises(Refused) as refused:
        client.create(**told)
    (error,) = refused.value.errors
    assert (refused.value.status, int(error["code"])) == (status, status)
    assert about in error["description"]
    with reading(web.city.engine) as tx:
        assert tx.execute(select(report.c.id)).all() == []


def test_writing_needs_a_key_that_was_made_for_it(web: Web, address: str, client: Client) -> None:
    for key in ("", "cc_nobody", key_of(web, web.city.dispatcher, "cases:write")):
        with pytest.raises(Refused) as refused:
            replace(client, key=key).create(service_code="reported", **HERE)
        assert refused.value.status == 403
    with pytest.raises(Refused) as refused:
        replace(client, key="cc_nobody").requests()
    assert refused.value.status == 403


def test_unknown_requests_addresses_and_parameters_are_answered_in_the_form_that_was_asked_for(client: Client) -> None:
    for ask in (
        lambda: client.request("R999999"),
        lambda: client.request("nobody"),
        lambda: client.token("R999999"),
        lambda: client.definition("nothing"),
        lambda: client.services(jurisdiction_id="elsewhere"),
        lambda: client.update(service_request_id="R999999", description="x"),
        lambda: client._get("nowhere", "nothing"),
    ):
        with pytest.raises(Refused) as refused:
            ask()
        assert refused.value.status == 404
    for asked in (
        {"status": "lost"},
        {"start_date": "yesterday"},
        {"page": "0"},
        {"page_size": "1001"},
        {"start_date": "2026-03-03", "end_date": "2026-03-02"},
    ):
        with pytest.raises(Refused) as refused:
            client.requests(**asked)
        assert refused.value.status == 400


def test_a_jurisdiction_is_the_divisions_code_the_host_or_a_name_of_the_rules(web: Web, platform: Client) -> None:
    rules = {"jurisdictions": ["Zhanjiang.gov.cn"]}
    change_rules(web.city.engine, rules, note="", expected_version=0, by=web.city.administrator, now=web.clock.now)
    for name in ("440803", "city.example", "zhanjiang.gov.cn"):
        assert platform.services(jurisdiction_id=name)


def test_what_xml_can_not_hold_is_left_out_of_it(web: Web, platform: Client) -> None:
    made = platform.create(service_code="reported", description="响\x0b<b>&\x1f", **HERE)
    assert platform.request(made["service_request_id"])["description"] == "响<b>&"


def test_a_contact_that_reports_without_end_is_stopped(web: Web, platform: Client) -> None:
    rules = {"per_contact_day": 2}
    change_rules(web.city.engine, rules, note="", expected_version=0, by=web.city.administrator, now=web.clock.now)
    told = {"service_code": "reported", **HERE, "phone": "+86 139-1234-5678"}
    platform.create(**told, description="一")
    platform.create(**told | {"phone": "13912345678"}, description="二")
    with pytest.raises(Refused) as refused:
        platform.create(**told, description="三")
    assert refused.value.status == 400
    web.clock.pass_by(hours=25)
    platform.create(**told, description="三")
