"""What can be known about one cover or lamp beyond what every asset has: one row per fact, kept in ``asset.details``.

Details that are not in the table (the columns of an old list, say) stay on file as they came and are shown after these.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from registry.domain.codes import read_code
from registry.domain.errors import InvalidInput
from registry.domain.kinds import Family

MAX_WORDS = 120
MAX_CODES = 20
MAX_DEPTH_MM = 50_000


class FactKind(StrEnum):
    """How a fact is written: a whole number, one of some words, free words, or component codes."""

    NUMBER = "number"
    CHOICE = "choice"
    WORDS = "words"
    CODES = "codes"


@dataclass(frozen=True, slots=True, kw_only=True)
class FactSpec:
    """One fact: its key in ``details``, its names, the unit of a number and the range it must be in, or its words."""

    key: str
    zh: str
    en: str
    families: frozenset[Family]
    kind: FactKind = FactKind.WORDS
    unit: str = ""
    sane: tuple[int, int] = (0, 0)
    words: tuple[tuple[str, str, str], ...] = ()


_COVER = frozenset({Family.COVER})
_LIGHT = frozenset({Family.LIGHT})
_NUMBER, _CHOICE, _CODES = FactKind.NUMBER, FactKind.CHOICE, FactKind.CODES

SHAPES = (("round", "圆形", "round"), ("square", "方形", "square"), ("rectangle", "矩形", "rectangular"))
LOADS = tuple((each.lower(), each, each) for each in ("A15", "B125", "C250", "D400", "E600", "F900"))
PIPES = (
    ("concrete", "混凝土管", "concrete"),
    ("cast_iron", "铸铁管", "cast iron"),
    ("steel", "钢管", "steel"),
    ("pe", "PE 管", "PE"),
    ("pvc", "PVC 管", "PVC"),
    ("brick", "砖石沟渠", "brick or stone channel"),
)
CHAMBERS = (("brick", "砖砌", "brick"), ("concrete", "混凝土", "concrete"), ("plastic", "塑料", "plastic"))
LAMPS = (
    ("led", "LED", "LED"),
    ("sodium", "高压钠灯", "high-pressure sodium"),
    ("halide", "金卤灯", "metal halide"),
    ("other", "其他", "other"),
)
ARMS = (("single", "单臂", "one arm"), ("double", "双臂", "two arms"), ("many", "多臂", "several arms"))

FACTS: dict[str, FactSpec] = {
    spec.key: spec
    for spec in (
        FactSpec(key="shape", zh="井盖形状", en="Cover shape", families=_COVER, kind=_CHOICE, words=SHAPES),
        FactSpec(key="load_class", zh="承载等级", en="Load class", families=_COVER, kind=_CHOICE, words=LOADS),
        FactSpec(key="chamber", zh="井室结构", en="Chamber", families=_COVER, kind=_CHOICE, words=CHAMBERS),
        FactSpec(
            key="chamber_mm", zh="井室直径", en="Chamber width", families=_COVER, kind=_NUMBER, unit="mm",
            sane=(200, 20_000),
        ),
        FactSpec(
            key="pipe_mm", zh="管径", en="Pipe diameter", families=_COVER, kind=_NUMBER, unit="mm", sane=(20, 6_000)
        ),
        FactSpec(key="pipe_material", zh="管材", en="Pipe material", families=_COVER, kind=_CHOICE, words=PIPES),
        FactSpec(key="connects", zh="连通的井", en="Wells connected", families=_COVER, kind=_CODES),
        FactSpec(
            key="height_mm", zh="灯杆高度", en="Pole height", families=_LIGHT, kind=_NUMBER, unit="mm",
            sane=(500, 60_000),
        ),
        FactSpec(key="lamp", zh="光源类型", en="Light source", families=_LIGHT, kind=_CHOICE, words=LAMPS),
        FactSpec(
            key="power_w", zh="功率", en="Power", families=_LIGHT, kind=_NUMBER, unit="W", sane=(1, 20_000)
        ),
        FactSpec(key="lamps", zh="灯头数", en="Lamp heads", families=_LIGHT, kind=_NUMBER, sane=(1, 60)),
        FactSpec(key="arm", zh="灯臂", en="Arm", families=_LIGHT, kind=_CHOICE, words=ARMS),
        FactSpec(key="supply", zh="供电箱号", en="Supply cabinet", families=_LIGHT),
    )
}  # fmt: skip


def facts_of(family: Family) -> list[FactSpec]:
    """The facts an asset of ``family`` can have, in the order of the page."""
    return [spec for spec in FACTS.values() if family in spec.families]


def read_fact(spec: FactSpec, written: str) -> Any:
    """What was written, as ``details`` keep it; None for nothing. Raises ``InvalidInput`` naming the fact's key."""
    words = unicodedata.normalize("NFKC", written).strip()
    if not words:
        return None
    if spec.kind is FactKind.NUMBER:
        return _number(spec, words)
    if spec.kind is FactKind.CHOICE:
        return _choice(spec, words)
    if spec.kind is FactKind.CODES:
        return _codes(spec, words)
    if len(words) > MAX_WORDS:
        raise InvalidInput(spec.key, "is longer than {most} characters; shorten it", most=MAX_WORDS)
    return words


def check_details(family: Family, details: Mapping[str, Any]) -> dict[str, Any]:
    """``details`` with each known fact checked and those that say nothing left out. Raises ``InvalidInput``."""
    kept: dict[str, Any] = {}
    for key, value in details.items():
        spec = FACTS.get(key)
        if value is None or value == "" or value == []:
            continue
        if spec is None or family not in spec.families:
            kept[key] = value
            continue
        read = read_fact(spec, " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value))
        if read is not None:
            kept[key] = read
    return kept


def show_fact(spec: FactSpec, value: Any, lang: str) -> str:
    """A kept fact for people, with its unit."""
    if spec.kind is FactKind.CHOICE:
        return next((zh if lang == "zh" else en for word, zh, en in spec.words if word == value), str(value))
    if spec.kind is FactKind.CODES and isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value} {spec.unit}".strip()


def read_day(field: str, written: str) -> str | None:
    """A day as ``2026-03-02``; also ``2026/3/2``, ``20260302`` and ``2026年3月2日``. None for nothing.

    Raises ``InvalidInput`` naming ``field`` for anything that is no day between 1900 and 2100.
    """
    words = unicodedata.normalize("NFKC", written).strip()
    if not words:
        return None
    parts = words.replace("年", "-").replace("月", "-").replace("日", "").replace("/", "-").replace(".", "-").split("-")
    if len(parts) == 1 and len(words) == 8:
        parts = [words[:4], words[4:6], words[6:]]
    try:
        year, month, day = (int(part) for part in parts)
        found = date(year, month, day)
    except ValueError:
        raise InvalidInput(field, "{given!r} is no day; write it as 2026-03-02", given=words[:20]) from None
    if not 1900 <= found.year <= 2100:
        raise InvalidInput(field, "{given!r} is not between 1900 and 2100; write it as 2026-03-02", given=words[:20])
    return found.isoformat()


def check_depth(depth_mm: int | None) -> int | None:
    """A well's depth in mm. Raises ``InvalidInput`` when no well is so deep."""
    if depth_mm is not None and not 0 < depth_mm <= MAX_DEPTH_MM:
        raise InvalidInput("depth_mm", "{given} must be between 1 and {most} mm", given=depth_mm, most=MAX_DEPTH_MM)
    return depth_mm


def _number(spec: FactSpec, words: str) -> int:
    low, high = spec.sane
    bare = words.removesuffix(spec.unit).strip() if spec.unit else words
    try:
        number = round(float(bare))
    except (ValueError, OverflowError):
        raise InvalidInput(
            spec.key, "{given!r} must be a number of {unit}", given=words[:20], unit=spec.unit or "pieces"
        ) from None
    if not low <= number <= high:
        words = (
            "{given} must be between {low} and {high} {unit}"
            if spec.unit
            else "{given} must be between {low} and {high}"
        )
        raise InvalidInput(spec.key, words, given=number, low=low, high=high, unit=spec.unit)
    return number


def _choice(spec: FactSpec, words: str) -> str:
    wanted = words.casefold()
    for word, zh, en in spec.words:
        if wanted in (word, zh.casefold(), en.casefold()):
            return word
    listed = ", ".join(f"{zh} ({word})" for word, zh, _ in spec.words)
    raise InvalidInput(spec.key, "{given!r} must be one of {known}", given=words[:20], known=listed)


def _codes(spec: FactSpec, words: str) -> list[str]:
    parts = words.replace(",", " ").replace(";", " ").replace("、", " ").split()
    if len(parts) > MAX_CODES:
        raise InvalidInput(spec.key, "{count} codes are too many; at most {most} fit", count=len(parts), most=MAX_CODES)
    try:
        return list(dict.fromkeys(str(read_code(part)) for part in parts))
    except InvalidInput as error:
        raise error.at(spec.key) from error
