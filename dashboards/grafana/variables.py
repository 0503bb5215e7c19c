"""A board's choices and hidden helpers as Grafana's variables.

Whatever the kind of variable, queries read it as ``${name:regex}``; *all* is ``.*`` where it stands for everything, and
the list of all values (no ``allValue``) for the points of a panel, which are meant to be few.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboards.grafana import influx
from dashboards.grafana.panels import RECORDS
from dashboards.grafana.sql import SCHEMA, named
from dashboards.grafana.words import Words
from registry.domain.boards import Variable, VariableName

Plain = dict[str, Any]

_ALL = {"text": ["All"], "value": ["$__all"]}


def chosen(variable: Variable, words: Words) -> Plain:
    """A choice above the board."""
    options = _custom(variable.name, words)
    made: Plain = {
        "name": variable.name.value,
        "label": words.t(f"grafana.variable.{variable.name.value}"),
        "type": "custom" if options else "query",
        "multi": variable.multi,
        "includeAll": True,
        "allValue": ".*",
        "current": _ALL if variable.multi else {"text": "All", "value": "$__all"},
        "hide": 0,
        "skipUrlSync": False,
        "options": [],
    }
    if variable.default:
        values = [str(value) for value in variable.default]
        made["current"] = (
            {"text": values, "value": values} if variable.multi else {"text": values[0], "value": values[0]}
        )
    return made | ({"query": options} if options else _asked(_QUERIES[variable.name][words.lang == "zh"], refresh=1))


def point_choice(name: str, label: str, query: str) -> Plain:
    """The points of a panel: every one the query gives, unless somebody opens the list."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "multi": True,
        "includeAll": True,
        "current": _ALL,
        "hide": 2,
        "skipUrlSync": False,
        "options": [],
        **_asked(query, refresh=2),
    }


def details(default: str, words: Words) -> list[Plain]:
    """How fine curves are, and what this choice makes of their queries: see ``dashboards.grafana.influx``."""
    said = {detail: words.t(f"grafana.detail.{detail}") for detail in influx.DETAILS}
    base: Plain = {"multi": False, "includeAll": False, "options": []}
    return [
        {
            **base,
            "name": influx.DETAIL,
            "label": words.t("grafana.variable.detail"),
            "type": "custom",
            "query": _options(said),
            "current": {"text": said[default], "value": default},
            "hide": 0,
            "skipUrlSync": False,
        },
        *(
            {
                **base,
                "name": name,
                "type": "query",
                "current": {"text": default, "value": influx.part(name, default)},
                "hide": 2,
                "skipUrlSync": True,
                **_asked(influx.part_query(name), refresh=1),
            }
            for name in influx.PARTS
        ),
    ]


def constant(name: str, value: str) -> Plain:
    """What the queries and links need to know of the city."""
    return {
        "name": name,
        "type": "constant",
        "query": value,
        "current": {"text": value, "value": value},
        "hide": 2,
        "skipUrlSync": True,
        "options": [{"text": value, "value": value, "selected": True}],
    }


def _asked(query: str, *, refresh: int) -> Plain:
    return {"datasource": RECORDS, "query": query, "refresh": refresh, "regex": "", "sort": 0}


def _custom(name: VariableName, words: Words) -> str:
    """The options of what has few values and words of its own."""
    if name not in (VariableName.FAMILY, VariableName.KIND):
        return ""
    return _options(words.group(name.value))


def _options(said: Mapping[str, str]) -> str:
    # a comma parts the options
    return ", ".join(f"{word.replace(',', ' ')} : {key}" for key, word in said.items())


def _named(view: str, value: str, where: str = "") -> tuple[str, str]:
    """In English and in Chinese."""
    return tuple(  # type: ignore[return-value]
        f"SELECT {named('name', 'name_en', lang)} AS __text, {value} AS __value"  # noqa: S608
        f" FROM {SCHEMA}.{view}{where} ORDER BY {value}"
        for lang in ("en", "zh")
    )


_FITTED = f"SELECT asset_id FROM {SCHEMA}.devices WHERE fitted"  # noqa: S608
_ASSETS = (
    f"SELECT name || ' ' || code AS __text, id::text AS __value FROM {SCHEMA}.assets"  # noqa: S608
    f" WHERE id IN ({_FITTED}) ORDER BY code LIMIT 1000"
)
_DEVICES = (
    "SELECT serial || ' ' || coalesce(asset_name, '') AS __text, id::text AS __value"  # noqa: S608
    f" FROM {SCHEMA}.devices WHERE fitted ORDER BY serial LIMIT 1000"
)
_CABINETS = f"SELECT name AS __text, id AS __value FROM {SCHEMA}.cabinets ORDER BY id"  # noqa: S608
_CLASSES = tuple(
    f"SELECT code || ' ' || {named('name_zh', 'name_en', lang)} AS __text, key AS __value"  # noqa: S608
    f" FROM {SCHEMA}.classes ORDER BY key"
    for lang in ("en", "zh")
)
_QUERIES: dict[VariableName, tuple[str, ...]] = {
    VariableName.AREA: _named(
        "areas", "code", " WHERE level IN ('district', 'street', 'community') AND ended_on IS NULL"
    ),
    VariableName.UNIT: _named("units", "id"),
    VariableName.ASSET: (_ASSETS, _ASSETS),
    VariableName.DEVICE: (_DEVICES, _DEVICES),
    VariableName.CABINET: (_CABINETS, _CABINETS),
    VariableName.CLASS: _CLASSES,
}
