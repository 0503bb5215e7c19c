"""The arrows between rooms, and what a cabinet may load."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("firmware_sim", "gateway", "registry", "dashboards", "operate")


def test_the_import_contracts_hold():
    told = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout[-3000:]


def test_a_cabinet_loads_neither_flask_nor_sqlalchemy_nor_the_registry():
    code = (
        "import sys, gateway.cabinet, covercode, operate.processes, operate.settings, operate.logs;"
        "print(sorted(n for n in sys.modules if n.split('.')[0] in "
        "{'flask', 'sqlalchemy', 'alembic', 'registry', 'dashboards', 'apscheduler', 'PIL', 'qrcode'}))"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize("room", ROOMS)
def test_every_module_says_what_it_is_for(room: str):
    silent = [
        str(path.relative_to(ROOT))
        for path in (ROOT / room).rglob("*.py")
        if "versions" not in path.parts and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


# the source loops, the job runners, the web error handlers, what reads a letter again and two entry points: each logs
# or reports what it met
MAY_CATCH_ALL = {
    "dashboards/board_answering.py",  # one panel that fails must not take the others along
    "dashboards/errors.py",
    "dashboards/stream.py",  # the loop that reads the feed for every page
    "dashboards/stream_sender.py",
    "gateway/cabinet.py",
    "gateway/ingest.py",
    "gateway/modbus.py",
    "gateway/sources/mqtt.py",
    "gateway/sources/push.py",
    "gateway/sources/reception.py",
    "gateway/watching.py",
    "operate/doctor.py",
    "registry/intake.py",
    "registry/services/import_work.py",
    "registry/services/place_jobs.py",
    "registry/services/print_making.py",
    "registry/services/notice_post.py",
    "registry/worker.py",
    "registry/services/month_closing.py",
}


def test_broad_excepts_stand_only_where_agreed():
    broad = {
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if "except Exception" in path.read_text()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Name) and node.type.id == "Exception"
    }
    assert broad <= MAY_CATCH_ALL


def test_nothing_is_called_manager_helper_or_util():
    names = {path.stem for room in ROOMS for path in (ROOT / room).rglob("*.py")}
    assert {name for name in names if any(word in name for word in ("manager", "helper", "util"))} == set()


def test_the_errors_meant_for_people_exist():
    from operate.failures import misnamed

    assert misnamed() == []


def test_shapes_are_read_where_threads_can_not_meet():
    """``registry.shapes`` says why; a decoder made while its module is loaded knows its shape before any thread."""
    direct = {
        f"{path.relative_to(ROOT)}:{number}"
        for room in ("registry", "dashboards")
        for path in (ROOT / room).rglob("*.py")
        if path != ROOT / "registry" / "shapes.py"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r"msgspec\.(convert|(json|toml|msgpack|yaml)\.decode)\(|^\s+.*msgspec\.\w+\.Decoder\(", line)
    }
    assert direct == set()


# their shapes are known when they are loaded: a decoder of the same shape, or of one that holds it, is made there
CONVERT_KNOWN_SHAPES = {
    "gateway/decoders/shape.py",
    "gateway/remote.py",
    "gateway/remote_config.py",
    "gateway/senml.py",
}


def test_the_gateway_knows_its_shapes_before_any_thread():
    """It does not import the registry, so its decoders are made while their modules are loaded."""
    late = {
        f"{path.relative_to(ROOT)}:{number}"
        for room in ("gateway", "operate")
        for path in (ROOT / room).rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r"msgspec\.\w+\.decode\(.*type=|^\s+.*msgspec\.\w+\.Decoder\(", line)
        or ("msgspec.convert(" in line and str(path.relative_to(ROOT)) not in CONVERT_KNOWN_SHAPES)
    }
    assert late == set()
