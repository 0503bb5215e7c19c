"""Every mistake in a cabinet's settings is named with its field and its fix, all at once."""

from __future__ import annotations

import dataclasses

import pytest

from gateway.settings import (
    BrokerSettings,
    BusSettings,
    CabinetIdentity,
    CabinetSettings,
    SpoolSettings,
    UnitSettings,
    UplinkSettings,
    problems,
)

UNIT = UnitSettings(address=1, serial="CV-1", profile="cc-cover-1")
BUS = BusSettings(name="b1", port="/dev/ttyS0", unit=(UNIT,))
GOOD = CabinetSettings(cabinet=CabinetIdentity(id="c1"), broker=BrokerSettings(host="localhost"), bus=(BUS,))


def test_good_settings_have_no_problems():
    assert problems(GOOD) == []
    assert problems(dataclasses.replace(GOOD, bus=())) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"cabinet": CabinetIdentity(id="c/1")}, "cabinet.id"),
        ({"cabinet": CabinetIdentity(id="")}, "cabinet.id"),
        ({"broker": BrokerSettings(host="")}, "broker.host"),
        ({"broker": BrokerSettings(host="h", port=0)}, "broker.port"),
        ({"broker": BrokerSettings(host="h", tls_ca="ca", tls_cert="x")}, "broker.tls_key"),
        ({"broker": BrokerSettings(host="h", tls_cert="x", tls_key="y")}, "broker.tls_ca"),
        ({"spool": SpoolSettings(max_bytes=1)}, "spool.max_bytes"),
        ({"uplink": UplinkSettings(window=0)}, "uplink.window"),
        ({"bus": (BUS, BUS)}, "bus[1].name"),
        ({"bus": (dataclasses.replace(BUS, baud=1),)}, "bus[0].baud"),
        ({"bus": (dataclasses.replace(BUS, poll_every_s=0.0),)}, "bus[0].poll_every_s"),
        ({"bus": (dataclasses.replace(BUS, unit=(UNIT, UNIT)),)}, "bus[0].unit[1].address"),
        (
            {"bus": (dataclasses.replace(BUS, unit=(dataclasses.replace(UNIT, address=248),)),)},
            "bus[0].unit[0].address",
        ),
        (
            {"bus": (dataclasses.replace(BUS, unit=(dataclasses.replace(UNIT, serial="a b"),)),)},
            "bus[0].unit[0].serial",
        ),
    ],
)
def test_a_mistake_is_named_by_its_field(change, field):
    found = problems(dataclasses.replace(GOOD, **change))
    assert any(problem.startswith(f"{field}:") for problem in found), found


def test_all_mistakes_are_told_at_once():
    wrong = dataclasses.replace(GOOD, cabinet=CabinetIdentity(id="#"), broker=BrokerSettings(host="", port=-1))
    assert len(problems(wrong)) == 3


@pytest.mark.parametrize(
    "table", [CabinetIdentity, BrokerSettings, SpoolSettings, UplinkSettings, BusSettings, UnitSettings]
)
def test_every_field_carries_its_help(table):
    for field in dataclasses.fields(table):
        assert field.metadata["help"], field.name
