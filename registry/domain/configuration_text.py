"""Small changes to a cabinet's configuration text, its other lines and comments left alone. Pure."""

from __future__ import annotations

import re
import tomllib

from registry.domain.errors import InvalidInput

_HEADER = re.compile(r"\s*\[")


def with_period(text: str, serial: str, period_s: float) -> str:
    """``text`` with the unit ``serial`` asked every ``period_s`` seconds (0: as its bus).

    Raises ``InvalidInput`` where that can't be done without rewriting what a person wrote.
    """
    wanted = f"poll_every_s = {period_s:g}"
    lines = text.splitlines()
    at = next((number for number, line in enumerate(lines) if _is_unit(line, serial)), None)
    if at is None:
        lines += [*([""] if lines else []), f'[unit."{serial}"]', wanted]
    else:
        end = next((number for number in range(at + 1, len(lines)) if _HEADER.match(lines[number])), len(lines))
        there = [number for number in range(at + 1, end) if re.match(r"\s*poll_every_s\s*=", lines[number])]
        if there:
            lines[there[0]] = wanted
        else:
            lines.insert(at + 1, wanted)
    changed = "\n".join(lines) + "\n"
    _check(text, changed, serial, period_s)
    return changed


def _is_unit(line: str, serial: str) -> bool:
    name = re.escape(serial)
    return re.match(rf"""\s*\[\s*unit\s*\.\s*("{name}"|'{name}'|{name})\s*\]""", line) is not None


def _check(before: str, after: str, serial: str, period_s: float) -> None:
    try:
        old, new = tomllib.loads(before), tomllib.loads(after)
        old.setdefault("unit", {}).setdefault(serial, {})["poll_every_s"] = period_s
    except (tomllib.TOMLDecodeError, AttributeError, TypeError):
        old, new = {}, {"?": 0}
    if old != new:
        raise InvalidInput("text", "it is written in a way that only a person can change; edit it there")
