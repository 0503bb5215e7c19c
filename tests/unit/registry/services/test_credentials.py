"""One-time codes, and which cabinets the broker lets in."""

from __future__ import annotations

import stat
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from gateway.credentials import password_hash
from registry.domain.errors import InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.services import credentials
from registry.storage.database import reading, writing
from registry.storage.tables import enrolment_code
from tests.city import City, build_city

HASH = password_hash("secret")


@pytest.fixture
def city(engine: Engine, now: datetime) -> City:
    return build_city(engine, now)


def issue(city: City, now: datetime, cabinet: str = "c1") -> str:
    return credentials.issue_code(city.engine, cabinet, by=city.administrator, now=now).text


def enrol(city: City, code: str, now: datetime) -> credentials.Enrolled:
    return credentials.enrol(city.engine, code, HASH, address="10.0.0.9", now=now)


def test_a_code_is_good_once_and_is_kept_as_a_hash_only(city: City, now: datetime):
    code = issue(city, now)
    with reading(city.engine) as tx:
        assert code not in str(tx.execute(select(enrolment_code)).one())
    assert credentials.password_lines(city.engine, {}) == []
    assert enrol(city, f" {code.lower().replace('-', ' ')} ", now).cabinet_id == "c1"
    assert credentials.password_lines(city.engine, {}) == [f"c1:{HASH}"]
    with pytest.raises(credentials.BadCode):
        enrol(city, code, now)


def test_a_code_ends_by_its_day_and_by_a_newer_one(city: City, now: datetime):
    first = issue(city, now)
    second = issue(city, now)
    other = issue(city, now, "c2")
    with pytest.raises(credentials.BadCode):
        enrol(city, first, now)
    with pytest.raises(credentials.BadCode):
        enrol(city, second, now + timedelta(hours=24))
    with pytest.raises(credentials.BadCode):
        enrol(city, "ABCD-EFGH-JKMN-PQRS", now)
    assert enrol(city, other, now).cabinet_id == "c2"


def test_only_an_administrator_makes_codes_and_shuts_cabinets_out(city: City, now: datetime):
    for person in (city.dispatcher, city.registrar, city.crew, city.viewer):
        with pytest.raises(NotAllowed):
            credentials.issue_code(city.engine, "c1", by=person, now=now)
        with pytest.raises(NotAllowed):
            credentials.revoke_cabinet(city.engine, "c1", by=person, now=now)


def test_a_revoked_cabinet_is_out_until_it_is_enrolled_again(city: City, now: datetime):
    enrol(city, issue(city, now), now)
    before = credentials.broker_revision(city.engine)
    credentials.revoke_cabinet(city.engine, "c1", by=city.administrator, now=now)
    assert credentials.broker_revision(city.engine) > before
    assert credentials.password_lines(city.engine, {"city": "hash"}) == ["city:hash"]
    with pytest.raises(NotFound):
        credentials.revoke_cabinet(city.engine, "c1", by=city.administrator, now=now)
    with writing(city.engine) as tx, pytest.raises(InvalidMove, match="enrol it again"):
        credentials.take_new_hash(tx, "c1", HASH, now=now)
    enrol(city, issue(city, now), now)
    assert credentials.password_lines(city.engine, {}) == [f"c1:{HASH}"]


@pytest.mark.parametrize(
    "bad",
    ["", "$7$101$short$short", f"{HASH}\nadmin:x", "plain", HASH[:-1]],
    ids=["nothing", "short", "two lines", "plain", "one sign less"],  # the hash is another one in each process
)
def test_nothing_but_a_hash_comes_into_the_broker_s_file_and_the_code_stays_good(city: City, now: datetime, bad: str):
    code = issue(city, now)
    with pytest.raises(InvalidInput):
        credentials.enrol(city.engine, code, bad, address="", now=now)
    enrol(city, code, now)


@pytest.mark.parametrize("bad", ["", "c1/#", "+", "a b", "c1:x", "x" * 61, ".hidden"])
def test_an_id_that_can_not_be_a_topic_or_a_user_gets_no_code(city: City, now: datetime, bad: str):
    with pytest.raises(InvalidInput):
        issue(city, now, bad)


def test_the_broker_s_file_is_replaced_whole_and_only_when_it_says_something_else(tmp_path: Path):
    file = tmp_path / "broker" / "users"
    assert credentials.write_password_file(file, ["city:x", "c1:y"])
    assert file.read_text() == "city:x\nc1:y\n"
    assert stat.S_IMODE(file.stat().st_mode) & 0o007 == 0
    seen = file.stat().st_mtime_ns
    assert not credentials.write_password_file(file, ["city:x", "c1:y"])
    assert file.stat().st_mtime_ns == seen
