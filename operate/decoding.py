"""``covercode decode`` and ``covercode profiles``: device profiles for the person who has a payload or a file in hand.

Loads neither Flask nor SQLAlchemy, so that it works in a cabinet too.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from gateway.decoders import REASONS, Decoded, Measured, Rejected, decode
from gateway.device_profiles import (
    DeviceProfile,
    Problem,
    ProfileFile,
    load_profiles,
    profile_files,
    read_profiles,
)
from registry.domain.points import POINTS

_NOT_HEX = re.compile(r"0[xX]|[\s:,;_-]+")
_UNITS = {"1": "", "lat": "°", "lon": "°"}


class BadInput(Exception):
    """What was typed can't be used; the message says what to type."""


def payload_bytes(text: str, profile: DeviceProfile, *, is_base64: bool) -> bytes:
    """The bytes that ``text`` stands for: hex with any separators, else base64; JSON for a profile of that kind."""
    if profile.kind == "json" and not is_base64:
        return text.encode()
    compact = "" if is_base64 else _NOT_HEX.sub("", text)
    if compact and not re.sub(r"[0-9a-fA-F]", "", compact):
        if len(compact) % 2:
            raise BadInput(f"payload: {len(compact)} hex digits are no whole number of bytes; one is missing")
        return bytes.fromhex(compact)
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise BadInput(f"payload: is neither hex (01 75 57) nor base64 (AXVX): {error}") from error


def show_decoded(
    name: str, text: str, *, port: int, is_base64: bool, folder: Path | None, as_json: bool
) -> tuple[list[str], bool]:
    """The lines to print, and whether the payload could be used. Raises ``BadInput`` and ``BadProfile``."""
    profiles = load_profiles(folder)
    profile = profiles.get(name)
    if profile is None:
        near = difflib.get_close_matches(name, profiles, n=3) or sorted(profiles)
        raise BadInput(f"--profile: {name!r} is unknown; did you mean {', '.join(near)}? `covercode profiles list`")
    payload = payload_bytes(text, profile, is_base64=is_base64)
    outcome = decode(profile, payload, port=port)
    if as_json:
        return [json.dumps(_as_object(profile, payload, port, outcome), ensure_ascii=False)], isinstance(
            outcome, Decoded
        )
    return list(_as_lines(profile, payload, port, outcome)), isinstance(outcome, Decoded)


def list_profiles(folder: Path | None, *, as_json: bool) -> list[str]:
    """Every profile: name, kind, what it is, its points, how often it speaks. Raises ``BadProfile``."""
    profiles = load_profiles(folder)
    if as_json:
        return [
            json.dumps({"ok": True, "profiles": [_summary(each) for each in profiles.values()]}, ensure_ascii=False)
        ]
    rows = [
        (each.name, each.kind, each.title_zh or each.title, each.title, _ports(each), str(len(each.point)))
        for each in profiles.values()
    ]
    return _table(("档案 Profile", "类型 Kind", "设备", "Device", "端口 Ports", "测点 Points"), rows)


def check_profiles(files: Sequence[Path], folder: Path | None, *, as_json: bool) -> tuple[list[str], bool]:
    """Everything wrong with ``files`` (none given: with all shipped ones and ``folder``), and whether all is well.

    Raises ``BadInput`` for a file that can't be read.
    """
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        raise BadInput(f"FILE: {', '.join(missing)} is no file; name the TOML files of your profiles")
    every = [*profile_files(folder), *files]
    read = read_profiles(every)[len(every) - len(files) :] if files else read_profiles(every)
    found = [(each, [*each.problems, *_foreign_points(each)]) for each in read]
    is_well = not any(problems for _, problems in found)
    if as_json:
        problems = [
            {"file": each.file, "field": problem.field, "value": problem.value, "fix": problem.fix}
            for each, of_file in found
            for problem in of_file
        ]
        return [json.dumps({"ok": is_well, "checked": len(found), "problems": problems}, ensure_ascii=False)], is_well
    lines = [f"{each.file}: {problem}" for each, problems in found for problem in problems]
    count = len(lines)
    files_said = "1 file" if len(found) == 1 else f"{len(found)} files"
    faults_said = "1 fault 处错误" if count == 1 else f"{count} faults 处错误"
    return [*lines, f"{files_said} 个文件: {faults_said if count else 'all well 无误'}"], is_well


def _foreign_points(file: ProfileFile) -> Iterator[Problem]:
    """Points that the city does not know as the profile has them: their readings would become dead letters."""
    for place, point in enumerate(file.profile.point if file.profile else ()):
        at = f"point[{place}] {point.name}"
        spec = POINTS.get(point.name)
        if any(problem.field.startswith(f"point[{place}].name") for problem in file.problems):
            continue
        if spec is None:
            near = ", ".join(difflib.get_close_matches(point.name, POINTS, n=3)) or ", ".join(POINTS)
            yield Problem(field=at, value="is no point the city knows", fix=f"use its word for it: {near}")
        elif spec.unit != point.unit:
            fix = f"the city keeps it in {spec.unit}; use scale, offset or from_unit to give that"
            yield Problem(field=f"{at}.unit", value=f'is "{point.unit}"', fix=fix)
        elif point.sane[0] < spec.sane[0] or point.sane[1] > spec.sane[1]:
            fix = f"the city takes {spec.sane[0]:g} to {spec.sane[1]:g}; stay within"
            yield Problem(field=f"{at}.sane", value=f"is {list(point.sane)}", fix=fix)


# --- what is printed ------------------------------------------------------------------------------------------------


def _as_object(profile: DeviceProfile, payload: bytes, port: int, outcome: Decoded | Rejected) -> dict[str, Any]:
    said: dict[str, Any] = {
        "ok": isinstance(outcome, Decoded),
        "profile": profile.name,
        "port": port,
        "payload": payload.hex().upper(),
        "points": [
            {
                "name": each.name,
                "value": each.value,
                "unit": each.unit,
                "suspect": each.suspect,
                "urgent": each.urgent,
                "measured_at": None if each.at_s is None else _moment(each.at_s),
            }
            for each in outcome.points
        ],
        "facts": dict(outcome.facts),
    }
    if isinstance(outcome, Rejected):
        return said | {"error": {"code": outcome.reason, "message": outcome.detail, "fields": {}}}
    return said | {"faults": list(outcome.faults)}


def _as_lines(profile: DeviceProfile, payload: bytes, port: int, outcome: Decoded | Rejected) -> Iterator[str]:
    title = f"{profile.title_zh} {profile.title}" if profile.title_zh else profile.title
    yield f"档案 Profile  {profile.name}: {title}"
    yield f"负载 Payload  {len(payload)} 字节 bytes, 端口 port {port or '-'}"
    if isinstance(outcome, Rejected):
        yield f"拒绝 Rejected  {outcome.reason}: {outcome.detail}"
        yield f"              ({REASONS.get(outcome.reason, '')})"
    if outcome.points:
        yield ""
        if isinstance(outcome, Rejected):
            yield "拒绝之前读到的（不入库） Read before that (not to be stored):"
        yield from _table(
            ("测点", "Point", "名称 Name", "数值 Value", "单位 Unit", "时间 Time", "备注 Note"), _rows(outcome)
        )
    if outcome.facts:
        yield ""
        yield from _table(("设备信息 About the device", ""), sorted(outcome.facts.items()))
    if isinstance(outcome, Decoded) and outcome.faults:
        yield ""
        yield "设备未能测得 The device could not measure:"
        yield from (f"  {fault}" for fault in outcome.faults)


def _rows(outcome: Decoded | Rejected) -> list[tuple[str, ...]]:
    zh, en = _words("zh"), _words("en")
    return [
        (
            zh.get(f"point.{each.name}", each.name),
            en.get(f"point.{each.name}", each.name),
            each.name,
            f"{each.value:.10g}",
            zh.get(f"unit.{each.unit}", _UNITS.get(each.unit, each.unit)),
            "此刻 now" if each.at_s is None else _moment(each.at_s),
            _note(each),
        )
        for each in outcome.points
    ]


def _note(measured: Measured) -> str:
    low, high = measured.point.sane
    notes = [f"可疑 suspect: {low:g} … {high:g}"] if measured.suspect else []
    return ", ".join([*notes, *(["紧急 urgent"] if measured.urgent else [])])


def _words(language: str) -> dict[str, str]:
    text = (resources.files("dashboards") / "words" / f"{language}.json").read_text(encoding="utf-8")
    words: dict[str, str] = json.loads(text)
    return words


def _summary(profile: DeviceProfile) -> dict[str, Any]:
    return {
        "name": profile.name,
        "kind": profile.kind,
        "title": profile.title,
        "title_zh": profile.title_zh,
        "ports": list(profile.ports),
        "heartbeat_s": profile.heartbeat_s,
        "battery": None if profile.battery is None else profile.battery.point,
        "points": [{"name": each.name, "unit": each.unit, "sane": list(each.sane)} for each in profile.point],
    }


def _ports(profile: DeviceProfile) -> str:
    return ", ".join(str(port) if port else "-" for port in profile.ports) or "*"


def _moment(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, tz=UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as a terminal shows them: a Chinese character takes two places."""
    widths = [max(_width(line[place]) for line in (head, *rows)) for place in range(len(head))]
    return [
        "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in (head, *rows)
    ]


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
