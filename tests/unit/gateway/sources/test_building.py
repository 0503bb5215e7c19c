"""What stands in the ``[[source]]`` tables: told field by field when it can't work, and built."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from gateway.settings import CabinetSettings, problems
from gateway.sources.building import build_sources, profile_problems
from operate.settings import parse_settings
from tests.source_running import KeptItems, profiles

LORA: Mapping[str, Any] = {
    "name": "lora", "kind": "chirpstack", "broker": {"host": "b"},
    "device": [{"id": "24E124785B123456", "serial": "T-1", "profile": "milesight-em310-tilt"}],
}  # fmt: skip
AEP: Mapping[str, Any] = {"name": "aep", "kind": "ctwing", "path": "/push/ctwing/k3J9-not-to-be-guessed"}
LINE: Mapping[str, Any] = {
    "name": "line", "kind": "serial_frames", "port": "/dev/ttyS3",
    "device": [{"id": "1", "serial": "T-2", "profile": "bwsensing-bwm826"}],
}  # fmt: skip


def settings(*sources: Mapping[str, Any], **tables: Any) -> CabinetSettings:
    body = {"cabinet": {"id": "c1"}, "broker": {"host": "b"}, "source": [dict(one) for one in sources], **tables}
    return parse_settings(CabinetSettings, body, {}, "cabinet.toml")


def test_sources_that_can_work_have_no_problems_and_one_part_each_but_one_for_all_pushes():
    own = {"name": "own", "kind": "json_http", "path": "/own", "token": "t", "id_path": "sn"}
    plant = {"name": "plant", "kind": "sparkplug", "broker": {"host": "b"}}
    given = settings(LORA, AEP, own, plant, LINE)
    assert problems(given) == []
    assert list(profile_problems(given, profiles())) == []
    built = build_sources(given, profiles(), KeptItems())
    assert sorted(part.name for part in built.parts) == ["push", "source line", "source lora", "source plant"]
    assert [(health.name, health.up) for health in built.health()] == [
        ("lora", False), ("aep", False), ("own", False), ("plant", False), ("line", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (LORA | {"broker": {"host": ""}}, "source[0].broker.host: is missing"),
        (LORA | {"name": "a b"}, "source[0].name: "),
        (LORA | {"kind": "json_mqtt"}, "source[0].topics: is empty"),
        (LORA | {"kind": "json_mqtt", "topics": ["a/b"]}, "source[0].id_path: is empty"),
        (LORA | {"kind": "json_mqtt", "topics": ["a"], "id_path": "a..b"}, "source[0].id_path: 'a..b' is no path"),
        (LORA | {"broker": {"host": "b", "tls_cert": "c"}}, "source[0].broker.tls_key: "),
        (AEP | {"path": "push"}, "source[0].path: 'push' is no path"),
        (AEP | {"path": "/push/short"}, "source[0].path: is all that protects this door"),
        (AEP | {"kind": "onenet"}, "source[0].token: is empty"),
        (AEP | {"kind": "json_http"}, "source[0].id_path: is empty"),
        (LINE | {"port": ""}, "source[0].port: '' is empty"),
        (LINE | {"port": "tcp://h:502"}, "source[0].port: 'tcp://h:502' is empty, used twice or Modbus TCP"),
        (LINE | {"port": "tcp://h"}, "source[0].port: 'tcp://h' is no address"),
        (LINE | {"ask": "7"}, "source[0].ask: '7' is no hex"),
        (LINE | {"device": []}, "source[0].device: there are 0"),
        (LORA | {"device": [*LORA["device"], *LORA["device"]]}, "source[0].device[0].id: "),
        (LORA | {"device": [LORA["device"][0] | {"serial": "a/b"}]}, "source[0].device[0].serial: 'a/b'"),
        (LORA | {"device": [LORA["device"][0] | {"settings": {"k": [1]}}]}, "source[0].device[0].settings.k: "),
    ],
)
def test_what_cannot_work_is_named_with_its_fix(source, problem):
    assert any(said.startswith(problem) for said in problems(settings(source))), problems(settings(source))


def test_names_paths_lines_and_serials_are_used_once():
    said = "\n".join(problems(settings(LORA, LORA, AEP, AEP, LINE, LINE)))
    for place in ("source[1].name", "source[3].path", "source[5].port", "source[1].device[0].serial"):
        assert place in said


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (AEP | {"profile": "nobody"}, "source[0].profile: 'nobody' is unknown"),
        (AEP | {"profile": "cc-cover-1"}, "source[0].profile: 'cc-cover-1' describes Modbus registers"),
        (LINE | {"device": [LINE["device"][0] | {"profile": "milesight-em310-tilt"}]},
         "source[0].device[0].profile: 'milesight-em310-tilt' names no stream"),
        (LORA | {"device": [LORA["device"][0] | {"profile": "decentlab-pr26", "settings": {"density": 0}}]},
         "source[0].device[0].settings.density: is 0; must be above 0"),
    ],
)  # fmt: skip
def test_a_profile_that_does_not_suit_is_named(source, problem):
    assert [said for said in profile_problems(settings(source), profiles()) if said.startswith(problem)]


def test_a_cabinet_without_pushes_and_sparkplug_loads_neither_a_web_server_nor_protobuf():
    code = (
        "import sys, gateway.cabinet, gateway.sources.mqtt;"
        "print([name for name in ('waitress', 'google.protobuf') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
