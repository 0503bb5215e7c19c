"""What cabinets say reaches a Chinese page in Chinese: every sentence of theirs has its words, and is found by them.

The source of the cabinet is walked for its sentences: a new one without words fails here.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboards.cabinet_words import CabinetWords, load_cabinet_words
from dashboards.refusals import load_refusals
from gateway.remote_config import apply_configuration
from gateway.settings import BrokerSettings, BusSettings, CabinetIdentity, CabinetSettings, UnitSettings

ROOT = Path(__file__).parents[3]
WORDS = ROOT / "dashboards" / "words"
# What judges a configuration from the city, or ends a command.
SPEAKING = ("settings", "remote_config", "remote", "commands", "sampling", "reporting", "cabinet", "ports")
SAYING = {"append", "Refused", "roll_back", "_refuse", "ValueError", "CabinetFailed"}
ENDING = {"finish", "_finish", "Applied"}
NAMED = {"reason", "said", "there"}
# The product's own talk of something else, and places filled by another sentence.
NOT_SAID = {"{}", "topic must be a name", "covercode-{}"}

OWN = CabinetSettings(
    cabinet=CabinetIdentity(id="c1"),
    broker=BrokerSettings(host="b"),
    bus=(
        BusSettings(
            name="east",
            port="/dev/ttyS1",
            unit=(
                UnitSettings(address=1, serial="CV-1", profile="cc-cover-1"),
                UnitSettings(address=2, serial="CV-2", profile="cc-cover-1"),
            ),
        ),
    ),
)


@pytest.fixture(scope="module")
def words() -> CabinetWords:
    return load_cabinet_words(WORDS, load_refusals(WORDS))


def shape(node: ast.expr) -> Iterator[str]:
    """The sentences an expression can be, ``{}`` for each value."""
    if isinstance(node, ast.IfExp):
        yield from shape(node.body)
        yield from shape(node.orelse)
    elif isinstance(node, ast.List):
        for each in node.elts:
            yield from shape(each)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(each.value) if isinstance(each, ast.Constant) else "{}" for each in node.values)


def said_in(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        found: list[ast.expr] = []
        if isinstance(node, ast.Yield | ast.Return) and node.value is not None:
            found = [node.value]
        elif isinstance(node, ast.ListComp):
            found = [node.elt]
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in NAMED:
            found = [node.value]
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func).split(".")[-1]
            found = list(node.args) if name in SAYING else []
            found += [each.value for each in node.keywords if name in ENDING and each.arg in {"reason", "problems"}]
        for each in found:
            yield from (said for said in shape(each) if " " in said)


def without_setting(said: str) -> str:
    return re.sub(r"^(?:[\w\[\].]|\{\})+: ", "", said)


def shape_of(sentence: str) -> str:
    return re.sub(r"\{\w+(?:!r)?\}", "{}", sentence)


def test_every_sentence_of_a_cabinet_has_chinese_words() -> None:
    known = {shape_of(sentence) for sentence in json.loads((WORDS / "cabinets.zh.json").read_text(encoding="utf-8"))}
    said = [one for name in SPEAKING for one in said_in(ROOT / "gateway" / f"{name}.py")]
    assert len(said) > 50
    assert sorted({one for one in said if without_setting(one) not in known | NOT_SAID and one not in known}) == []


def test_the_chinese_words_have_the_places_of_the_english() -> None:
    found = json.loads((WORDS / "cabinets.zh.json").read_text(encoding="utf-8"))
    places = {en: (set(re.findall(r"\{(\w+)", en)), set(re.findall(r"\{(\w+)", zh))) for en, zh in found.items()}
    assert {en: pair for en, pair in places.items() if pair[0] != pair[1] and "tcp://" not in en} == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("spool = 1", "spool：须为表 [spool]"),
        ('[spool]\npath = "x"', "spool.path：不可远程更改；只能在机柜自己的文件中设置"),
        ("[uplink]\nwindow = 9999", "uplink.window：为 9999；须在 1 与 1024 之间"),
        ('[uplink]\nwindow = "big"', "uplink.window：须为 int，不是 str"),
        ("[uplink]\nwimdow = 1", "uplink.wimdow：未知的设置；请检查拼写"),
        ('[[bus]]\nname = "west"', "bus[0].name：“west”不是本机柜的总线（现有：east）；新增总线须到现场"),
        ('[unit."CV-9"]\npoll_every_s = 1', "unit.CV-9：本机柜的总线上没有此序列号的单元；请核对"),
        ('[unit."CV-2"]\naddress = 1', "bus[0].unit[0].address：地址 1 在本总线上重复；两个单元会同时应答"),
        ("[weather]\nwet = 1", "weather：未知的表；可用：broker, spool, uplink, bus, unit"),
        ('[unit."CV-1"]\nurgent_above = { x = "y" }', "unit.CV-1.urgent_above：须为 float，不是 str（$[...]）"),
    ],
)
def test_a_refused_configuration_is_told_problem_by_problem(words: CabinetWords, text: str, told: str) -> None:
    problems = apply_configuration(OWN, text).problems
    assert words.tell("\n".join(problems)).splitlines()[0] == told
    assert words.tell("; ".join(problems)).startswith(told)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("the city was not heard through it within 120 s", "120 秒内未能经此配置收到城市端的消息"),
        ("the cabinet's disk refuses: [Errno 28] No space left", "机柜磁盘无法写入：[Errno 28] No space left"),
        (
            "serial: this cabinet has no unit 'CV-9' on its buses; what sends by itself can't be asked",
            "serial：本机柜总线上没有单元“CV-9”；自行上报的设备无法召测",
        ),
        ("expired 31 s ago by the cabinet's clock", "按机柜时钟已过期 31 秒"),
        ("CV-1 gave 3 of 5 good readings within 30 s", "CV-1 在 30 秒内只给出 3/5 个有效读数"),
        (
            "tilt_z: the readings lay 4.2 deg apart; let it come to rest first",
            "tilt_z：读数相差 4.2 deg，请待其静止后再试",
        ),
        (
            "remote.enabled: is false in this cabinet's own file",
            "remote.enabled：在本机柜自己的文件中为 false，不接受远程操作",
        ),
    ],
)
def test_why_a_command_failed_is_told(words: CabinetWords, said: str, told: str) -> None:
    assert words.tell(said) == told


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "device 'CV-9' is not registered: fit it to an asset, then replay",
            "设备“CV-9”未登记：请安装到部件上，再重新处理",
        ),
        ("CV-1/tilt = 95 deg is outside -90…90: check the sensor", "CV-1/tilt = 95 deg，超出 -90…90：请检查传感器"),
        (
            "undecodable: bad_frame: begins with 03 and not with 77",
            "无法解码：帧格式不对：begins with 03 and not with 77",
        ),
        ("what another release wrote; of: it", "what another release wrote; of: it"),
    ],
)
def test_why_something_could_not_be_used_is_told(words: CabinetWords, said: str, told: str) -> None:
    assert words.letter(said) == told


def test_every_reason_of_intake_has_chinese_words() -> None:
    known = {shape_of(sentence) for sentence in json.loads((WORDS / "cabinets.zh.json").read_text(encoding="utf-8"))}
    intake = ast.parse((ROOT / "registry" / "intake.py").read_text(encoding="utf-8"))
    details = [
        "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        for node in ast.walk(intake)
        if isinstance(node, ast.JoinedStr)
    ]
    reasons = [
        one.replace("{}/{}", "{}").replace("{} {}", "{}").replace("{}…{}", "{}") for one in details if ": " in one
    ]
    assert len(reasons) >= 8
    assert sorted({one for one in reasons if one not in known}) == []


def test_what_nobody_has_words_for_stays_as_it_came(words: CabinetWords) -> None:
    assert words.tell("something else; bus[0].baud: is {odd} & new") == "something else；bus[0].baud: is {odd} & new"
    assert words.tell("") == ""


def test_braces_in_a_value_are_left_alone(words: CabinetWords) -> None:
    assert words.tell("text: is not valid TOML: {x} at line 1") == "text：不是有效的 TOML：{x} at line 1"
