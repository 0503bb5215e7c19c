"""What is wrong with a rule: every field judged, each problem with the field's name and what to do. Pure.

``check_rule`` answers all problems at once, so that whoever writes a rule mends it in one go. Sentences are
``InvalidInput`` values (English, with their Chinese in ``dashboards/words/refusals.zh.json``); none is raised.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

from registry.domain.case_standard import CaseLine
from registry.domain.errors import InvalidInput
from registry.domain.kinds import Family
from registry.domain.rules.check_condition import apart, check_condition, outside, plain, positive
from registry.domain.rules.numbers import DAY_S, LADDERED_KINDS, fires_above, is_displacement, numbers_of, with_numbers
from registry.domain.rules.rule import FlapPolicy, GroupPolicy, Rule, Watches
from registry.domain.rules.shipped import SHIPPED_RULES, WHOLE_RULES
from registry.domain.shipped_standard import SHIPPED_LINES

KEY = re.compile(r"[a-z][a-z0-9_]{1,58}[a-z0-9]")
LONGEST_NAME = 80
LONGEST_REASON = 2000
MOST_WATCHED = 5000
MOST_HOURS = 60
_AREA = re.compile(r"[0-9]{0,15}")
_CLASS = re.compile(r"[a-z0-9][a-z0-9.-]{0,38}(:[0-9]{4})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the city knows of the things that a rule may name; None: not looked at (a file without its city).

    ``classes`` gives each class table and each class of it (``scheme:code``) its family (None: a whole table).
    ``kinds`` are the lines of the case standard; None: those that are shipped.
    """

    seasons: Set[str] | None = None
    classes: Mapping[str, Family | None] | None = None
    areas: Set[str] | None = None
    assets: Set[int] | None = None
    devices: Set[str] | None = None
    kinds: Mapping[str, CaseLine] | None = None


@dataclass(frozen=True, slots=True)
class _Bounds:
    low: float
    high: float


_GROUPING = {
    "at_least": _Bounds(2, 10_000),
    "within_s": _Bounds(10, DAY_S),
    "radius_m": _Bounds(10, 100_000),
    "wait_s": _Bounds(0, 7200),
}
_FLAPPING = {"fires": _Bounds(2, 100), "within_s": _Bounds(10, 7 * DAY_S), "quiet_s": _Bounds(1, 7 * DAY_S)}


def check_rule(rule: Rule, known: Known | None = None) -> tuple[InvalidInput, ...]:
    """Every problem of ``rule``, in the order of its fields; none: it can be used."""
    city = known or Known()
    return (
        *_names(rule),
        *_watches(rule, city),
        *check_condition(rule),
        *_case(rule, city),
        *_ladder(rule),
        *_seasons(rule, city),
        *_hours(rule),
        *_policies(rule),
        *outside("lateness_s", rule.lateness_s, 0, 3600),
    )


def _names(rule: Rule) -> Iterator[InvalidInput]:
    if not KEY.fullmatch(rule.key):
        yield InvalidInput(
            "key", "{given!r} must be 3 to 60 small letters, digits and _, beginning with a letter", given=rule.key[:60]
        )
    # a shipped rule may go by the name that the pages have for it
    if not rule.name_zh.strip() and not rule.name_en.strip() and rule.key not in {each.key for each in SHIPPED_RULES}:
        yield InvalidInput("name_zh", "is missing; give the rule a name that a dispatcher understands")
    for name, most in (("name_zh", LONGEST_NAME), ("name_en", LONGEST_NAME)):
        yield from _length(name, getattr(rule, name), most)
    for name in ("reason_zh", "reason_en"):
        yield from _length(name, getattr(rule, name), LONGEST_REASON)


def _length(name: str, text: str, most: int) -> Iterator[InvalidInput]:
    if len(text) > most:
        yield InvalidInput(name, "is {count} characters long; at most {most} fit", count=len(text), most=most)


def _watches(rule: Rule, city: Known) -> Iterator[InvalidInput]:
    watches = rule.watches
    for place, name in enumerate(watches.classes):
        yield from _class(f"watches.classes[{place}]", name, rule.family, city)
    if not _AREA.fullmatch(watches.area):
        yield InvalidInput("watches.area", "{given!r} must be digits, or empty for the whole city", given=watches.area)
    elif watches.area and city.areas is not None and watches.area not in city.areas:
        yield InvalidInput("watches.area", "{given!r} is no area on file; look it up in the list", given=watches.area)
    if rule.key in WHOLE_RULES and watches != Watches():
        yield InvalidInput("watches", "is of no use here: this rule looks at whole cabinets or buses; leave it empty")
    yield from _listed(watches, city)


def _class(name_of_field: str, name: str, family: Family | None, city: Known) -> Iterator[InvalidInput]:
    if not _CLASS.fullmatch(name):
        yield InvalidInput(
            name_of_field, "{given!r} must be a class table, or one and a class: cjt214-2007:0101", given=name[:60]
        )
    elif city.classes is not None and name not in city.classes:
        yield InvalidInput(name_of_field, "{given!r} is no class on file; look it up in the list", given=name)
    elif city.classes and family is not None and city.classes[name] not in (None, family):
        yield InvalidInput(
            name_of_field,
            "{given!r} is of the family {found}, and the rule is for {family}; nothing would be watched",
            given=name,
            found=city.classes[name],
            family=family,
        )


def _listed(watches: Watches, city: Known) -> Iterator[InvalidInput]:
    for name, things in (("assets", watches.assets), ("devices", watches.devices), ("classes", watches.classes)):
        if len(things) > MOST_WATCHED:
            yield InvalidInput(
                f"watches.{name}",
                "{count} are too many to name one by one; at most {most} fit: use an area",
                count=len(things),
                most=MOST_WATCHED,
            )
    for place, asset_id in enumerate(watches.assets[:MOST_WATCHED]):
        if city.assets is not None and asset_id not in city.assets:
            yield InvalidInput(f"watches.assets[{place}]", "asset {given} is not on file", given=asset_id)
    for place, serial in enumerate(watches.devices[:MOST_WATCHED]):
        if city.devices is not None and serial not in city.devices:
            yield InvalidInput(f"watches.devices[{place}]", "{given!r} is no fitted device", given=serial[:60])


def _case(rule: Rule, city: Known) -> Iterator[InvalidInput]:
    if rule.case_kind is None:
        return
    kinds = {line.key: line for line in SHIPPED_LINES} if city.kinds is None else city.kinds
    kind = kinds.get(rule.case_kind)
    if kind is None or kind.retired:
        yield InvalidInput(
            "case_kind",
            "{given!r} is not a case kind; known are {known}",
            given=rule.case_kind[:40],
            known=", ".join(key for key, line in kinds.items() if not line.retired),
        )
    elif kind.family is not Family.OTHER and kind.family is not rule.family:
        yield InvalidInput(
            "case_kind",
            "cases of this kind are for the family {family}; choose another kind, or that family",
            family=kind.family,
        )


def _ladder(rule: Rule) -> Iterator[InvalidInput]:
    if not rule.ladder:
        return
    if rule.kind not in LADDERED_KINDS:
        yield InvalidInput("ladder", "this kind of condition has no number that could be worse; leave the steps out")
        return
    above, signless = fires_above(rule.condition), is_displacement(rule.condition)
    severity = rule.severity
    fire, clear = (getattr(rule.condition, name) for name in ("fire", "clear"))
    for place, step in enumerate(rule.ladder):
        at = f"ladder[{place}]"
        if step.severity <= severity:
            yield InvalidInput(f"{at}.severity", "must be worse than the step before it; begin with the mildest")
        if not all(math.isfinite(number) for number in (step.fire, step.clear)):
            yield InvalidInput(f"{at}.fire", "must be a finite number")
            return
        if (step.fire <= fire) if above else (step.fire >= fire):
            yield InvalidInput(
                f"{at}.fire",
                "{given} must be worse than {before}, the step before it",
                given=plain(step.fire),
                before=plain(fire),
            )
        if (step.clear < clear) if above else (step.clear > clear):
            yield InvalidInput(
                f"{at}.clear",
                "{given} lies beyond {before}, at which the milder step ends; steps go down one after the other",
                given=plain(step.clear),
                before=plain(clear),
            )
        yield from apart(at, step.fire, step.clear, above=above)
        if signless and above:
            yield from positive(at, step.fire, step.clear)
        yield from outside(f"{at}.hold_s", step.hold_s, 0, 7 * DAY_S)
        severity, fire, clear = step.severity, step.fire, step.clear


def _seasons(rule: Rule, city: Known) -> Iterator[InvalidInput]:
    numbers = numbers_of(rule.kind)
    plainly_wrong = {(problem.field, problem.words) for problem in (*check_condition(rule), *_ladder(rule))}
    for season, given in rule.seasons.items():
        at = f"seasons.{season}"
        if city.seasons is not None and season not in city.seasons:
            yield InvalidInput(
                at,
                "{given!r} is no season; known are {known}",
                given=season[:40],
                known=", ".join(sorted(city.seasons)) or "–",
            )
        for name, number in given.items():
            if name not in numbers:
                yield InvalidInput(
                    f"{at}.{name}",
                    "is no number of this kind of condition; known are {known}",
                    known=", ".join(numbers),
                )
            elif not math.isfinite(number):
                yield InvalidInput(f"{at}.{name}", "must be a finite number")
            elif numbers[name].whole and number != int(number):
                yield InvalidInput(f"{at}.{name}", "{given!r} must be a whole number", given=plain(number))
        if not all(math.isfinite(number) for number in given.values()):
            continue
        meant = with_numbers(rule, given)
        for problem in (*check_condition(meant), *_ladder(meant)):
            if (problem.field, problem.words) not in plainly_wrong:
                yield problem.at(_in_season(at, problem.field, given))


def _in_season(at: str, name: str, given: Mapping[str, float]) -> str:
    """Where a number of a season that does not fit is to be mended: there, if it stands there."""
    last = name.rpartition(".")[2]
    return f"{at}.{last if last in given else next(iter(given), '')}".rstrip(".")


def _hours(rule: Rule) -> Iterator[InvalidInput]:
    if len(rule.hours) > MOST_HOURS:
        yield InvalidInput(
            "hours", "{count} spans are too many; at most {most} fit", count=len(rule.hours), most=MOST_HOURS
        )
        return
    for place, hours in enumerate(rule.hours):
        at = f"hours[{place}]"
        if not hours.days or len(set(hours.days)) < len(hours.days) or not set(hours.days) <= set(range(1, 8)):
            yield InvalidInput(f"{at}.days", "name each day once: 1 is Monday, 7 is Sunday")
        yield from outside(f"{at}.from_min", hours.from_min, 0, 1439)
        yield from outside(f"{at}.until_min", hours.until_min, 1, 1440)
        if hours.from_min == hours.until_min:
            yield InvalidInput(f"{at}.until_min", "ends when it begins; for a whole day give 00:00 to 24:00")


def _policies(rule: Rule) -> Iterator[InvalidInput]:
    if rule.grouping is not None:
        yield from _policy("grouping", rule.grouping, _GROUPING)
        if rule.grouping.wait_s > rule.grouping.within_s:
            yield InvalidInput(
                "grouping.wait_s",
                "{given} s is longer than the {within} s within which alerts gather",
                given=plain(rule.grouping.wait_s),
                within=plain(rule.grouping.within_s),
            )
    if rule.flapping is not None:
        yield from _policy("flapping", rule.flapping, _FLAPPING)


def _policy(name: str, policy: GroupPolicy | FlapPolicy, bounds: Mapping[str, _Bounds]) -> Iterator[InvalidInput]:
    for number, bound in bounds.items():
        yield from outside(f"{name}.{number}", getattr(policy, number), bound.low, bound.high)
