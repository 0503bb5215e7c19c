"""What a configuration from the city may change, and what it says of one that can't be used."""

from __future__ import annotations

import pytest

from gateway.remote_config import apply_configuration, assumed_settings, described, hash_of, settings_of
from gateway.settings import (
    BrokerSettings,
    BusSettings,
    CabinetIdentity,
    CabinetSettings,
    SpoolSettings,
    UnitSettings,
)

OWN = CabinetSettings(
    cabinet=CabinetIdentity(id="c1"),
    broker=BrokerSettings(host="mqtt.city.example", port=8883, username="c1", password="word", tls_ca="/etc/ca.pem"),
    spool=SpoolSettings(path="/var/lib/covercode/spool.db"),
    bus=(
        BusSettings(
            name="east",
            port="/dev/ttyS1",
            unit=(
                UnitSettings(address=1, serial="CV-1", profile="cc-cover-1"),
                UnitSettings(address=2, serial="CV-2", profile="cc-cover-1"),
            ),
        ),
        BusSettings(name="west", port="/dev/ttyS2"),
    ),
)


def test_what_a_text_does_not_name_stays_as_it_is():
    assert apply_configuration(OWN, "").settings == OWN
    text = '[uplink]\nwindow = 128\n[[bus]]\nname = "east"\npoll_every_s = 30\n'
    after = apply_configuration(OWN, text)
    assert after.problems == []
    assert after.settings.uplink.window == 128
    assert [bus.poll_every_s for bus in after.settings.bus] == [30.0, 2.0]
    assert after.settings.bus[0].unit == OWN.bus[0].unit
    assert after.settings.broker == OWN.broker


def test_a_unit_is_changed_by_its_serial():
    text = '[unit."CV-2"]\npoll_every_s = 600\nurgent_above = { water_level = 1500.0 }\n'
    after = apply_configuration(OWN, text)
    assert after.problems == []
    first, second = after.settings.bus[0].unit
    assert first == OWN.bus[0].unit[0]
    assert (second.poll_every_s, second.urgent_above, second.address) == (600.0, {"water_level": 1500.0}, 2)


def test_the_units_of_a_line_can_be_written_anew():
    text = '[[bus]]\nname = "west"\n[[bus.unit]]\naddress = 9\nserial = "PL-9"\nprofile = "cc-pole-1"\n'
    after = apply_configuration(OWN, text)
    assert after.problems == []
    assert [unit.serial for unit in after.settings.bus[1].unit] == ["PL-9"]


def test_when_a_point_is_reported_is_changed_from_afar_too():
    text = '[unit."CV-1".report.tilt_x]\ndeadband = 0.5\nevery_s = 600\n'
    after = apply_configuration(OWN, text)
    assert after.problems == []
    assert after.settings.bus[0].unit[0].report["tilt_x"].deadband == 0.5
    wrong = apply_configuration(OWN, text + "dead_band = 1\n").problems
    assert wrong == ["unit.CV-1.report.tilt_x.dead_band: unknown setting; check its spelling"]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('[cabinet]\nid = "c2"', "cabinet:"),
        ("[remote]\nenabled = false", "remote:"),
        ('[spool]\npath = "/tmp/other.db"', "spool.path:"),
        ('[broker]\nusername = "admin"', "broker.username:"),
        ('[broker]\npassword = "x"', "broker.password:"),
        ('[broker]\ntls_ca = ""', "broker.tls_ca:"),
        ('[[bus]]\nname = "east"\nport = "/dev/ttyS9"', "bus[0].port:"),
    ],
)
def test_identity_secrets_files_and_wiring_are_not_changed_from_afar(text, field):
    after = apply_configuration(OWN, text)
    assert len(after.problems) == 1
    assert after.problems[0].startswith(field)
    assert "may not be changed from afar" in after.problems[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("window = ", "not valid TOML"),
        ("[uplnik]\nwindow = 1", "uplnik: unknown table"),
        ("uplink = 7", "uplink: must be a table"),
        ("[uplink]\nwidth = 1", "uplink.width: unknown setting"),
        ('[uplink]\nwindow = "many"', "uplink.window: expected `int`"),
        ("[uplink]\nwindow = 0", "uplink.window: is 0; it must be between 1 and 1024"),
        ('[broker]\nhost = ""', "broker.host: is empty"),
        ('[[bus]]\nname = "north"', "bus[0].name: 'north' is no bus of this cabinet, which has east, west"),
        ('[[bus]]\nname = "east"\n[[bus]]\nname = "east"', "stands twice"),
        ('bus = "east"', "bus: must be a list of tables, [[bus]]"),
        ('[unit."CV-9"]\npoll_every_s = 1', "unit.CV-9: no bus of this cabinet"),
        ('[unit."CV-1"]\nserial = "CV-7"', "unit.CV-1.serial: may not be changed"),
        ('[unit."CV-1"]\naddress = 2', "used twice on this bus"),
        ('[[bus]]\nname = "west"\nunit = [{ address = 1 }]', "bus[0].unit[0]: object missing required field"),
        ('[[bus]]\nname = "west"\nunit = [{ address = 1, serial = "a", profile = "b", colour = 1 }]', "unit[0].colour"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text, said):
    problems = apply_configuration(OWN, text).problems
    assert any(said in problem for problem in problems), problems


def test_all_that_is_wrong_is_told_at_once():
    text = '[uplink]\nwidth = 1\n[broker]\nport = "x"\n[spool]\npath = "y"\n[moon]\n'
    assert len(apply_configuration(OWN, text).problems) == 4


def test_a_city_that_knows_nothing_of_a_cabinet_still_finds_what_is_wrong_in_itself():
    text = '[[bus]]\nname = "b1"\npoll_every_s = 0\n[unit."CV-1"]\npoll_every_s = 60\n[uplink]\nwindow = 9999\n'
    problems = apply_configuration(assumed_settings("c1", text), text).problems
    assert sorted(problem.split(":")[0] for problem in problems) == ["bus[0].poll_every_s", "uplink.window"]
    assert apply_configuration(assumed_settings("c1", "["), "[").problems


def test_a_description_holds_no_secret_and_can_be_read_back():
    told = described(OWN)
    assert "word" not in str(told)
    read = settings_of(told)
    assert read is not None
    assert (read.bus, read.spool, read.broker.password) == (OWN.bus, OWN.spool, "")
    assert settings_of({"cabinet": 7}) is None


def test_one_letter_more_is_another_configuration():
    assert hash_of("a") != hash_of("a ")
