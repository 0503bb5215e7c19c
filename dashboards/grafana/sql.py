"""What a board's source is in SQL, over the views of ``covercode_read`` (``docs/views.md``).

Values that somebody chooses stand in the SQL as Grafana's ``${name:regex}``: one value, ``(a|b)`` for several, and
``.*`` for all, whatever the kind of variable. Moments are cut by their milliseconds, which the tables' indexes hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from registry.domain.boards import Chosen, Counted, Moment, Over, SplitBy, Where
from registry.domain.external_events import EXTERNAL_PROFILE
from registry.domain.kinds import ENDED_STAGES

SCHEMA = "covercode_read"
ZONE = "$zone"
SPAN = "BETWEEN $__from AND $__to"

_QUIET = f"SELECT device_id FROM {SCHEMA}.alerts WHERE state = 'firing' AND rule_kind = 'no_data'"  # noqa: S608


Said = Callable[[str, str], Mapping[str, str]]
"""The words, in the reader's language, of what a thing is split by: see ``dashboards.grafana.words``."""


class NotTranslated(Exception):
    """Grafana can't be asked for this; the message says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Thing:
    """One view: by what it is narrowed, by what it is split, and its moment where it has one."""

    view: str
    moment: str = ""
    always: str = ""
    columns: Mapping[str, str]
    splits: Mapping[SplitBy, str]


PLACE = {"area": "x.area_code", "asset": "x.asset_id", "family": "x.family", "class": "x.class_key"}
DEVICE_STATE = (
    f"CASE WHEN x.id IN ({_QUIET}) THEN 'silent' WHEN x.suspect_since IS NOT NULL THEN 'suspect' ELSE 'heard' END"
)
CABINET_STATE = "CASE WHEN x.online THEN 'online' ELSE 'offline' END"
_WAS_LATE = "(x.overdue_at IS NOT NULL)"
_FLAGGED = "CASE WHEN x.flag <> '' THEN 'flagged' ELSE 'fine' END"

THINGS: Mapping[str, _Thing] = {
    "cases": _Thing(
        view="cases",
        moment="opened_at",
        columns={
            "area": "x.area_code",
            "unit": "x.unit_id",
            "kind": "x.kind",
            "stage": "x.stage",
            "asset": "x.asset_id",
            "severity": "x.severity",
            "channel": "x.source",
            "open": "x.is_open",
            "late": "x.is_late",
        },
        splits={
            SplitBy.STAGE: "x.stage",
            SplitBy.KIND: "x.kind",
            SplitBy.SEVERITY: "x.severity",
            SplitBy.CHANNEL: "x.source",
            SplitBy.LATE: "x.is_late",
        },
    ),
    "alerts": _Thing(
        view="alerts",
        moment="fired_at",
        columns={
            **PLACE,
            "kind": "x.case_kind",
            "severity": "x.severity",
            "state": "x.state",
            "device": "x.device_id",
            "cabinet": "coalesce(nullif(x.cabinet_id, ''), x.device_cabinet_id)",
        },
        splits={SplitBy.SEVERITY: "x.severity", SplitBy.STATE: "x.state", SplitBy.FAMILY: "x.family"},
    ),
    "assets": _Thing(
        view="assets",
        always="x.merged_into_id IS NULL",
        columns={**PLACE, "asset": "x.id", "state": "x.state", "unit": "x.maintainer_unit_id"},
        splits={SplitBy.FAMILY: "x.family", SplitBy.STATE: "x.state", SplitBy.ROAD: "x.road"},
    ),
    "devices": _Thing(
        view="devices",
        always=f"x.fitted AND x.profile <> '{EXTERNAL_PROFILE}'",
        columns={**PLACE, "state": DEVICE_STATE, "device": "x.id", "cabinet": "x.cabinet_id"},
        splits={SplitBy.STATE: DEVICE_STATE, SplitBy.FAMILY: "x.family"},
    ),
    "cabinets": _Thing(
        view="cabinets", columns={"state": CABINET_STATE, "cabinet": "x.id"}, splits={SplitBy.STATE: CABINET_STATE}
    ),
    "dead_letters": _Thing(
        view="dead_letters",
        moment="at",
        columns={"reason": "x.reason", "cabinet": "x.cabinet_id"},
        splits={SplitBy.REASON: "x.reason"},
    ),
    "permits": _Thing(
        view="permits", moment="started_at", columns={**PLACE, "state": "x.state"}, splits={SplitBy.STATE: "x.state"}
    ),
    "scans": _Thing(view="scans", moment="at", columns={**PLACE, "state": _FLAGGED}, splits={SplitBy.STATE: _FLAGGED}),
}


def conditions(what: str, where: Where, columns: Mapping[str, str] | None = None) -> list[str]:
    """What ``where`` asks for, each as SQL."""
    known = columns if columns is not None else THINGS[what].columns
    found: list[str] = []
    if what == "cases" and not of_now(what, where):
        # what is over counts where it was opened, and was late or not
        known = {**known, "area": "x.opened_in_area", "late": _WAS_LATE}
    if what == "assets" and columns is None and "state" not in where:
        found.append("x.state <> 'abandoned'")
    for name, wanted in where.items():
        if name not in known:
            raise NotTranslated(f"{what} by {name}")
        found += _condition(name, known[name], wanted)
    return found


def _condition(name: str, column: str, wanted: Chosen) -> Iterator[str]:
    if isinstance(wanted, bool):
        yield column if wanted else f"NOT {column}"
    elif isinstance(wanted, str) and wanted.startswith("$"):
        chosen = f"${{{wanted[1:]}:regex}}"
        # an area holds what its code begins; all of them need not be looked at
        end = "" if name == "area" else "$"
        yield f"('{chosen}' = '.*' OR coalesce({column}::text, '') ~ '^{chosen}{end}')"
    else:
        values = wanted if isinstance(wanted, tuple) else (wanted,)
        if name == "area":
            yield "(" + " OR ".join(f"{column} LIKE {quoted(f'{value}%')}" for value in values) + ")"
        elif values:
            # numbers stay numbers: the columns' indexes are of numbers
            yield f"{column} IN ({', '.join(quoted(value) for value in values)})"


def of_now(what: str, where: Where) -> bool:
    """Whether it is asked how things stand now, whatever the span: see ``registry.domain.boards.CountSource``."""
    if not THINGS[what].moment:
        return True
    stages = where.get("stage", ())
    open_stages = {stages} if isinstance(stages, str) else set(stages if isinstance(stages, tuple) else ())
    ended = {stage.value for stage in ENDED_STAGES}
    return bool(where.get("open") or where.get("state") == "firing" or (open_stages and not open_stages & ended))


def count(
    what: Counted,
    where: Where,
    *,
    by: SplitBy | None,
    over: Over | None,
    at: Moment,
    limit: int,
    lang: str,
    said: Said,
) -> str:
    """How many: one number; ``name``, ``value`` when split; ``time``, ``value`` (and ``metric``) over time."""
    if what.value not in THINGS:
        raise NotTranslated(what.value)
    thing = THINGS[what.value]
    moment = "ended_at" if what is Counted.CASES and at is Moment.ENDED else thing.moment
    if over and not moment:
        raise NotTranslated(f"{what.value} over time")
    found = [*([thing.always] if thing.always else []), *conditions(what.value, where)]
    if over:
        # the first step is counted whole
        begin = f"date_trunc('{over.value}', to_timestamp($__from / 1000.0), '{ZONE}')"
        found += [f"x.{moment}_ms >= (extract(epoch FROM {begin}) * 1000)::bigint", f"x.{moment}_ms <= $__to"]
    elif moment and not of_now(what.value, where):
        found.append(f"x.{moment}_ms {SPAN}")
    split, join = split_by(what.value, by, where, lang) if by else ("", "")
    split = worded(split, said(what.value, by.value)) if by else ""
    source = f"FROM {SCHEMA}.{thing.view} AS x{join}{where_of(found)}"
    if over:
        step = f"date_trunc('{over.value}', x.{moment}, '{ZONE}') AS time"
        metric = f", {split} AS metric" if by else ""
        order = "1, 2" if by else "1"
        return f"SELECT {step}{metric}, count(*) AS value\n{source}\nGROUP BY {order}\nORDER BY {order}"
    if by:
        return f"SELECT {split} AS name, count(*) AS value\n{source}\nGROUP BY 1\nORDER BY 2 DESC, 1\nLIMIT {limit}"
    return f"SELECT count(*) AS value\n{source}"


def spark(what: Counted, where: Where, *, at: Moment) -> str:
    """How many in each hour of the span, hours with none too: their sum is the number."""
    thing = THINGS[what.value]
    moment = "ended_at" if what is Counted.CASES and at is Moment.ENDED else thing.moment
    found = [*conditions(what.value, where), f"x.{moment}_ms {SPAN}"]
    return (
        f"SELECT h.time, coalesce(n.value, 0) AS value\n"
        f"FROM generate_series(date_trunc('hour', to_timestamp($__from / 1000.0)), to_timestamp($__to / 1000.0),"
        f" '1 hour') AS h(time)\nLEFT JOIN (SELECT date_trunc('hour', x.{moment}) AS time, count(*) AS value\n"
        f"FROM {SCHEMA}.{thing.view} AS x{where_of(found)}\nGROUP BY 1) AS n ON n.time = h.time\nORDER BY 1"
    )


def split_by(what: str, by: SplitBy, where: Where, lang: str) -> tuple[str, str]:
    """The SQL of what it is split by, and what has to be joined for it."""
    if by is SplitBy.AREA:
        chosen = where.get("area", "")
        # the level below the chosen area: a city's districts, a district's streets, a street's communities
        length = f"length('${{{chosen[1:]}:raw}}')" if isinstance(chosen, str) and chosen.startswith("$") else "0"
        column = "x.opened_in_area" if what == "cases" and not of_now(what, where) else "x.area_code"
        code = f"left({column}, CASE {length} WHEN 6 THEN 9 WHEN 9 THEN 12 ELSE 6 END)"
        name = named("z.name", "z.name_en", lang)
        levels = "('district', 'street', 'community')"
        return (
            f"coalesce({name}, nullif({code}, ''), '—')",
            f"\nLEFT JOIN {SCHEMA}.areas AS z ON z.code = {code} AND z.level IN {levels}",
        )
    if by is SplitBy.UNIT:
        return f"coalesce({named('x.unit', 'x.unit_en', lang)}, '—')", ""
    if what == "alerts" and by is SplitBy.KIND:
        return named("x.rule_zh", "x.rule_en", lang), ""
    if what == "cases" and by is SplitBy.LATE and not of_now(what, where):
        return f"{_WAS_LATE}::text", ""
    if by not in THINGS[what].splits:
        raise NotTranslated(f"{what} by {by.value}")
    return f"{THINGS[what].splits[by]}::text", ""


def week_hours(what: Counted, where: Where, days: tuple[str, ...], hour: str) -> str:
    """A row for each hour of the day, a column for each day of the week."""
    thing = THINGS[what.value]
    found = [*conditions(what.value, where), f"x.{thing.moment}_ms {SPAN}"]
    columns = ",\n    ".join(
        f'count(n.day) FILTER (WHERE n.day = {day}) AS "{name}"' for day, name in enumerate(days, start=1)
    )
    local = f"(x.{thing.moment} AT TIME ZONE '{ZONE}')"
    return (
        f"SELECT lpad(h.hour::text, 2, '0') || ':00' AS \"{hour}\",\n    {columns}\n"  # noqa: S608
        f"FROM generate_series(0, 23) AS h(hour)\nLEFT JOIN (SELECT extract(isodow FROM {local})::integer AS day, "
        f"extract(hour FROM {local})::integer AS hour\nFROM {SCHEMA}.{thing.view} AS x{where_of(found)}) AS n"
        " ON n.hour = h.hour\nGROUP BY h.hour\nORDER BY h.hour"
    )


def named(chinese: str, english: str, lang: str) -> str:
    """The name in the reader's language; the Chinese one where the city gave it no English."""
    return chinese if lang == "zh" else f"coalesce(nullif({english}, ''), {chinese})"


def worded(sql: str, words: Mapping[str, str]) -> str:
    """What ``sql`` gives, in words where there are any."""
    if not words:
        return sql
    cases = " ".join(f"WHEN {quoted(value)} THEN {quoted(word)}" for value, word in words.items())
    return f"CASE {sql} {cases} ELSE {sql} END"


def where_of(found: list[str]) -> str:
    """The WHERE of these conditions; nothing when there are none."""
    return "\nWHERE " + "\n  AND ".join(found) if found else ""


def quoted(value: object) -> str:
    """As a literal of SQL."""
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"
