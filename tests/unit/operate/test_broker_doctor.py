"""What doctor finds around the broker: stale accounts, rules that let cabinets be each other, certificates that end."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from gateway.credentials import password_hash
from operate.broker_doctor import look_at_broker
from operate.certificates import good_until
from operate.city_file import Place, read_city_file
from operate.finding import Finding
from operate.remote_jobs import BrokerUsers
from registry.domain.people import SYSTEM
from registry.services import credentials
from registry.storage.database import open_database
from tests.authority import Authority

SHIPPED = Path(__file__).parents[3] / "deploy" / "mosquitto" / "covercode.acl"


class Machine:
    """A city with two enrolled cabinets, and a Mosquitto beside it, configured as it is shipped."""

    def __init__(self, folder: Path, authority: Authority, records: Path) -> None:
        self.folder, self.authority = folder, authority
        self.users, self.acl, self.config = folder / "users", folder / "acl", folder / "mosquitto.conf"
        (folder / "covercode.toml").write_text(
            f'[broker]\nusername = "city"\npassword = "word"\npassword_file = "users"\n'
            f'mosquitto_config = "{self.config}"\ntls_ca = "{authority.ca}"\n'
        )
        shutil.copy(SHIPPED, self.acl)
        self.configure()
        shutil.copy(records, folder / "covercode.db")
        self.engine: Engine = open_database(self.place.records_url)
        for name in ("c1", "c2"):
            self.enrol(name)
        BrokerUsers(self.place, self.engine).keep()

    @property
    def place(self) -> Place:
        return read_city_file(self.folder / "covercode.toml", {})

    def configure(self, **changes: str) -> None:
        certificate, key = self.authority.folder / "broker.pem", self.authority.key("broker")
        said = {
            "allow_anonymous": "false",
            "password_file": str(self.users),
            "acl_file": str(self.acl),
            "certfile": str(certificate),
            "keyfile": str(key),
        } | changes
        self.config.write_text("# ours\n" + "".join(f"{name} {value}\n" for name, value in said.items() if value))

    def enrol(self, name: str) -> None:
        now = datetime.now(UTC)
        code = credentials.issue_code(self.engine, name, by=SYSTEM, now=now)
        credentials.enrol(self.engine, code.text, password_hash(f"secret of {name}"), address="", now=now)

    def faults(self, *, now: datetime | None = None) -> list[Finding]:
        found = list(look_at_broker(self.place, now=now or datetime.now(UTC)))
        assert all(bool(one.advice) is not one.well for one in found), "what is not well comes with what to do"
        return [one for one in found if not one.well]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("doctor") / "ca", days=400)
    made.issue("broker", "mqtt.city.example", days=200)
    made.key("broker").chmod(0o640)
    return made


@pytest.fixture
def machine(tmp_path: Path, authority: Authority, filled_sqlite: Path) -> Iterator[Machine]:
    made = Machine(tmp_path, authority, filled_sqlite)
    yield made
    made.engine.dispose()


def test_a_machine_set_up_as_shipped_is_well(machine: Machine):
    assert machine.faults() == []


def test_nothing_is_said_of_what_this_machine_has_not(machine: Machine):
    machine.config.unlink()
    (machine.folder / "covercode.toml").write_text('[broker]\nmosquitto_config = "nowhere.conf"\n')
    assert list(look_at_broker(machine.place, now=datetime.now(UTC))) == []


def stale_account(machine: Machine) -> None:
    machine.enrol("c3")
    machine.enrol("c2")


def stranger(machine: Machine) -> None:
    credentials.revoke_cabinet(machine.engine, "c2", by=SYSTEM, now=datetime.now(UTC))


def other_city_user(machine: Machine) -> None:
    text = (machine.folder / "covercode.toml").read_text()
    (machine.folder / "covercode.toml").write_text(text.replace('"word"', '"another word"'))


def loose_rule(machine: Machine) -> None:
    machine.acl.write_text(machine.acl.read_text() + "pattern readwrite covercode/v1/#\n")


def missing_rule(machine: Machine) -> None:
    machine.acl.write_text(machine.acl.read_text().replace("pattern read covercode/v1/%u/cmd\n", ""))


def other_user_in_rules(machine: Machine) -> None:
    machine.acl.write_text(machine.acl.read_text().replace("user city", "user town"))


WRONG: dict[str, tuple[Callable[[Machine], object], str, str]] = {
    "no file": (lambda machine: machine.users.unlink(), "broker users", "No such file"),
    "open file": (lambda machine: machine.users.chmod(0o644), "broker users", "readable for everybody"),
    "stale account": (stale_account, "broker users", "no account, or an old one, of c2, c3"),
    "shut out, but still there": (stranger, "broker users", "c2 in"),
    "the city itself": (other_city_user, "broker users", "the city's own user 'city'"),
    "everybody": (lambda machine: machine.configure(allow_anonymous="true"), "mosquitto", "lets everybody in"),
    "another file": (lambda machine: machine.configure(password_file="/etc/passwd"), "mosquitto", "the worker writes"),
    "no rules": (lambda machine: machine.configure(acl_file=""), "broker rules", "names no acl_file"),
    "rules not there": (lambda machine: machine.acl.unlink(), "broker rules", "No such file"),
    "a loose rule": (loose_rule, "broker rules", "lets every cabinet readwrite covercode/v1/#"),
    "a missing rule": (missing_rule, "broker rules", "lacks pattern read covercode/v1/%u/cmd"),
    "another user": (other_user_in_rules, "broker rules", "gives the city's own user 'city' nothing"),
    "no certificate": (lambda machine: machine.configure(certfile="/nowhere.pem"), "certificate", "certfile: /nowhere"),
    "not a certificate": (
        lambda machine: machine.configure(certfile=str(machine.acl)),
        "certificate",
        "holds no certificate",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_each_fault_is_found_alone_and_comes_with_what_to_do(machine: Machine, wrong: str):
    spoil, part, said = WRONG[wrong]
    spoil(machine)
    (found,) = machine.faults()
    assert found.part == part
    assert said in found.said


def test_a_key_that_everybody_may_read_is_found(machine: Machine):
    loose = machine.folder / "broker.key"
    loose.write_text("key")
    loose.chmod(0o644)
    machine.configure(keyfile=str(loose))
    (found,) = machine.faults()
    assert (found.part, "readable for everybody" in found.said) == ("key", True)


def test_certificates_are_told_of_thirty_days_before_they_end(machine: Machine):
    now = datetime.now(UTC)
    assert machine.faults(now=now + timedelta(days=169)) == []
    (soon,) = machine.faults(now=now + timedelta(days=171))
    assert "expires on" in soon.said
    assert " in 28 days" in soon.said
    (over,) = machine.faults(now=now + timedelta(days=201))
    assert "certfile" in over.said
    assert "expired on" in over.said
    assert len(machine.faults(now=now + timedelta(days=399))) == 2, "the authority's own, too"


def test_of_a_chain_the_first_to_end_counts(authority: Authority):
    chain = (authority.folder / "broker.pem").read_text() + authority.ca.read_text()
    left = good_until(chain) - datetime.now(UTC)
    assert timedelta(days=199) < left <= timedelta(days=200)


def test_a_damaged_certificate_is_an_error_in_words(authority: Authority):
    whole = (authority.folder / "broker.pem").read_text()
    cut_off = whole[:124] + "\n" + whole[-26:]
    for damaged in (cut_off, "-----BEGIN CERTIFICATE-----\n////\n-----END CERTIFICATE-----\n", "no certificate"):
        with pytest.raises(ValueError, match="certificate"):
            good_until(damaged)
