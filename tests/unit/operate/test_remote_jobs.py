"""The worker's part in running cabinets from afar: the broker's users, and the city's verdict on a configuration."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from gateway.credentials import is_password_of, password_hash
from gateway.remote_config import described
from gateway.settings import BrokerSettings, BusSettings, CabinetIdentity, CabinetSettings
from operate.city_file import Place, read_city_file
from operate.remote_jobs import BrokerUsers, configuration_faults, remote_jobs
from registry.domain.people import SYSTEM
from registry.services import credentials
from registry.storage.database import open_database
from registry.storage.tables import metadata

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def city(folder: Path, broker: str) -> Place:
    (folder / "covercode.toml").write_text(f"[broker]\n{broker}\n")
    return read_city_file(folder / "covercode.toml", {})


def test_the_broker_s_users_are_the_city_s_own_and_every_cabinet_let_in(tmp_path):
    place = city(tmp_path, 'username = "city"\npassword = "word"\npassword_file = "broker/users"')
    engine = open_database(place.records_url)
    metadata.create_all(engine)
    users, file = BrokerUsers(place, engine), tmp_path / "broker" / "users"
    users.keep()
    before = file.read_text()
    name, hashed = before.strip().split(":", 1)
    assert (name, is_password_of("word", hashed), is_password_of("other", hashed)) == ("city", True, False)
    BrokerUsers(place, engine).keep()
    assert file.read_text() == before  # another worker says the same, so the broker is left alone
    code = credentials.issue_code(engine, "c1", by=SYSTEM, now=NOW)
    credentials.enrol(engine, code.text, password_hash("secret"), address="", now=NOW)
    users.keep()
    assert [line.split(":")[0] for line in file.read_text().splitlines()] == ["c1", "city"]
    credentials.revoke_cabinet(engine, "c1", by=SYSTEM, now=NOW)
    users.keep()
    assert file.read_text() == before
    engine.dispose()


def test_a_city_that_asks_for_no_passwords_writes_no_file(tmp_path):
    place = city(tmp_path, 'host = "127.0.0.1"')
    engine = open_database(place.records_url)
    metadata.create_all(engine)
    BrokerUsers(place, engine).keep()
    assert [job.name for job in remote_jobs(place, engine)] == ["commands", "broker-users"]
    assert place.password_file is None
    engine.dispose()


def test_the_city_judges_a_configuration_by_what_the_cabinet_told_of_itself():
    own = CabinetSettings(
        cabinet=CabinetIdentity(id="c1"),
        broker=BrokerSettings(host="b"),
        bus=(BusSettings(name="east", port="/dev/x"),),
    )
    text = '[[bus]]\nname = "west"\npoll_every_s = 5\n'
    assert configuration_faults("c1", text, None) == []
    (fault,) = configuration_faults("c1", text, described(own))
    assert "'west' is no bus of this cabinet, which has east" in fault
    assert configuration_faults("c1", text, {"told": "by another version"}) == []
