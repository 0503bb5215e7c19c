"""What a board lists, in SQL: things with links, states over time, what is wrong with the data, marks and places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from dashboards.grafana.sql import (
    CABINET_STATE,
    DEVICE_STATE,
    PLACE,
    SCHEMA,
    SPAN,
    THINGS,
    Said,
    conditions,
    named,
    of_now,
    quoted,
    split_by,
    where_of,
    worded,
)
from registry.domain.boards import Listed, SplitBy, Timelined, Where
from registry.domain.kinds import Doubt
from registry.queries.gaps import GAPS

_LISTED: Mapping[Listed, tuple[str, Mapping[str, str]]] = {
    Listed.CASES: (
        "x.id, x.severity, x.number, x.kind, x.stage, x.is_late, coalesce(x.road, '') AS road, {unit} AS unit,"
        " x.opened_at, x.deadline_at",
        {
            "worst": "x.is_running DESC, x.severity DESC, x.is_late DESC, x.opened_at_ms",
            "newest": "x.id DESC",
            "late": "x.deadline_at_ms",
        },
    ),
    Listed.ALERTS: (
        "x.id, x.severity, {rule} AS rule, x.asset_name, x.road, x.value, x.peak, x.fired_at, x.cleared_at",
        {"worst": "x.severity DESC, x.fired_at_ms DESC", "newest": "x.id DESC", "late": "x.fired_at_ms"},
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
    words = {
        "unit": named("x.unit", "x.unit_en", lang),
        "rule": named("x.rule_zh", "x.rule_en", lang),
        "heard": DEVICE_STATE,
        "online": CABINET_STATE,
    }
    thing = THINGS[what.value]
    found = [*([thing.always] if thing.always else []), *conditions(what.value, where)]
    if thing.moment and not of_now(what.value, where):
        found.append(f"x.{thing.moment}_ms {SPAN}")
    if what is Listed.CASES and order == "late":
        found.append("x.is_running")
    return (
        f"SELECT {columns.format(**words)}\nFROM {SCHEMA}.{thing.view} AS x{where_of(found)}\n"
        f"ORDER BY {orders[order].format(**words)}\nLIMIT {limit}"
    )


_TROUBLE: Mapping[Timelined, tuple[str, str, str, Mapping[str, str]]] = {
    # who, which alerts tell of it, what joins them, and by what they are narrowed
    Timelined.CABINETS: (
        "coalesce(b.name, x.cabinet_id)",
        "x.rule_kind = 'no_data' AND x.cabinet_id <> '' AND x.bus = '' AND x.device_id IS NULL",
        f"LEFT JOIN {SCHEMA}.cabinets AS b ON b.id = x.cabinet_id",
        {"cabinet": "x.cabinet_id"},
    ),
    Timelined.DEVICES: (
        "d.serial",
        "x.rule_kind = 'no_data'",
        f"JOIN {SCHEMA}.devices AS d ON d.id = x.device_id",
        {**PLACE, "device": "x.device_id", "cabinet": "d.cabinet_id"},
    ),
    Timelined.ALERTS: (
        "concat_ws(' · ', nullif(coalesce(x.asset_name, x.cabinet_id), ''), {rule})",
        "true",
        "",
        THINGS["alerts"].columns,
    ),
}


def states(what: Timelined, where: Where, limit: int, lang: str) -> str:
    """``time``, ``metric``, ``value``: the worst that fires of each whenever anything changed, else 0."""
    name, always, join, columns = _TROUBLE[what]
    name = name.format(rule=named("x.rule_zh", "x.rule_en", lang))
    found = [always, *conditions(what.value, where, columns)]
    found += ["x.fired_at_ms <= $__to", "(x.cleared_at_ms IS NULL OR x.cleared_at_ms >= $__from)"]
    who = f"SELECT metric FROM trouble GROUP BY metric ORDER BY max(severity) DESC, metric LIMIT {limit}"  # noqa: S608
    if what is Timelined.CABINETS:
        # those without trouble are drawn too
        troubled = "x.name IN (SELECT metric FROM trouble) DESC, x.name"
        narrowed = where_of(conditions("cabinets", where))
        who = f"SELECT x.name AS metric FROM {SCHEMA}.cabinets AS x{narrowed}\nORDER BY {troubled} LIMIT {limit}"  # noqa: S608
    worst = (
        "SELECT max(t.severity) FROM trouble AS t WHERE t.metric = n.metric AND t.fired_at_ms <= m.at_ms"
        " AND (t.cleared_at_ms IS NULL OR t.cleared_at_ms > m.at_ms)"
    )
    return (
        f"WITH trouble AS (SELECT {name} AS metric, x.fired_at_ms, x.cleared_at_ms, x.severity\n"  # noqa: S608
        f"FROM {SCHEMA}.alerts AS x {join}{where_of(found)}\nORDER BY x.fired_at_ms DESC LIMIT 200),\n"
        f"names AS ({who}),\n"
        "moments AS (SELECT $__from AS at_ms UNION SELECT fired_at_ms FROM trouble WHERE fired_at_ms > $__from\n"
        "UNION SELECT cleared_at_ms FROM trouble WHERE cleared_at_ms BETWEEN $__from AND $__to)\n"
        f"SELECT to_timestamp(m.at_ms / 1000.0) AS time, n.metric, coalesce(({worst}), 0) AS value\n"
        "FROM moments AS m CROSS JOIN names AS n\nORDER BY 1, 2"
    )


def quality(what: str, where: Where, limit: int, lang: str, said: Said) -> str:
    """``name``, ``value`` of what is wrong with the data itself."""
    if what == "lateness":
        return (
            f"SELECT x.name, x.oldest_unsent_s AS value\nFROM {SCHEMA}.cabinets AS x"
            f"{where_of(conditions('cabinets', where))}\nORDER BY 2 DESC, 1\nLIMIT {limit}"
        )
    if what == "rejected":
        reason = worded("x.reason", said("dead_letters", "reason"))
        found = [*conditions("dead_letters", where), f"x.at_ms {SPAN}"]
        return (
            f"SELECT {reason} AS name, count(*) AS value, max(x.at) AS last\n"
            f"FROM {SCHEMA}.dead_letters AS x{where_of(found)}\nGROUP BY 1\nORDER BY 2 DESC\nLIMIT {limit}"
        )
    places = {"area": "x.area_code", "family": "x.family", "class": "x.class_key"}
    narrowed = conditions(what, where, places)
    gap = worded("x.gap", said("assets", "gap"))
    if what == "unplaced":
        split = worded("x.gap", said("assets", "doubt"))
        narrowed.append(f"x.gap IN {_listed(Doubt)}")
    elif what == "gaps":
        split = gap
        narrowed.append(f"x.gap IN {_listed(GAPS)}")
    else:
        split, join = split_by("assets", SplitBy.AREA, where, lang)
        narrowed.append("x.gap IN ('supervisor', 'owner', 'maintainer')")
        return (
            f"SELECT {split} AS name, {gap} AS gap, sum(x.assets) AS value\n"
            f"FROM {SCHEMA}.gaps AS x{join}{where_of(narrowed)}\nGROUP BY 1, 2\nORDER BY 3 DESC, 1\nLIMIT {limit}"
        )
    return (
        f"SELECT {split} AS name, sum(x.assets) AS value\nFROM {SCHEMA}.gaps AS x{where_of(narrowed)}\n"
        f"GROUP BY 1\nORDER BY 2 DESC\nLIMIT {limit}"
    )


def _listed(words: Iterable[StrEnum]) -> str:
    return "(" + ", ".join(quoted(word.value) for word in words) + ")"


_LOOKED_BACK_MS = 14 * 86_400_000


def marks(what: str, where: Where, lang: str) -> str:
    """What was on in the span and is marked, the worst 200: ``time``, ``timeend``, ``text``, ``tags``."""
    rule = named("x.rule_zh", "x.rule_en", lang)
    begin, end, on, text, tags, order = {
        "alerts": (
            *("fired_at", "cleared_at", "x.state = 'firing'"),
            f"concat_ws(' · ', {rule}, nullif(coalesce(x.asset_name, x.cabinet_id), ''))",
            *("'severity ' || x.severity", "x.severity DESC, "),
        ),
        "cases": (
            *("opened_at", "ended_at", "x.is_open", "concat_ws(' · ', x.number, nullif(x.road, ''))"),
            *("x.stage", "x.severity DESC, "),
        ),
        "permits": (
            *("started_at", "ended_at", "x.state = 'open'"),
            *("concat_ws(' · ', nullif(x.asset_name, ''), nullif(x.road, ''))", "x.state", ""),
        ),
    }[what]
    over = f"x.{end}_ms > $__from"
    if what != "cases":
        # no index tells of them by their end, so those that are over are looked for from their beginning
        over = f"({over} AND x.{begin}_ms >= $__from - {_LOOKED_BACK_MS})"
    found = conditions(what, where)
    found.append(f"(x.{begin}_ms {SPAN} OR (x.{begin}_ms < $__from AND ({on} OR {over})))")
    # what has no end goes on to the end of the picture
    until = f"CASE WHEN {on} THEN to_timestamp($__to / 1000.0) ELSE x.{end} END"
    return (
        f"SELECT x.{begin} AS time, {until} AS timeend, {text} AS text, {tags} AS tags\n"
        f"FROM {SCHEMA}.{what} AS x{where_of(found)}\nORDER BY {order}x.{begin}_ms\nLIMIT 200"
    )


def wrong_places(where: Where) -> str:
    """Where the open cases are, the worst first."""
    found = ["x.is_open", "x.lon IS NOT NULL", *conditions("cases", where)]
    return (
        "SELECT x.id, x.lon, x.lat, x.severity, x.number, x.kind, x.stage, coalesce(x.road, '') AS road\n"
        f"FROM {SCHEMA}.cases AS x{where_of(found)}\nORDER BY x.severity DESC, x.opened_at_ms\nLIMIT 2000"
    )


def points(point: str, where: Where, most: int) -> str:
    """The points of that name: ``__text``, ``__value`` (the tag ``point`` of the series), with live alerts first."""
    columns = {**PLACE, "device": "x.device_id", "cabinet": "x.cabinet_id"}
    found = [f"x.name = {quoted(point)}", "x.fitted", *conditions("points", where, columns)]
    return (
        "SELECT coalesce(x.asset_name, '') || ' · ' || x.serial AS __text, x.id::text AS __value\n"  # noqa: S608
        f"FROM {SCHEMA}.points AS x{where_of(found)}\n"
        f"ORDER BY x.id NOT IN (SELECT point_id FROM {SCHEMA}.alerts WHERE state = 'firing' AND point_id IS NOT NULL),"
        f" x.id\nLIMIT {most}"
    )
