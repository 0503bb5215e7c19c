"""A limit for one thing out of its own past: as far outside what it does in quiet times as that is from its middle.

The number is made of robust figures (one knock in a thousand readings does not move it), and then tried: it must not
have fired once in the quiet past. Levels are turned round where a low value is the bad one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec

LEAST_READINGS = 200
_QUIET_SHARE = 0.999
_CLEAR_AT = 1.25
_FIRE_AT = 2.0
_FIRE_STEP = 1.25
_SIGNS = {"deg": "°", "Cel": " °C", "%EL": " %", "1": "", "/": ""}


class Quiet(msgspec.Struct, frozen=True, kw_only=True):
    """What a level does in quiet times: its middle, how far 99.9 % of it goes the bad way, and the farthest.

    ``days``: how long a time the readings cover.
    """

    readings: int
    days: float
    middle: float
    usual: float
    farthest: float


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers for a limit rule, and why in one sentence in both languages.

    ``now_fires``: how often the rule's present number would have fired in the quiet time; ``fires`` the same of the
    suggested one (0, unless nothing quieter was found).
    """

    fire: float
    clear: float
    fires: int
    now_fires: int
    quiet: Quiet
    zh: str
    en: str


def quiet_of(levels: Sequence[float], *, above: bool, days: float) -> Quiet | None:
    """The figures of quiet levels; None when there are too few of them."""
    if len(levels) < LEAST_READINGS:
        return None
    ordered = sorted(levels, reverse=not above)
    last = len(ordered) - 1
    return Quiet(
        readings=len(ordered),
        days=days,
        middle=ordered[len(ordered) // 2],
        usual=ordered[min(last, math.ceil(last * _QUIET_SHARE))],
        farthest=ordered[last],
    )


def suggest(
    quiet: Quiet,
    *,
    above: bool,
    least: float,
    unit: str,
    present: float,
    fires: Callable[[float, float], int],
) -> Suggestion:
    """Numbers to fire and to clear. ``fires(fire, clear)`` tries them on the quiet past.

    ``least``: the smallest distance that means anything in this unit; ``unit`` that of the level, ``%`` for a share of
    full scale; ``present``: the number in use.
    """
    sign = 1.0 if above else -1.0
    spread = max(abs(quiet.usual - quiet.middle), least)
    clear = _round(quiet.middle + sign * _CLEAR_AT * spread, spread, above=above)
    # beyond the farthest it ever went nothing can fire
    times, most = _FIRE_AT, max(_FIRE_AT, _CLEAR_AT * abs(quiet.farthest - quiet.middle) / spread)
    while True:
        fire = _round(quiet.middle + sign * times * spread, spread, above=above)
        found = fires(fire, clear)
        if not found or times >= most:
            break
        times = min(times * _FIRE_STEP, most)
    now = fires(present, clear if sign * (present - clear) > 0 else present)
    zh, en = _sentences(quiet, fire, found, present, now, above=above, unit=unit)
    return Suggestion(fire=fire, clear=clear, fires=found, now_fires=now, quiet=quiet, zh=zh, en=en)


def _round(level: float, spread: float, *, above: bool) -> float:
    """To a number that people write, away from the quiet side: steps of a tenth of the spread or less."""
    step = 10.0 ** math.floor(math.log10(spread))
    if spread / step < 4:
        step /= 2
    turned = math.ceil(level / step - 1e-9) if above else math.floor(level / step + 1e-9)
    return float(f"{turned * step:.10g}")


def _sentences(
    quiet: Quiet, fire: float, found: int, present: float, now: int, *, above: bool, unit: str
) -> tuple[str, str]:
    def said(level: float) -> str:
        shown = level * 100 if unit == "%" else level
        return f"{shown:.3g}{'%' if unit == '%' else _SIGNS.get(unit, f' {unit}')}"

    days = f"{quiet.days:.0f}" if quiet.days >= 2 else f"{quiet.days:.1f}"
    stayed_zh, stayed_en = ("不超过", "within") if above else ("不低于", "above")
    zh = f"平静的 {days} 天里，99.9% 的读数{stayed_zh} {said(quiet.usual)}（极值 {said(quiet.farthest)}）；"
    en = (
        f"in {days} quiet days 99.9 % of its readings stayed {stayed_en} {said(quiet.usual)}"
        f" (at most {said(quiet.farthest)}); "
    )
    if not above:
        en = en.replace("at most", "at least")
    zh += f"设为 {said(fire)} {'一次也不会触发' if not found else f'会触发 {found} 次'}"
    en += f"{said(fire)} would {'never have fired' if not found else f'have fired {found} times'}"
    if present != fire:
        zh += f"，现在的 {said(present)} 会触发 {now} 次"
        en += f", the present {said(present)} {now} times"
    return f"{zh}。", f"{en}."
