"""What a board's source is in SQL, over the views of ``covercode_read`` (``docs/views.md``).

Values that somebody chooses stand in the SQL as Grafana's ``${name:regex}``: one value, ``(a|b)`` for several, and
``.*`` for all, whatever the kind of variable. Moments are cut by their milliseconds, which the tables' indexes hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from registry.domain.boards import Chosen, Counted, Listed, Moment, Over, SplitBy, Timelined, Where
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
    weight: str = "count(*)"
    always: str = ""
    columns: Mapping[str, str]
    splits: Mapping[SplitBy, str]


_PLACE = {"area": "x.area_code", "asset": "x.asset_id", "family": "x.family", "class": "x.class_code"}
_HEARD = f"CASE WHEN x.id IN ({_QUIET}) THEN 'silent' WHEN x.suspect_since IS NOT NULL THEN 'suspect' ELSE 'heard' END"
_ONLINE = "CASE WHEN x.online THEN 'online' ELSE 'offline' END"
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
            **_PLACE,
            "kind": "x.rule_key",
            "severity": "x.severity",
            "state": "x.state",
            "device": "x.device_id",
            "cabinet": "x.cabinet_id",
        },
        splits={SplitBy.SEVERITY: "x.severity", SplitBy.STATE: "x.state", SplitBy.FAMILY: "x.family"},
    ),
    "assets": _Thing(
        view="assets",
        always="x.merged_into_id IS NULL",
        columns={**_PLACE, "asset": "x.id", "state": "x.state", "unit": "x.maintainer_unit_id"},
        splits={SplitBy.FAMILY: "x.family", SplitBy.STATE: "x.state", SplitBy.ROAD: "x.road"},
    ),
    "devices": _Thing(
        view="devices",
        always=f"x.fitted AND x.profile <> '{EXTERNAL_PROFILE}'",
        columns={**_PLACE, "state": _HEARD, "device": "x.id", "cabinet": "x.cabinet_id"},
        splits={SplitBy.STATE: _HEARD, SplitBy.FAMILY: "x.family"},
    ),
    "cabinets": _Thing(view="cabinets", columns={"state": _ONLINE, "cabinet": "x.id"}, splits={SplitBy.STATE: _ONLINE}),
    "dead_letters": _Thing(
        view="dead_letters",
        moment="at",
        weight="sum(x.stands_for)",
        columns={"reason": "x.reason", "cabinet": "x.cabinet_id"},
        splits={SplitBy.REASON: "x.reason"},
    ),
    "permits": _Thing(
        view="permits", moment="started_at", columns={**_PLACE, "state": "x.state"}, splits={SplitBy.STATE: "x.state"}
    ),
    "scans": _Thing(view="scans", moment="at", columns={**_PLACE, "state": _FLAGGED}, splits={SplitBy.STATE: _FLAGGED}),
}


def conditions(what: str, where: Where, columns: Mapping[str, str] | None = None) -> list[str]:
    """What ``where`` asks for, each as SQL."""
    known = columns if columns is not None else THINGS[what].columns
    found: list[str] = []
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
    found = [*([thing.always] if thing.always else []), *conditions(what.value, where)]
    if moment and (over or not of_now(what.value, where)):
        found.append(f"x.{moment}_ms {SPAN}")
    split, join = _split(what.value, by, where, lang) if by else ("", "")
    split = worded(split, said(what.value, by.value)) if by else ""
    source = f"FROM {SCHEMA}.{thing.view} AS x{join}{_where(found)}"
    if over:
        if not moment:
            raise NotTranslated(f"{what.value} over time")
        step = f"date_trunc('{over.value}', x.{moment}, '{ZONE}') AS time"
        metric = f", {split} AS metric" if by else ""
        order = "1, 2" if by else "1"
        return f"SELECT {step}{metric}, {thing.weight} AS value\n{source}\nGROUP BY {order}\nORDER BY {order}"
    if by:
        return (
            f"SELECT {split} AS name, {thing.weight} AS value\n{source}\nGROUP BY 1\nORDER BY 2 DESC, 1\nLIMIT {limit}"
        )
    return f"SELECT coalesce({thing.weight}, 0) AS value\n{source}"


def spark(what: Counted, where: Where, *, at: Moment) -> str:
    """How many in each hour of the span, hours with none too: their sum is the number."""
    thing = THINGS[what.value]
    moment = "ended_at" if what is Counted.CASES and at is Moment.ENDED else thing.moment
    found = [*conditions(what.value, where), f"x.{moment}_ms {SPAN}"]
    return (
        f"SELECT h.time, coalesce(n.value, 0) AS value\n"
        f"FROM generate_series(date_trunc('hour', to_timestamp($__from / 1000.0)), to_timestamp($__to / 1000.0),"
        f" '1 hour') AS h(time)\nLEFT JOIN (SELECT date_trunc('hour', x.{moment}) AS time, {thing.weight} AS value\n"
        f"FROM {SCHEMA}.{thing.view} AS x{_where(found)}\nGROUP BY 1) AS n ON n.time = h.time\nORDER BY 1"
    )


def _split(what: str, by: SplitBy, where: Where, lang: str) -> tuple[str, str]:
    """The SQL of what it is split by, and what has to be joined for it."""
    if by is SplitBy.AREA:
        chosen = where.get("area", "")
        # the level below the chosen area: a city's districts, a district's streets, a street's communities
        length = f"length('${{{chosen[1:]}:raw}}')" if isinstance(chosen, str) and chosen.startswith("$") else "0"
        code = f"left(x.area_code, CASE {length} WHEN 6 THEN 9 WHEN 9 THEN 12 ELSE 6 END)"
        name = "z.name" if lang == "zh" else "coalesce(nullif(z.name_en, ''), z.name)"
        levels = "('district', 'street', 'community')"
        return (
            f"coalesce({name}, nullif({code}, ''), '—')",
            f"\nLEFT JOIN {SCHEMA}.areas AS z ON z.code = {code} AND z.level IN {levels}",
        )
    if by is SplitBy.UNIT:
        return ("coalesce(x.unit, '—')" if lang == "zh" else "coalesce(nullif(x.unit_en, ''), x.unit, '—')"), ""
    if what == "alerts" and by is SplitBy.KIND:
        return ("x.rule_zh" if lang == "zh" else "coalesce(nullif(x.rule_en, ''), x.rule_zh)"), ""
    column = THINGS[what].splits.get(by)
    if column is None:
        raise NotTranslated(f"{what} by {by.value}")
    return f"{column}::text", ""


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
        f"extract(hour FROM {local})::integer AS hour\nFROM {SCHEMA}.{thing.view} AS x{_where(found)}) AS n"
        " ON n.hour = h.hour\nGROUP BY h.hour\nORDER BY h.hour"
    )


_LISTED: Mapping[Listed, tuple[str, Mapping[str, str]]] = {
    Listed.CASES: (
        "x.id, x.severity, x.number, x.kind, x.stage, x.is_late, coalesce(x.road, '') AS road, x.{unit} AS unit,"
        " x.opened_at, x.deadline_at",
        {
            "worst": "x.is_running DESC, x.severity DESC, x.is_late DESC, x.opened_at_ms",
            "newest": "x.id DESC",
            "late": "x.is_running DESC, x.deadline_at_ms",
        },
    ),
    Listed.ALERTS: (
        "x.id, x.severity, x.{rule} AS rule, x.asset_name, x.road, x.value, x.peak, x.fired_at, x.cleared_at",
        {"worst": "x.severity DESC, x.fired_at_ms", "newest": "x.id DESC", "late": "x.fired_at_ms"},
    ),
    Listed.ASSETS: (
        "x.id, x.code, x.name, x.family, x.state, x.road, x.updated_at",
        {"worst": "x.state = 'intact', x.id", "newest": "x.id DESC", "late": "x.updated_at"},
    ),
    Listed.DEVICES: (
        "x.asset_id AS id, x.serial, x.asset_name, x.road, x.cabinet_id, {heard} AS state, x.last_received_at",
        {"worst": "{heard} = 'heard', x.id", "newest": "x.id DESC", "late": "x.last_received_at NULLS FIRST"},
    ),
    Listed.CABINETS: (
        "x.id, x.name, {online} AS state, x.state_at, x.oldest_unsent_s, x.queued, x.dropped",
        {
            "worst": "x.online, x.oldest_unsent_s DESC",
            "newest": "x.state_at DESC NULLS LAST",
            "late": "x.state_at NULLS FIRST",
        },
    ),
}


def rows(what: Listed, where: Where, order: str, limit: int, lang: str) -> str:
    """The things themselves; ``id`` is what the address of each ends with."""
    columns, orders = _LISTED[what]
    english = lang != "zh"
    words = {
        "unit": "unit_en" if english else "unit",
        "rule": "rule_en" if english else "rule_zh",
        "heard": _HEARD,
        "online": _ONLINE,
    }
    thing = THINGS[what.value]
    found = [*([thing.always] if thing.always else []), *conditions(what.value, where)]
    if thing.moment and not of_now(what.value, where):
        found.append(f"x.{thing.moment}_ms {SPAN}")
    return (
        f"SELECT {columns.format(**words)}\nFROM {SCHEMA}.{thing.view} AS x{_where(found)}\n"
        f"ORDER BY {orders[order].format(**words)}\nLIMIT {limit}"
    )


_TROUBLE: Mapping[Timelined, tuple[str, str, str, Mapping[str, str]]] = {
    # who, which alerts tell of it, what joins them, and by what they are narrowed
    Timelined.CABINETS: (
        "coalesce(b.name, x.cabinet_id)",
        "x.rule_kind = 'no_data' AND x.cabinet_id <> '' AND x.device_id IS NULL",
        f"LEFT JOIN {SCHEMA}.cabinets AS b ON b.id = x.cabinet_id",
        {"cabinet": "x.cabinet_id"},
    ),
    Timelined.DEVICES: (
        "d.serial",
        "x.rule_kind = 'no_data'",
        f"JOIN {SCHEMA}.devices AS d ON d.id = x.device_id",
        {**_PLACE, "device": "x.device_id", "cabinet": "d.cabinet_id"},
    ),
    Timelined.ALERTS: (
        "coalesce(x.asset_name, x.cabinet_id) || ' · ' || x.{rule}",
        "true",
        "",
        THINGS["alerts"].columns,
    ),
}


def states(what: Timelined, where: Where, limit: int, lang: str) -> str:
    """``time``, ``metric``, ``value``: 0 from the span's beginning and whenever an alert is over, else its severity."""
    name, always, join, columns = _TROUBLE[what]
    name = name.format(rule="rule_zh" if lang == "zh" else "rule_en")
    found = [always, *conditions(what.value, where, columns)]
    found += ["x.fired_at_ms <= $__to", "(x.cleared_at_ms IS NULL OR x.cleared_at_ms >= $__from)"]
    rest = ""
    if what is Timelined.CABINETS:
        # those without trouble are drawn too
        narrowed = _where(conditions("cabinets", where))
        rest = f"\nUNION SELECT x.name, $__from, 0 FROM {SCHEMA}.cabinets AS x{narrowed}"  # noqa: S608
    return (
        f"WITH trouble AS (SELECT {name} AS metric, x.fired_at_ms, x.cleared_at_ms, x.severity\n"  # noqa: S608
        f"FROM {SCHEMA}.alerts AS x {join}{_where(found)}\nORDER BY x.fired_at_ms DESC LIMIT 500),\n"
        "chosen AS (SELECT metric FROM trouble GROUP BY metric ORDER BY max(severity) DESC, metric"
        f" LIMIT {limit}),\n"
        "moments AS (SELECT metric, greatest(fired_at_ms, $__from) AS at_ms, severity AS value FROM trouble\n"
        "UNION SELECT metric, cleared_at_ms, 0 FROM trouble WHERE cleared_at_ms BETWEEN $__from AND $__to\n"
        f"UNION SELECT metric, $__from, 0 FROM trouble WHERE fired_at_ms > $__from{rest})\n"
        "SELECT to_timestamp(at_ms / 1000.0) AS time, metric, max(value) AS value\nFROM moments\n"
        "WHERE metric IN (SELECT metric FROM chosen)"
        f"{' OR value = 0' if rest else ''}\nGROUP BY at_ms, metric\nORDER BY 1"
    )


def worded(sql: str, words: Mapping[str, str]) -> str:
    """What ``sql`` gives, in words where there are any."""
    if not words:
        return sql
    cases = " ".join(f"WHEN {quoted(value)} THEN {quoted(word)}" for value, word in words.items())
    return f"CASE {sql} {cases} ELSE {sql} END"


def quality(what: str, where: Where, limit: int, lang: str, said: Said) -> str:
    """``name``, ``value`` of what is wrong with the data itself."""
    if what == "lateness":
        return (
            f"SELECT x.name, x.oldest_unsent_s AS value\nFROM {SCHEMA}.cabinets AS x"
            f"{_where(conditions('cabinets', where))}\nORDER BY 2 DESC, 1\nLIMIT {limit}"
        )
    if what == "rejected":
        reason = worded("x.reason", said("dead_letters", "reason"))
        found = [*conditions("dead_letters", where), f"x.at_ms {SPAN}"]
        return (
            f"SELECT {reason} AS name, sum(x.stands_for) AS value, max(x.at) AS last\n"
            f"FROM {SCHEMA}.dead_letters AS x{_where(found)}\nGROUP BY 1\nORDER BY 2 DESC\nLIMIT {limit}"
        )
    places = {"area": "x.area_code", "family": "x.family", "class": "x.class_code"}
    narrowed = conditions(what, where, places)
    gap = worded("x.gap", said("assets", "gap"))
    if what == "unplaced":
        source, split, weight = "doubts", worded("x.doubt", said("assets", "doubt")), "count(*)"
    elif what == "gaps":
        source, split, weight = "gaps", gap, "sum(x.assets)"
        narrowed.append("x.gap <> ''")
    else:
        split, join = _split("assets", SplitBy.AREA, where, lang)
        narrowed.append("x.gap IN ('supervisor', 'owner', 'maintainer')")
        return (
            f"SELECT {split} AS name, {gap} AS gap, sum(x.assets) AS value\n"
            f"FROM {SCHEMA}.gaps AS x{join}{_where(narrowed)}\nGROUP BY 1, 2\nORDER BY 3 DESC, 1\nLIMIT {limit}"
        )
    return (
        f"SELECT {split} AS name, {weight} AS value\nFROM {SCHEMA}.{source} AS x{_where(narrowed)}\n"
        f"GROUP BY 1\nORDER BY 2 DESC\nLIMIT {limit}"
    )


def marks(what: str, where: Where, lang: str) -> str:
    """What is marked in the charts: ``time``, ``timeend``, ``text``, ``tags``; the worst 200."""
    rule = "rule_zh" if lang == "zh" else "rule_en"
    begin, end, text, tags, order = {
        "alerts": (
            *("fired_at", "cleared_at", f"x.{rule} || ' · ' || coalesce(x.asset_name, x.cabinet_id)"),
            *("'severity ' || x.severity", "x.severity DESC, "),
        ),
        "cases": ("opened_at", "ended_at", "x.number || ' · ' || coalesce(x.road, '')", "x.stage", "x.severity DESC, "),
        "permits": ("started_at", "ended_at", "x.asset_name || ' · ' || x.road", "x.state", ""),
    }[what]
    found = [*conditions(what, where), f"x.{begin}_ms {SPAN}"]
    return (
        f"SELECT x.{begin} AS time, x.{end} AS timeend, {text} AS text, {tags} AS tags\n"
        f"FROM {SCHEMA}.{what} AS x{_where(found)}\nORDER BY {order}x.{begin}_ms\nLIMIT 200"
    )


def wrong_places(where: Where) -> str:
    """Where the open cases are, the worst first."""
    found = ["x.is_open", "x.lon IS NOT NULL", *conditions("cases", where)]
    return (
        "SELECT x.id, x.lon, x.lat, x.severity, x.number, x.kind, x.stage, coalesce(x.road, '') AS road\n"
        f"FROM {SCHEMA}.cases AS x{_where(found)}\nORDER BY x.severity DESC, x.opened_at_ms\nLIMIT 2000"
    )


def points(point: str, where: Where, most: int) -> str:
    """The points of that name: ``__text``, ``__value`` (the tag ``point`` of the series), with live alerts first."""
    columns = {**_PLACE, "device": "x.device_id", "cabinet": "x.cabinet_id"}
    found = [f"x.name = {quoted(point)}", "x.fitted", *conditions("points", where, columns)]
    return (
        "SELECT coalesce(x.asset_name, '') || ' · ' || x.serial AS __text, x.id::text AS __value\n"  # noqa: S608
        f"FROM {SCHEMA}.points AS x{_where(found)}\n"
        f"ORDER BY x.id NOT IN (SELECT point_id FROM {SCHEMA}.alerts WHERE state = 'firing' AND point_id IS NOT NULL),"
        f" x.id\nLIMIT {most}"
    )


def _where(found: list[str]) -> str:
    return "\nWHERE " + "\n  AND ".join(found) if found else ""


def quoted(value: object) -> str:
    """As a literal of SQL."""
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"
