"""What boards count, thing by thing: which tables, which moment, which conditions, and by what it is split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, FromClause, Table, and_, case, func, or_, select

from registry.domain.boards import Chosen, Counted, Moment, SplitBy, Where
from registry.domain.deadlines import RUNNING_STAGES
from registry.domain.errors import InvalidInput
from registry.domain.external_events import EXTERNAL_PROFILE
from registry.domain.kinds import (
    ENDED_STAGES,
    AlertState,
    Family,
    PermitState,
    Reject,
    RuleKind,
    Severity,
    Source,
    Stage,
)
from registry.queries.asset_filters import digits_begin
from registry.queries.board_values import Asked, Nothing, To
from registry.storage.open_cases import IS_OPEN
from registry.storage.tables import alert, asset, dead_letter, device, permit, rule, scan
from registry.storage.tables import case as case_file

Condition = ColumnElement[bool]

_PAIRED = frozenset({"asset", "reason"})
_LEVELS = (6, 9, 12)
_LATELY = {timedelta(hours=24): "24h", timedelta(days=7): "7d"}
_ABOUT = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How something is counted. ``moment`` None: what is there now, whatever the span; where that began at some time,
    ``began`` says when.

    ``split``: the column whose values the count is split by; ``to``: the list behind the number. ``states``: of assets,
    those meant (none: all but abandoned ones); that they were merged into no other is left to whoever counts.
    ``values``: all that the split can have, where they are known beforehand; ``indexed``: it is a column that an index
    begins with, so that those it has are found in a moment. ``paired``: an index has what it is narrowed to together
    with the moment.
    """

    tables: FromClause
    conditions: tuple[Condition, ...] = ()
    moment: Any = None
    began: Any = None
    split: Any = None
    to: To | None = None
    states: tuple[str, ...] = ()
    values: tuple[Any, ...] = ()
    indexed: bool = False
    paired: bool = False


def plan_of(what: Counted, where: Where, asked: Asked, *, by: SplitBy | None, at: Moment = Moment.OPENED) -> Plan:
    """How ``what`` is counted for whoever asks. Raises ``InvalidInput``, ``Nothing``."""
    given = {name: value for name, value in where.items() if asked.words(value)}
    plan = replace(_PLANS[what](given, asked, by, at), paired=bool(_PAIRED & given.keys()))
    if by is SplitBy.KIND:
        return replace(plan, indexed=True)
    return plan if by is None else replace(plan, values=_VALUES.get((what, by), ()))


def _cases(given: Mapping[str, Chosen], asked: Asked, by: SplitBy | None, at: Moment) -> Plan:
    stages = [_stage(word) for word in asked.words(given.get("stage", ()))]
    of_now = given.get("open") is True or (bool(stages) and not ENDED_STAGES & set(stages))
    prefixes = asked.words(given.get("area", ()))
    found: list[Condition] = []
    if "open" in given:
        found.append(IS_OPEN if given["open"] is True else ~IS_OPEN)
    if stages:
        found.append(case_file.c.stage.in_([stage.value for stage in stages]))
    if asked.scope:
        found.append(case_lies(asked.scope, of_now=of_now))
    if prefixes:
        found.append(or_(*(case_lies(prefix, of_now=of_now) for prefix in prefixes)))
    if "late" in given:
        late = _late_now(asked) if of_now else case_file.c.overdue_at.is_not(None)
        found.append(late if given["late"] is True else ~late)
    # little is open, and has an index of its own: without a column to find by, SQLite does not go through all of a kind
    kind = case_file.c.kind.concat("") if given.get("open") is True else case_file.c.kind
    for name, column in (("kind", kind), ("channel", case_file.c.source)):
        if name in given:
            found.append(column.in_(asked.words(given[name])))
    for name, column in (
        ("severity", case_file.c.severity),
        ("unit", case_file.c.unit_id),
        ("asset", case_file.c.asset_id),
    ):
        if name in given:
            found.append(column.in_(asked.numbers(f"where.{name}", given[name])))
    moment = case_file.c.ended_at if at is Moment.ENDED else case_file.c.opened_at
    splits: dict[SplitBy, Any] = {
        SplitBy.STAGE: case_file.c.stage,
        SplitBy.KIND: case_file.c.kind,
        SplitBy.SEVERITY: case_file.c.severity,
        SplitBy.UNIT: case_file.c.unit_id,
        SplitBy.AREA: func.substr(_case_area(of_now=of_now), 1, area_digits(given, asked)),
        SplitBy.CHANNEL: case_file.c.source,
        SplitBy.LATE: case((_late_now(asked) if of_now else case_file.c.overdue_at.is_not(None), 1), else_=0),
    }
    return Plan(
        tables=case_file,
        conditions=tuple(found),
        moment=None if of_now else moment,
        began=moment,
        split=None if by is None else splits[by],
        to=_to_cases(given, asked, by, None if of_now else at),
    )


def _to_cases(given: Mapping[str, Chosen], asked: Asked, by: SplitBy | None, at: Moment | None) -> To:
    """The list behind a number of cases, narrowed as far as it can be (not by area, way in, or unit: one unit's open
    cases have a list of their own). ``at`` None: those of now."""
    units = asked.words(given.get("unit", ()))
    if at is None and by is None and len(units) == 1 and given.keys() <= {"unit", "open"}:
        return To("unit_queue", {"unit_id": asked.numbers("where.unit", given["unit"])[0]})
    args = _args(given, asked, stage="stage", kind="kind", severity="severity", asset="asset_id")
    if at is None and "stage" not in given:
        args["open_only"] = 1
    if "late" in given:
        args["overdue"] = 1 if given["late"] is True else 0
    if at is not None and (span := _lately(asked)):
        args[at.value] = span
    return To("cases", args)


def _lately(asked: Asked) -> str | None:
    """What lists call a span that ends now; None for one that they don't know."""
    if abs(asked.until - asked.now) > _ABOUT:
        return None
    long = asked.until - asked.since
    return next((word for span, word in _LATELY.items() if abs(long - span) <= _ABOUT), None)


def case_lies(prefix: str, *, of_now: bool) -> Condition:
    """That a case lies within an area: for work that goes on where its asset stands now, as the lists have it; else
    where that was when the case was opened, as the figures of a month have it."""
    return digits_begin(_case_area(of_now=of_now), prefix)


def _case_area(*, of_now: bool) -> Column[str]:
    return case_file.c.lies_in if of_now else case_file.c.area_code


def _late_now(asked: Asked) -> Condition:
    running = case_file.c.stage.in_(sorted(RUNNING_STAGES))
    return or_(case_file.c.overdue_at.is_not(None), and_(running, case_file.c.deadline_at <= asked.now))


def _alerts(given: Mapping[str, Chosen], asked: Asked, by: SplitBy | None, at: Moment) -> Plan:
    states = asked.words(given.get("state", ()))
    of_now = states == (AlertState.FIRING.value,)
    found: list[Condition] = [alert.c.state.in_(states)] if states else []
    if "severity" in given:
        found.append(alert.c.severity.in_(asked.numbers("where.severity", given["severity"])))
    if "kind" in given:
        found.append(alert.c.rule_key.in_(select(rule.c.key).where(rule.c.case_kind.in_(asked.words(given["kind"])))))
    if "device" in given:
        found.append(alert.c.device_id.in_(asked.numbers("where.device", given["device"])))
    if "cabinet" in given:
        of_cabinet = select(device.c.id).where(device.c.cabinet_id.in_(asked.words(given["cabinet"])))
        found.append(or_(alert.c.cabinet_id.in_(asked.words(given["cabinet"])), alert.c.device_id.in_(of_cabinet)))
    tables, placed = _placed(alert, alert.c.asset_id, given, asked, by)
    splits: dict[SplitBy, Any] = {
        SplitBy.SEVERITY: alert.c.severity,
        SplitBy.KIND: alert.c.rule_key,
        SplitBy.STATE: alert.c.state,
        SplitBy.FAMILY: asset.c.family,
        SplitBy.AREA: func.substr(asset.c.area_code, 1, area_digits(given, asked)),
    }
    args = _args(given, asked, state="state", severity="severity", kind="case_kind", asset="asset_id")
    return Plan(
        tables=tables,
        conditions=(*found, *placed),
        moment=None if of_now else alert.c.fired_at,
        began=alert.c.fired_at,
        split=None if by is None else splits[by],
        # without a state the list has those of now alone
        to=To("alerts", {"state": "all", **args}),
    )


def _assets(given: Mapping[str, Chosen], asked: Asked, by: SplitBy | None, at: Moment) -> Plan:
    found: list[Condition] = []
    if "unit" in given:
        # whatever it has to do with them, as in the list behind the number
        units = asked.numbers("where.unit", given["unit"])
        parties = (asset.c.supervisor_unit_id, asset.c.owner_unit_id, asset.c.maintainer_unit_id)
        found.append(or_(*(party.in_(units) for party in parties)))
    _, placed = _placed(asset, asset.c.id, given, asked, by)
    splits: dict[SplitBy, Any] = {
        SplitBy.FAMILY: asset.c.family,
        SplitBy.STATE: asset.c.state,
        SplitBy.AREA: func.substr(asset.c.area_code, 1, area_digits(given, asked)),
        SplitBy.ROAD: asset.c.road,
    }
    args = _args(given, asked, family="family", state="state", area="area", unit="unit", **{"class": "class"})
    return Plan(
        tables=asset,
        conditions=(*found, *placed),
        split=None if by is None else splits[by],
        to=To("assets", args),
        states=asked.words(given.get("state", ())),
    )


def _devices(given: Mapping[str, Chosen], asked: Asked, by: SplitBy | None, at: Moment) -> Plan:
    found: list[Condition] = [device.c.removed_at.is_(None), device.c.profile != EXTERNAL_PROFILE]
    state = device_state()
    if "state" in given:
        found.append(_device_in(asked.words(given["state"])))
    if "device" in given:
        found.append(device.c.id.in_(asked.numbers("where.device", given["device"])))
    if "cabinet" in given:
        found.append(device.c.cabinet_id.in_(asked.words(given["cabinet"])))
    tables, placed = _placed(device, device.c.asset_id, given, asked, by)
    splits: dict[SplitBy, Any] = {
        SplitBy.STATE: state,
        SplitBy.FAMILY: asset.c.family,
        SplitBy.AREA: func.substr(asset.c.area_code, 1, area_digits(given, asked)),
    }
    return Plan(
        tables=tables,
        conditions=(*found, *placed),
        split=None if by is None else splits[by],
        to=To("system"),
    )


def silent_ids() -> Any:
    """The devices of which nothing is heard, by their live alerts."""
    keys = select(rule.c.key).where(rule.c.kind == RuleKind.NO_DATA.value)
    fires = (alert.c.state == AlertState.FIRING.value, alert.c.rule_key.in_(keys), alert.c.device_id.is_not(None))
    return select(alert.c.device_id).where(*fires)


def device_state() -> Any:
    """``silent``, ``suspect`` or ``heard``."""
    silent = device.c.id.in_(silent_ids())
    return case((silent, "silent"), (device.c.suspect_since.is_not(None), "suspect"), else_="heard")


def _device_in(words: Sequence[str]) -> Condition:
    # each by its own few rows: the state of all of them would be looked at one by one
    ways: dict[str, Condition] = {
        "silent": device.c.id.in_(silent_ids()),
        "suspect": device.c.suspect_since.is_not(None),
        "heard": and_(device.c.id.not_in(silent_ids()), device.c.suspect_since.is_(None)),
    }
    if unknown := [word for word in words if word not in ways]:
        raise _unknown("state", unknown[0], list(ways))
    return or_(*(ways[word] for word in words))


def _dead_letters(given: Mapping[str, Chosen], asked: Asked, by: SplitBy | None, at: Moment) -> Plan:
    if asked.scope:
        raise Nothing("whole_city")
    found: list[Condition] = []
    for name, column in (("reason", dead_letter.c.reason), ("cabinet", dead_letter.c.cabinet_id)):
        if name in given:
            found.append(column.in_(asked.words(given[name])))
    return Plan(
        tables=dead_letter,
        conditions=tuple(found),
        moment=dead_letter.c.at,
        split=None if by is None else dead_letter.c.reason,
        to=To("letters", _args(given, asked, reason="reason", cabinet="cabinet")),
    )


def _permits(given: Mapping[str, Chosen], asked: Asked, by: SplitBy | None, at: Moment) -> Plan:
    states = asked.words(given.get("state", ()))
    found: list[Condition] = [permit.c.state.in_(states)] if states else []
    tables, placed = _placed(permit, permit.c.asset_id, given, asked, None)
    return Plan(
        tables=tables,
        conditions=(*found, *placed),
        moment=permit.c.started_at,
        split=None if by is None else permit.c.state,
        # the page lists those that run, and below them on demand those that are over
        to=To("permits", {} if states == (PermitState.OPEN.value,) else {"over": 1}),
    )


def _scans(given: Mapping[str, Chosen], asked: Asked, by: SplitBy | None, at: Moment) -> Plan:
    flagged = {word == "flagged" for word in asked.words(given.get("state", ()))}
    found: list[Condition] = []
    if len(flagged) == 1:
        found.append(scan.c.flag != "" if True in flagged else scan.c.flag == "")
    args = {"show": "flagged" if flagged == {True} else "all"}
    tables, placed = _placed(scan, scan.c.asset_id, given, asked, None)
    return Plan(
        tables=tables,
        conditions=(*found, *placed),
        moment=scan.c.at,
        split=None if by is None else case((scan.c.flag != "", "flagged"), else_="fine"),
        to=To("scans", {**args, **_args(given, asked, asset="asset")}),
    )


_PLANS: dict[Counted, Callable[[Mapping[str, Chosen], Asked, SplitBy | None, Moment], Plan]] = {
    Counted.CASES: _cases,
    Counted.ALERTS: _alerts,
    Counted.ASSETS: _assets,
    Counted.DEVICES: _devices,
    Counted.DEAD_LETTERS: _dead_letters,
    Counted.PERMITS: _permits,
    Counted.SCANS: _scans,
}


def _of_class(of: FromClause, words: Sequence[str]) -> Condition:
    """That an asset is of one of these classes: ``scheme:code``, or a scheme alone."""
    ways = []
    for word in words:
        scheme, _, code = word.partition(":")
        ways.append(and_(of.c.scheme == scheme, *([of.c.class_code == code] if code else [])))
    return or_(*ways)


_VALUES: Mapping[tuple[Counted, SplitBy], tuple[Any, ...]] = {
    (Counted.CASES, SplitBy.STAGE): tuple(Stage),
    (Counted.CASES, SplitBy.SEVERITY): tuple(map(int, Severity)),
    (Counted.CASES, SplitBy.CHANNEL): tuple(Source),
    (Counted.CASES, SplitBy.LATE): (0, 1),
    (Counted.ALERTS, SplitBy.SEVERITY): tuple(map(int, Severity)),
    (Counted.ALERTS, SplitBy.STATE): tuple(AlertState),
    (Counted.ASSETS, SplitBy.FAMILY): tuple(Family),
    (Counted.DEAD_LETTERS, SplitBy.REASON): tuple(Reject),
    (Counted.PERMITS, SplitBy.STATE): tuple(PermitState),
    (Counted.SCANS, SplitBy.STATE): ("flagged", "fine"),
}


def area_digits(given: Mapping[str, Chosen], asked: Asked) -> int:
    """By how many digits a count is split into areas: one level below the one that is looked at."""
    within = max([asked.scope, *asked.words(given.get("area", ()))], key=len)
    return next((digits for digits in _LEVELS if digits > len(within)), _LEVELS[-1])


def _placed(
    table: Table, asset_id: Any, given: Mapping[str, Chosen], asked: Asked, by: SplitBy | None
) -> tuple[FromClause, tuple[Condition, ...]]:
    """The table, beside its asset where it is split by what that has (what is about no asset counts all the same), and
    what the asset must fulfil."""
    chosen = (asset_id.in_(asked.numbers("where.asset", given["asset"])),) if "asset" in given else ()
    if table is asset:
        return table, (*_stands(asset, given, asked, asked.scope), *chosen)
    joined = by in (SplitBy.FAMILY, SplitBy.AREA)
    return (
        table.outerjoin(asset, asset.c.id == asset_id) if joined else table,
        (*asset_fulfils(table, asset_id, given, asked, scope=asked.scope), *chosen),
    )


def asset_fulfils(
    table: Table, asset_id: Any, given: Mapping[str, Chosen], asked: Asked, *, scope: str
) -> tuple[Condition, ...]:
    """That the asset of a row of ``table`` lies within ``scope``, and stands where, of which family and class is asked
    for.

    Each row looks its own asset up: beside one another, SQLite would begin with all covers of the city.
    """
    its = asset.alias("its")
    found = _stands(its, given, asked, scope)
    return (select(its.c.id).where(its.c.id == asset_id, *found).correlate(table).exists(),) if found else ()


def _stands(of: FromClause, given: Mapping[str, Chosen], asked: Asked, scope: str) -> list[Condition]:
    found: list[Condition] = [digits_begin(of.c.area_code, scope)] if scope else []
    if prefixes := asked.words(given.get("area", ())):
        found.append(or_(*(digits_begin(of.c.area_code, prefix) for prefix in prefixes)))
    if families := asked.words(given.get("family", ())):
        found.append(of.c.family.in_(families))
    if classes := asked.words(given.get("class", ())):
        found.append(_of_class(of, classes))
    return found


def _args(given: Mapping[str, Chosen], asked: Asked, **names: str) -> dict[str, Any]:
    """What of the conditions the list behind a number can be narrowed to as well: those with one value."""
    found = {argument: asked.words(given[name]) for name, argument in names.items() if name in given}
    return {argument: words[0] for argument, words in found.items() if len(words) == 1}


def _stage(word: str) -> Stage:
    try:
        return Stage(word)
    except ValueError:
        raise _unknown("stage", word, list(Stage)) from None


def _unknown(name: str, word: str, known: Sequence[str]) -> InvalidInput:
    return InvalidInput(
        f"where.{name}", "{given!r} must be one of {known}", given=word[:20], known=", ".join(sorted(known))
    )
