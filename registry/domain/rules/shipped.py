"""The rules a new city starts with, each with the reason for its numbers; every number can be changed.

There is no national alarm angle for covers or poles. Vendors of cover sensors use 5° to 15°; they ignore shocks under
2 s; a pole's erection tolerance is about 3 ‰ (0.2°). A case must mean that somebody has to go.
"""

from __future__ import annotations

from registry.domain.kinds import Family, Severity
from registry.domain.permits import SEAT_RULE, SEAT_SHIFT_MM, SEAT_TILT_DEG
from registry.domain.rules.conditions import (
    AnyCondition,
    LimitCondition,
    NoDataCondition,
    Part,
    StuckCondition,
)
from registry.domain.rules.rule import Rule

SHIPPED_RULES: tuple[Rule, ...] = (
    # Past 45° a cover lies beside its frame or hangs in it: someone can fall in now, so there is nothing to wait for.
    Rule(
        key="cover_tilt_critical",
        version=1,
        family=Family.COVER,
        point="tilt_z",
        severity=Severity.CRITICAL,
        case_kind="cover_displaced",
        condition=LimitCondition(fire=45.0, clear=10.0, relative=True, magnitude=True),
        permit=True,
    ),
    # 15° for 5 s: more than any lorry does to a seated cover (shocks under 2 s), less than an open one shows.
    Rule(
        key="cover_tilt",
        version=1,
        family=Family.COVER,
        point="tilt_z",
        severity=Severity.ALARM,
        case_kind="cover_displaced",
        condition=LimitCondition(fire=15.0, clear=10.0, hold_s=5.0, relative=True, magnitude=True),
        permit=True,
    ),
    # 30 mm out of its seat a cover no longer carries a wheel; 2 s tell a lift from a knock.
    Rule(
        key="cover_shift",
        version=1,
        family=Family.COVER,
        point="displacement",
        severity=Severity.CRITICAL,
        case_kind="cover_displaced",
        condition=LimitCondition(fire=30.0, clear=15.0, hold_s=2.0, relative=True, magnitude=True),
        permit=True,
    ),
    # Judged once, when a permit to open the cover is over: intake leaves it out. registry.domain.permits says why these
    # numbers. A cover that was just closed and sits crooked rattles loose, or tips under the next lorry.
    Rule(
        key=SEAT_RULE,
        version=1,
        family=Family.COVER,
        point=None,
        severity=Severity.ALARM,
        case_kind="cover_displaced",
        condition=AnyCondition(
            parts=(
                Part(point="tilt_z", fire=SEAT_TILT_DEG, clear=2.0, relative=True, magnitude=True),
                Part(point="displacement", fire=SEAT_SHIFT_MM, clear=5.0, relative=True, magnitude=True),
            )
        ),
    ),
    # Rattling comes in bursts with the traffic: calm spells of up to 4 s don't end it, one lorry doesn't start it.
    Rule(
        key="cover_knock",
        version=1,
        family=Family.COVER,
        point="vibration",
        severity=Severity.ALARM,
        case_kind="cover_loose",
        condition=LimitCondition(fire=10.0, clear=8.0, hold_s=6.0, clear_after_s=30.0, gap_s=4.0),
        permit=True,
    ),
    Rule(
        key="water_high",
        version=1,
        family=Family.COVER,
        point="water_level",
        severity=Severity.ALARM,
        case_kind="water_high",
        condition=LimitCondition(fire=0.9, clear=0.8, hold_s=10.0, of_full_scale=True),
    ),
    # 5° held for a minute is past any gust; 10° held for 5 s is a pole that was hit or is coming down.
    Rule(
        key="pole_lean",
        version=1,
        family=Family.LIGHT,
        point="tilt_z",
        severity=Severity.ALARM,
        case_kind="pole_leaning",
        condition=LimitCondition(fire=5.0, clear=4.0, hold_s=60.0, relative=True, magnitude=True),
    ),
    Rule(
        key="pole_lean_critical",
        version=1,
        family=Family.LIGHT,
        point="tilt_z",
        severity=Severity.CRITICAL,
        case_kind="pole_leaning",
        condition=LimitCondition(fire=10.0, clear=8.0, hold_s=5.0, relative=True, magnitude=True),
    ),
    # 20 % leaves weeks to plan the visit; 25 % keeps a cold night from clearing and firing it again.
    Rule(
        key="battery_low",
        version=1,
        family=None,
        point="battery",
        severity=Severity.NOTICE,
        case_kind="battery_low",
        condition=LimitCondition(fire=20.0, clear=25.0, above=False, hold_s=2.0),
    ),
    # A live inclination sensor trembles by hundredths of a degree: a dozen equal readings in a row are a frozen one.
    Rule(
        key="device_stuck",
        version=1,
        family=None,
        point="tilt_x",
        severity=Severity.NOTICE,
        case_kind="device_stuck",
        condition=StuckCondition(samples=12, for_s=20.0),
    ),
    Rule(
        key="device_silent",
        version=1,
        family=None,
        point=None,
        severity=Severity.NOTICE,
        case_kind="device_silent",
        condition=NoDataCondition(heartbeats=5.0, min_s=10.0),
    ),
)
